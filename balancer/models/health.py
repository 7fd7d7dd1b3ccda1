"""What the health checks have observed; written by the system only."""

from django.db import models

from balancer.choices import HEALTH_STATUS_CHOICES


class HealthState(models.Model):
    """The last known status of one probe, so that a flushed feed forgets nothing."""

    probe_id = models.CharField(max_length=16, unique=True)
    shard = models.PositiveSmallIntegerField()
    address = models.GenericIPAddressField(protocol="IPv4")
    port = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=HEALTH_STATUS_CHOICES)
    since = models.DateTimeField()

    class Meta:
        ordering = ["address", "port"]
        indexes = [models.Index(fields=["shard"], name="health_state_by_shard")]

    def __str__(self) -> str:
        return f"{self.address}:{self.port} {self.status}"


class HealthFlip(models.Model):
    """A server changed its status, with the probes that caused it as evidence."""

    probe_id = models.CharField(max_length=16)
    address = models.GenericIPAddressField(protocol="IPv4")
    port = models.PositiveIntegerField()
    before = models.CharField(max_length=10, choices=HEALTH_STATUS_CHOICES)
    after = models.CharField(max_length=10, choices=HEALTH_STATUS_CHOICES)
    at = models.DateTimeField()
    evidence = models.JSONField(default=list)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["probe_id", "-at"], name="health_flip_by_probe"),
            models.Index(fields=["-at"], name="health_flip_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.address}:{self.port} {self.before} -> {self.after}"


class HealthShard(models.Model):
    """Counts the owners of a shard; the count is the epoch that fences off earlier owners."""

    number = models.PositiveSmallIntegerField(unique=True)
    epoch = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"shard {self.number}, epoch {self.epoch}"
