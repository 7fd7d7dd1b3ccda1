"""The record of who changed what."""

from django.conf import settings
from django.db import models

from balancer.choices import Entrance


class Activity(models.Model):
    """One change: who, what, before, after and through which entrance. Never altered."""

    at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="activities",
    )
    actor_name = models.CharField(max_length=150)
    entrance = models.CharField(max_length=10, choices=Entrance.choices)
    action = models.CharField(max_length=80)
    load_balancer_public_id = models.CharField("load balancer", max_length=40, blank=True)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=80)
    object_name = models.CharField(max_length=200)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    request_id = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "activities"
        indexes = [
            models.Index(fields=["-at"], name="activity_by_time"),
            models.Index(fields=["object_id", "-at"], name="activity_by_object"),
            models.Index(fields=["load_balancer_public_id", "-at"], name="activity_by_balancer"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_name}"
