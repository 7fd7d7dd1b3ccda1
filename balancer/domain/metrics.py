"""Turns the proxies' running sums into figures per second; pure."""

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")
Sums = Mapping[str, float]
Sample = Mapping[str, Mapping[str, Sums]]
"""Node -> listener -> running sums since the node's start."""

ACTIVE = "active_connections"
TIMED_REQUESTS = "timed_requests_per_s"
REQUEST_SECONDS = "request_seconds_per_s"
"""How long the timed requests of a second took together; such sums add up over listeners."""
_RATES = {
    "accepted": "connections_per_s",
    "requests": "requests_per_s",
    "bytes_in": "bytes_in_per_s",
    "bytes_out": "bytes_out_per_s",
    "packets_in": "packets_in_per_s",
    "packets_out": "packets_out_per_s",
    "packets_dropped": "packets_dropped_per_s",
    "retries": "retries_per_s",
    "time_s": REQUEST_SECONDS,
    "denied": "denied_per_s",
    "over_connections": "over_connections_per_s",
    "over_new_connections": "over_new_connections_per_s",
    "over_requests": "over_requests_per_s",
    "over_bandwidth": "over_bandwidth_per_s",
}


def read_sums(counted: Mapping[str, Any]) -> dict[str, float]:
    """Return the sums in a node's counters of one listener, under the names of their figures."""
    sums = {figure: float(counted.get(counter, 0)) for counter, figure in _RATES.items()}
    for status_class, number in counted.get("responses", {}).items():
        sums[f"responses_{status_class}_per_s"] = float(number)
    sums["own_answers_per_s"] = float(sum(counted.get("own_answers", {}).values()))
    sums[TIMED_REQUESTS] = float(sum(counted.get("times", {}).values()))
    return sums | {ACTIVE: float(counted.get("active", 0))}


def average_ms(seconds: Mapping[T, float], requests: Mapping[T, float]) -> dict[T, float]:
    """Return the average response time wherever there were requests."""
    return {
        at: 1000 * seconds[at] / number
        for at, number in requests.items()
        if number > 0 and at in seconds
    }


def rates(before: Sample, after: Sample, elapsed_s: float) -> dict[str, dict[str, float]]:
    """Return the figures of each listener over the time between two samples, all nodes together.

    A node that was not there before says nothing yet. One that started anew in between counts
    from zero, which loses what it did before its end and never shows a negative rate.
    """
    figures: dict[str, dict[str, float]] = {}
    for node, listeners in after.items():
        if node not in before:
            continue
        for listener, sums in listeners.items():
            total = figures.setdefault(listener, {})
            earlier = before[node].get(listener, {})
            for figure, now in sums.items():
                value = now if figure == ACTIVE else _grown(earlier, figure, now) / elapsed_s
                total[figure] = total.get(figure, 0.0) + value
    return figures


def _grown(earlier: Sums, figure: str, now: float) -> float:
    grown = now - earlier.get(figure, 0.0)
    return grown if grown >= 0 else now
