"""Unfinished input of panels and wizards, so that reload, back and login lose nothing."""

from django.conf import settings
from django.db import models

from balancer.choices import DraftKind
from balancer.public_ids import new_draft_id


class Draft(models.Model):
    """What one user has typed so far; expires a day after the last change."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_draft_id, editable=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    kind = models.CharField(max_length=20, choices=DraftKind.choices)
    subject_id = models.CharField("belongs to", max_length=40)
    content = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["updated_at"], name="draft_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.subject_id}"
