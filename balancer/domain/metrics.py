"""Turns the proxies' running sums into figures per second, and figures of short times into those
of longer ones; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Figures = Mapping[str, float]
Sums = Mapping[str, float]
Sample = Mapping[str, Mapping[str, Sums]]
"""Node -> place -> running sums since the node's start. A place is a listener, or a group or a
server as one listener uses it."""


class MetricSubject(StrEnum):
    """What is measured."""

    LOAD_BALANCER = "load_balancer"
    LISTENER = "listener"
    SERVER_GROUP = "server_group"
    BACKEND_SERVER = "backend_server"


Subject = tuple[MetricSubject, str]
"""A kind and a public id."""

ACTIVE, HIGHEST_ACTIVE, DRAINING = "active", "active_max", "draining"
HEALTHY, UNHEALTHY = "healthy", "unhealthy"
GAUGES = frozenset({ACTIVE, DRAINING})
"""What tells of the present; the other sums grow."""
KNOWN_AT_TIMES = frozenset({HEALTHY, UNHEALTHY})
"""Figures that are not 0 where they are missing: nobody knows them."""
TIMED, TIME_S = "timed", "time_s"
_COMMON_COUNTERS = (
    "requests",
    "bytes_in",
    "bytes_out",
    "packets_in",
    "packets_out",
    "packets_dropped",
    "retries",
    TIME_S,
    ACTIVE,
)
_LISTENER_COUNTERS = (
    *_COMMON_COUNTERS,
    "denied",
    "over_connections",
    "over_new_connections",
    "over_requests",
    "over_bandwidth",
)
_WORK_COUNTERS = (*_COMMON_COUNTERS, "connections", "failures", DRAINING)
_DIGITS = 6
_SEPARATOR = "/"


def read_places(counters: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the sums in a node's counters by place, without those that are 0."""
    places = {}
    for listener, counted in counters.get("listeners", {}).items():
        places[place_of(MetricSubject.LISTENER, listener)] = read_listener(counted)
        for group, numbers in counted.get("groups", {}).items():
            places[place_of(MetricSubject.SERVER_GROUP, group, listener)] = read_work(numbers)
        for server, numbers in counted.get("servers", {}).items():
            places[place_of(MetricSubject.BACKEND_SERVER, server, listener)] = read_work(numbers)
    return places


def place_of(kind: MetricSubject, subject_id: str, listener: str = "") -> str:
    """Return the name of a place."""
    return _SEPARATOR.join((kind, subject_id, listener))


def subject_of(place: str) -> Subject:
    """Return what is measured at a place."""
    kind, subject_id, _ = place.split(_SEPARATOR)
    return MetricSubject(kind), subject_id


def read_listener(counted: Mapping[str, Any]) -> dict[str, float]:
    """Return the sums of a listener."""
    sums = _read(counted, _LISTENER_COUNTERS)
    sums["connections"] = float(counted.get("accepted", 0))
    sums["own_answers"] = float(sum(counted.get("own_answers", {}).values()))
    sums[TIMED] = float(sum(counted.get("times", {}).values()))
    return _without_zeros(sums)


def read_work(counted: Mapping[str, Any]) -> dict[str, float]:
    """Return the sums of a group or a server; each of its answers is timed."""
    sums = _read(counted, _WORK_COUNTERS)
    sums[TIMED] = float(sum(counted.get("responses", {}).values()))
    return _without_zeros(sums)


def _read(counted: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    sums = {name: float(counted.get(name, 0)) for name in names}
    for status_class, number in counted.get("responses", {}).items():
        sums[f"responses_{status_class}"] = float(number)
    return sums


def _without_zeros(sums: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in sums.items() if value}


def rates(before: Sample, after: Sample, elapsed_s: float) -> dict[Subject, dict[str, float]]:
    """Return the figures of each subject over the time between two samples, all nodes together.

    A node that was not there before says nothing yet. One that started anew in between counts
    from zero, which loses what it did before its end and never shows a negative rate.
    """
    figures: dict[Subject, dict[str, float]] = {}
    for node, places in after.items():
        if node not in before:
            continue
        for place, sums in places.items():
            total = figures.setdefault(subject_of(place), {})
            earlier = before[node].get(place, {})
            for name, now in sums.items():
                value = now if name in GAUGES else _grown(earlier, name, now) / elapsed_s
                total[name] = total.get(name, 0.0) + value
    return figures


def _grown(earlier: Sums, name: str, now: float) -> float:
    grown = now - earlier.get(name, 0.0)
    return grown if grown >= 0 else now


def add_figures(total: dict[str, float], part: Figures) -> None:
    """Add the figures of a part, such as a listener, to those of the whole."""
    for name, value in part.items():
        total[name] = total.get(name, 0.0) + value


def rounded(value: float) -> float:
    """Return the value with as many digits as it can be trusted for."""
    return float(f"{value:.{_DIGITS}g}")


def compact(figures: Figures) -> dict[str, float]:
    """Return the figures as they are stored: few digits, and no 0 that goes without saying."""
    short = {name: rounded(value) for name, value in figures.items()}
    return {
        name: int(value) if value == int(value) else value
        for name, value in short.items()
        if value or name in KNOWN_AT_TIMES
    }


@dataclass(frozen=True, slots=True)
class Point:
    """The figures of one subject over a time that begins at ``at`` (Unix seconds).

    ``measured_s`` is how long was measured, and the weight of the point.
    """

    at: int
    measured_s: int
    figures: Figures


def merge(points: Iterable[Point]) -> tuple[dict[str, float], int]:
    """Return the figures over all points together, and how long was measured.

    Rates and the numbers of what is open are averages over the time that was measured; with the
    latter goes the highest of them. What nobody knew for a time is averaged over the rest.
    """
    sums: dict[str, float] = {}
    known_s: dict[str, int] = {}
    measured_s, highest = 0, 0.0
    for point in points:
        measured_s += point.measured_s
        highest = max(highest, *_highest_active(point.figures))
        for name, value in point.figures.items():
            sums[name] = sums.get(name, 0.0) + value * point.measured_s
            known_s[name] = known_s.get(name, 0) + point.measured_s
    figures = {
        name: value / (known_s[name] if name in KNOWN_AT_TIMES else measured_s)
        for name, value in sums.items()
    }
    return figures | {HIGHEST_ACTIVE: highest}, measured_s


def _highest_active(figures: Figures) -> Iterator[float]:
    yield figures.get(ACTIVE, 0.0)
    yield figures.get(HIGHEST_ACTIVE, 0.0)
