"""Writes the figures that the Monitoring pages show, from the counters that proxies report."""

import json
from datetime import UTC, datetime, timedelta

from balancer import feed
from balancer.domain.metrics import Sample, rates, read_sums
from balancer.models import Listener, MetricPoint

SAMPLE_KEY = "openclb:metrics:sample"
PERIOD_S = 60
LONGEST_PERIOD_S = 180
"""Two samples further apart (beat was away, a clock was set) are not compared."""
KEPT_DAYS = 8


@feed.needs_feed
def record_metrics(*, now: datetime) -> int:
    """Write one point per figure when a period is over; return how many were written."""
    sample = _take_sample()
    before = feed.client().get(SAMPLE_KEY)
    at, earlier = json.loads(str(before)) if before else (0.0, {})
    elapsed_s = now.timestamp() - at
    if 0 <= elapsed_s < PERIOD_S:
        return 0
    text = json.dumps([now.timestamp(), sample])
    feed.client().set(SAMPLE_KEY, text, ex=LONGEST_PERIOD_S)
    if not 0 < elapsed_s <= LONGEST_PERIOD_S:
        return 0
    return _write_points(rates(earlier, sample, elapsed_s), now)


def _take_sample() -> Sample:
    return {
        node: {
            listener: read_sums(counted)
            for listener, counted in counters.get("listeners", {}).items()
        }
        for node, counters in feed.read_counters().items()
    }


def _write_points(figures: dict[str, dict[str, float]], now: datetime) -> int:
    """Write the figures of each listener and their sum for its load balancer."""
    owners = dict(
        Listener.objects.filter(public_id__in=figures).values_list(
            "public_id", "load_balancer__public_id"
        )
    )
    of_subjects: dict[str, dict[str, float]] = {}
    for listener, owner in owners.items():
        for figure, value in figures[listener].items():
            for subject in (listener, owner):
                total = of_subjects.setdefault(subject, {})
                total[figure] = total.get(figure, 0.0) + value
    at = datetime.fromtimestamp(now.timestamp() // PERIOD_S * PERIOD_S, UTC)
    points = [
        MetricPoint(subject_id=subject, metric=figure, at=at, period_s=PERIOD_S, value=value)
        for subject, values in of_subjects.items()
        for figure, value in values.items()
    ]
    MetricPoint.objects.bulk_create(points, ignore_conflicts=True)
    MetricPoint.objects.filter(at__lt=now - timedelta(days=KEPT_DAYS)).delete()
    return len(points)
