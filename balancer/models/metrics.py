"""Measured figures over time."""

from django.db import models

from balancer.domain.metrics import MetricSubject, Point


class Measurement(models.Model):
    """All figures of one subject for one period, which begins at ``at``.

    A figure that is missing is 0, unless nobody knows it. ``measured_s`` is how long was measured:
    some seconds more or less than the period, or much less where nobody was there to measure.
    """

    kind = models.CharField(
        max_length=20, choices=[(each.value, each.value) for each in MetricSubject]
    )
    subject_id = models.CharField(max_length=80)
    period_s = models.PositiveIntegerField()
    at = models.DateTimeField()
    measured_s = models.PositiveIntegerField()
    figures = models.JSONField(default=dict)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id", "period_s", "at"], name="one_measurement_per_period"
            )
        ]
        indexes = [models.Index(fields=["kind", "period_s", "at"], name="measurement_by_time")]

    def __str__(self) -> str:
        return f"{self.subject_id} at {self.at:%Y-%m-%d %H:%M}"

    @property
    def point(self) -> Point:
        """Return it as the domain reads it."""
        return Point(int(self.at.timestamp()), self.measured_s, self.figures)
