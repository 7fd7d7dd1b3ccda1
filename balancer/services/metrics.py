"""Writes the figures of each minute, from the counters that proxies report and the checks' word."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from balancer import feed
from balancer.domain.metric_catalogue import PERIOD_S
from balancer.domain.metrics import (
    Figures,
    MetricSubject,
    Sample,
    Subject,
    add_figures,
    compact,
    rates,
    read_places,
)
from balancer.models import Listener, Measurement
from balancer.selectors.health_counts import count_health
from balancer.services.metric_tiers import roll_up, store

SAMPLE_KEY = "openclb:metrics:sums"
LONGEST_PERIOD_S = 180
"""Two samples further apart (beat was away, a clock was set) are not compared."""


@feed.needs_feed
def record_metrics(*, now: datetime) -> int:
    """Write the points of the minutes that are over; return how many were written.

    A minute is measured from the first call in it to the first call in the next. When calls were
    late, the minutes between share the figures of the whole time.
    """
    text = feed.client().get(SAMPLE_KEY)
    at, before = json.loads(str(text)) if text else (0.0, {})
    minutes = _minutes_between(at, now.timestamp())
    if not minutes and 0 <= now.timestamp() - at < PERIOD_S:
        return 0
    sample = {node: read_places(counters) for node, counters in feed.read_counters().items()}
    written = 0
    if minutes:
        elapsed_s = now.timestamp() - at
        figures = _figures(before, sample, elapsed_s)
        measured_s = max(1, round(elapsed_s / len(minutes)))
        written = sum(_write(figures, minute, measured_s) for minute in minutes)
        roll_up(now=now)
    text = json.dumps([now.timestamp(), sample])
    feed.client().set(SAMPLE_KEY, text, ex=LONGEST_PERIOD_S)
    return written


def _minutes_between(at: float, now: float) -> range:
    """Return the beginnings of the minutes that ended since the sample before."""
    if not 0 < now - at <= LONGEST_PERIOD_S:
        return range(0)
    first, last = (int(each // PERIOD_S * PERIOD_S) for each in (at, now))
    return range(first, last, PERIOD_S)


def _figures(before: Sample, after: Sample, elapsed_s: float) -> dict[Subject, dict[str, float]]:
    """Return the figures of every subject whose listener a proxy serves."""
    figures = rates(before, after, elapsed_s)
    served = {subject_id for kind, subject_id in figures if kind is MetricSubject.LISTENER}
    rows = Listener.objects.filter(public_id__in=served).order_by("pk")
    listeners = list(
        rows.select_related("load_balancer", "server_group", "primary_group", "secondary_group")
    )
    owners = {each.public_id: each.load_balancer.public_id for each in listeners}
    for listener, owner in owners.items():
        whole = figures.setdefault((MetricSubject.LOAD_BALANCER, owner), {})
        add_figures(whole, figures[MetricSubject.LISTENER, listener])
    for subject, counts in count_health(listeners).items():
        figures.setdefault(subject, {}).update(counts)
    return figures


def _write(figures: Mapping[Subject, Figures], minute: int, measured_s: int) -> int:
    """Write one minute."""
    at = datetime.fromtimestamp(minute, UTC)
    rows = [
        Measurement(
            kind=kind,
            subject_id=subject_id,
            period_s=PERIOD_S,
            at=at,
            measured_s=measured_s,
            figures=compact(values),
        )
        for (kind, subject_id), values in figures.items()
    ]
    store(rows)
    return len(rows)
