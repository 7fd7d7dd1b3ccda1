"""The outbox between the database and the feed."""

from django.db import models
from django.db.models import F


class PublishHead(models.Model):
    """Which version of a load balancer is wanted on the feed and which one is there.

    The row outlives its load balancer: ``deleted`` makes the next publication a tombstone.
    """

    load_balancer_public_id = models.CharField("load balancer", max_length=40, unique=True)
    wanted = models.PositiveBigIntegerField(default=0)
    published = models.PositiveBigIntegerField(default=0)
    deleted = models.BooleanField(default=False)
    wanted_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["load_balancer_public_id"]
        indexes = [
            models.Index(
                fields=["load_balancer_public_id"],
                condition=models.Q(wanted__gt=F("published")),
                name="publish_head_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.load_balancer_public_id}: {self.published} of {self.wanted}"

    @property
    def is_waiting(self) -> bool:
        """Tell whether something committed is not on the feed yet."""
        return self.wanted > self.published
