"""Measured figures over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from balancer.domain.metric_catalogue import TIERS, Metric, steps
from balancer.domain.metrics import MetricSubject, Point
from balancer.models import Measurement


@dataclass(frozen=True, slots=True)
class Span:
    """A time in steps of equal length; it begins and ends with a step."""

    since: datetime
    until: datetime
    step_s: int

    @classmethod
    def around(cls, since: datetime, until: datetime, step_s: int) -> "Span":
        """Return the whole steps that the time touches."""
        first = since.timestamp() // step_s * step_s
        last = -(-until.timestamp() // step_s) * step_s
        return cls(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC), step_s)

    @property
    def times(self) -> list[datetime]:
        """Return where each step begins."""
        first, last = int(self.since.timestamp()), int(self.until.timestamp())
        return [datetime.fromtimestamp(at, UTC) for at in range(first, last, self.step_s)]


def read_series(
    kind: MetricSubject, subject_id: str, metrics: Sequence[Metric], span: Span
) -> dict[str, list[float | None]]:
    """Return the values of each metric by its name; the caller has found the subject with a right.

    None stands for a step in which nothing was measured.
    """
    return steps(
        _points(kind, subject_id, span),
        metrics,
        since=int(span.since.timestamp()),
        until=int(span.until.timestamp()),
        step_s=span.step_s,
    )


def _points(kind: MetricSubject, subject_id: str, span: Span) -> list[Point]:
    """Return the coarsest points that fit in the steps, and finer ones where there are none yet."""
    points: list[Point] = []
    since = span.since
    for tier in reversed(TIERS[kind]):
        if span.step_s % tier.period_s:
            continue
        rows = Measurement.objects.filter(
            subject_id=subject_id, period_s=tier.period_s, at__gte=since, at__lt=span.until
        )
        found = [row.point for row in rows.order_by("at")]
        points += found
        if found:
            since = datetime.fromtimestamp(found[-1].at + tier.period_s, UTC)
    return points
