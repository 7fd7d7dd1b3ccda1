"""Which metrics there are, what each means, how fine they are kept and how they are read; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from balancer.domain.metrics import (
    ACTIVE,
    DRAINING,
    HEALTHY,
    HIGHEST_ACTIVE,
    KNOWN_AT_TIMES,
    TIME_S,
    TIMED,
    UNHEALTHY,
    Figures,
    MetricSubject,
    Point,
    merge,
    rounded,
)

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
PERIOD_S = MINUTE_S
"""How long the time of a point is that comes from the proxies' counters."""
LONGEST_KEPT_S = 8 * DAY_S
TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class Tier:
    """Points of so many seconds each, and for how long they are kept."""

    period_s: int
    kept_s: int


_COARSE = 15 * MINUTE_S
_OF_WHOLES = (Tier(PERIOD_S, DAY_S), Tier(_COARSE, LONGEST_KEPT_S))
TIERS: Mapping[MetricSubject, tuple[Tier, ...]] = {
    MetricSubject.LOAD_BALANCER: _OF_WHOLES,
    MetricSubject.LISTENER: _OF_WHOLES,
    MetricSubject.SERVER_GROUP: _OF_WHOLES,
    MetricSubject.BACKEND_SERVER: (
        Tier(PERIOD_S, 2 * HOUR_S),
        Tier(_COARSE, DAY_S),
        Tier(HOUR_S, LONGEST_KEPT_S),
    ),
}
"""Servers are many: what is long ago is kept of them by the hour."""


class Statistic(StrEnum):
    """What the value of a step is, made of the points in it."""

    AVERAGE = "average"
    HIGHEST = "highest"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``figure`` is what is stored; ``per`` is what it is divided by, if anything."""

    name: str
    unit: str
    description: str
    subjects: frozenset[MetricSubject]
    figure: str
    per: str = ""
    factor: float = 1.0
    statistic: Statistic = Statistic.AVERAGE

    def read(self, figures: Figures) -> float | None:
        """Return the metric's value among the figures of a time, None when nobody knows it."""
        if self.figure in KNOWN_AT_TIMES and self.figure not in figures:
            return None
        divisor = figures.get(self.per, 0.0) if self.per else 1.0
        if not divisor:
            return None
        return rounded(self.factor * figures.get(self.figure, 0.0) / divisor)


_FRONT = frozenset({MetricSubject.LOAD_BALANCER, MetricSubject.LISTENER})
_WORK = frozenset({MetricSubject.SERVER_GROUP, MetricSubject.BACKEND_SERVER})
_SERVER = frozenset({MetricSubject.BACKEND_SERVER})
_ALL = _FRONT | _WORK


def _rates(subjects: frozenset[MetricSubject], *rows: tuple[str, str, str]) -> tuple[Metric, ...]:
    return tuple(
        Metric(f"{figure}_per_s", f"{unit}/s", text, subjects, figure)
        for figure, unit, text in rows
    )


_LISTED = (
    *_rates(_ALL, ("requests", "requests", "HTTP requests; of servers, those sent to them.")),
    *_rates(
        _ALL,
        (
            "connections",
            "connections",
            "Connections accepted of clients, or opened to servers; UDP sessions.",
        ),
    ),
    Metric(
        "active_connections",
        "connections",
        "Open connections and UDP sessions, on average; of servers of HTTP listeners, requests "
        "under way.",
        _ALL,
        ACTIVE,
    ),
    Metric(
        "active_connections_max",
        "connections",
        "The highest of the values of active_connections at the ends of minutes.",
        _ALL,
        HIGHEST_ACTIVE,
        statistic=Statistic.HIGHEST,
    ),
    *_rates(
        _ALL,
        ("bytes_in", "bytes", "Bytes received from clients."),
        ("bytes_out", "bytes", "Bytes sent to clients."),
        ("packets_in", "packets", "UDP packets of clients that were passed on."),
        ("packets_out", "packets", "UDP packets sent to clients."),
        ("packets_dropped", "packets", "UDP packets that nobody got."),
        *(
            (f"responses_{first}xx", "responses", f"HTTP answers with a status of {first}00 on.")
            for first in range(1, 6)
        ),
    ),
    Metric(
        "response_ms",
        "ms",
        "From the head of a request to the end of its answer, on average over the requests.",
        _ALL,
        TIME_S,
        per=TIMED,
        factor=1000.0,
    ),
    *_rates(_ALL, ("retries", "attempts", "Attempts to reach a server after another one.")),
    *_rates(_WORK, ("failures", "attempts", "Attempts that the server did not answer.")),
    Metric(
        "draining_connections",
        "connections",
        "Connections left at servers that get no new ones.",
        _WORK,
        DRAINING,
    ),
    *_rates(
        _FRONT,
        ("own_answers", "answers", "Requests answered and connections closed by the proxy itself."),
        ("denied", "connections", "Connections and packets that access lists deny."),
        ("over_connections", "connections", "Turned away: the specification's connections."),
        (
            "over_new_connections",
            "connections",
            "Turned away: the specification's new connections per second.",
        ),
        ("over_requests", "requests", "Turned away: the specification's requests per second."),
        (
            "over_bandwidth",
            "packets",
            "UDP packets dropped over the bandwidth of listener or instance.",
        ),
    ),
    Metric(
        "healthy_servers",
        "servers",
        "Servers whose health checks pass; only those that are checked count.",
        _ALL - _SERVER,
        HEALTHY,
    ),
    Metric(
        "unhealthy_servers",
        "servers",
        "Servers whose health checks fail.",
        _ALL - _SERVER,
        UNHEALTHY,
    ),
    Metric(
        "healthy",
        "ratio",
        "1 while the health checks pass, 0 while they fail; in between, the share of the time.",
        _SERVER,
        HEALTHY,
    ),
)
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _LISTED}


def metrics_of(kind: MetricSubject) -> tuple[Metric, ...]:
    """Return the metrics of a kind of subject."""
    return tuple(metric for metric in _LISTED if kind in metric.subjects)


def finest_period_s(kind: MetricSubject, age_s: float) -> int | None:
    """Return the period of the finest points that reach back so far, None when none do.

    Who asks for the last 24 hours has taken a moment to ask.
    """
    fitting = (tier.period_s for tier in TIERS[kind] if age_s <= tier.kept_s + TOLERANCE_S)
    return next(fitting, None)


def steps(
    points: Iterable[Point], metrics: Sequence[Metric], *, since: int, until: int, step_s: int
) -> dict[str, list[float | None]]:
    """Return each metric's value for each step of the time, None where nothing was measured."""
    gathered: dict[int, list[Point]] = {}
    for point in points:
        gathered.setdefault((point.at - since) // step_s, []).append(point)
    values: dict[str, list[float | None]] = {metric.name: [] for metric in metrics}
    for number in range((until - since) // step_s):
        figures = merge(gathered[number])[0] if number in gathered else None
        for metric in metrics:
            value = None if figures is None else metric.read(figures)
            values[metric.name].append(value)
    return values
