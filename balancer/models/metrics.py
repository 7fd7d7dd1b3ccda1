"""Measured figures over time."""

from django.db import models


class MetricPoint(models.Model):
    """One figure of one subject (listener or load balancer) for one period."""

    subject_id = models.CharField(max_length=80)
    metric = models.CharField(max_length=40)
    at = models.DateTimeField()
    period_s = models.PositiveIntegerField()
    value = models.FloatField()

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id", "metric", "period_s", "at"], name="one_value_per_period"
            )
        ]
        indexes = [models.Index(fields=["at"], name="metric_point_by_time")]

    def __str__(self) -> str:
        return f"{self.metric} of {self.subject_id}"
