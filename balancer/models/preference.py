"""What a user has set for themselves in the console."""

from django.conf import settings
from django.db import models

from balancer.choices import Theme


class UserPreference(models.Model):
    """Theme, folded navigation, closed banners and the last region of one user."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preference"
    )
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    navigation_folded = models.BooleanField(default=False)
    closed_banners = models.JSONField(default=list, blank=True)
    last_region = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["user"]

    def __str__(self) -> str:
        return f"preferences of {self.user}"
