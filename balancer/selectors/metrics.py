"""Measured figures over time."""

from datetime import datetime

from django.db.models import QuerySet

from balancer.models import MetricPoint


def list_metric_points(*, subject_id: str, since: datetime) -> QuerySet[MetricPoint]:
    """Return the points of a listener or load balancer; the caller has found it with a right."""
    return MetricPoint.objects.filter(subject_id=subject_id, at__gte=since).order_by("at")
