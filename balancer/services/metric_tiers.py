"""Stores points, makes coarse ones of fine ones, and says which have been kept long enough."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from django.db.models import Max, Min

from balancer.domain.metric_catalogue import TIERS, Tier
from balancer.domain.metrics import MetricSubject, compact, merge
from balancer.models import Measurement

BATCH = 200
"""Rows per transaction: on SQLite each holds up every writer while it lasts."""
PAUSE_S = 0.02
"""Between two of them, so that whoever waits has a turn."""
LATEST_POINT_S = 180
"""The points of a minute come no later than this after its end."""
SUBJECTS_AT_ONCE = 200
PERIODS_AT_ONCE = 4
"""How many coarse periods one call makes; after a long absence others follow."""
KEPT_LONGER_S = 600
"""So that a time that is asked for is there from its first second on."""


def store(rows: Sequence[Measurement]) -> None:
    """Write rows in short transactions; one that is there already stays as it is."""
    for start in range(0, len(rows), BATCH):
        if start:
            time.sleep(PAUSE_S)
        Measurement.objects.bulk_create(rows[start : start + BATCH], ignore_conflicts=True)


def roll_up(*, now: datetime) -> int:
    """Make the coarse points of the periods that are over; return how many were made.

    The latest period that has points is looked at again together with the next one: a call that
    was cut short may have left some out.
    """
    made = 0
    for kind, tiers in TIERS.items():
        for fine, coarse in pairwise(tiers):
            made += _roll_up_tier(kind, fine, coarse, now)
    return made


def _roll_up_tier(kind: MetricSubject, fine: Tier, coarse: Tier, now: datetime) -> int:
    rows = Measurement.objects.filter(kind=kind)
    latest = rows.filter(period_s=coarse.period_s).aggregate(at=Max("at"))["at"]
    end = (now.timestamp() - LATEST_POINT_S) // coarse.period_s * coarse.period_s
    if latest is not None and latest.timestamp() + coarse.period_s >= end:
        return 0
    start, made = latest, 0
    for _ in range(PERIODS_AT_ONCE):
        begin = _next_begin(kind, fine, coarse, start)
        if begin is None or begin >= end:
            break
        since = datetime.fromtimestamp(begin, UTC)
        start = since + timedelta(seconds=coarse.period_s)
        made += _make_period(kind, fine, coarse, since)
    return made


def _next_begin(
    kind: MetricSubject, fine: Tier, coarse: Tier, start: datetime | None
) -> float | None:
    """Return the beginning of the first coarse period from ``start`` on that has fine points."""
    rows = Measurement.objects.filter(kind=kind, period_s=fine.period_s)
    if start is not None:
        rows = rows.filter(at__gte=start)
    first = rows.aggregate(at=Min("at"))["at"]
    return None if first is None else first.timestamp() // coarse.period_s * coarse.period_s


def _make_period(kind: MetricSubject, fine: Tier, coarse: Tier, since: datetime) -> int:
    until = since + timedelta(seconds=coarse.period_s)
    rows = Measurement.objects.filter(
        kind=kind, period_s=fine.period_s, at__gte=since, at__lt=until
    ).order_by()
    subjects = sorted(rows.values_list("subject_id", flat=True).distinct())
    for start in range(0, len(subjects), SUBJECTS_AT_ONCE):
        batch = rows.filter(subject_id__in=subjects[start : start + SUBJECTS_AT_ONCE])
        by_subject = groupby(batch.order_by("subject_id"), key=lambda row: row.subject_id)
        merged = {subject: merge(row.point for row in found) for subject, found in by_subject}
        points = [
            Measurement(
                kind=kind,
                subject_id=subject,
                period_s=coarse.period_s,
                at=since,
                measured_s=measured_s,
                figures=compact(figures),
            )
            for subject, (figures, measured_s) in merged.items()
        ]
        store(points)
        time.sleep(PAUSE_S)
    return len(subjects)


def expired(*, now: datetime) -> list[tuple[dict[str, object], datetime]]:
    """Return which rows have been kept for long enough: their columns, and before which moment."""
    return [
        (
            {"kind": kind, "period_s": tier.period_s},
            now - timedelta(seconds=tier.kept_s + KEPT_LONGER_S),
        )
        for kind, tiers in TIERS.items()
        for tier in tiers
    ]
