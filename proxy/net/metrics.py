"""Traffic counters: plain integers on the hot path, sums and names only when they are reported."""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from typing import Any

from proxy.core.reasons import Reason

GAUGES = frozenset({"active", "draining", "paused", "failed_over"})
"""What tells of the present; the rest are sums."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
TIME_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Requests are counted by the first of these that they did not take longer than."""
_TIME_NAMES = (*map(str, TIME_BOUNDS_S), "inf")


class ServerCounters:
    """What one listener did with one server."""

    __slots__ = ("active", "connections", "failures", "requests")

    def __init__(self) -> None:
        self.connections = 0
        self.active = 0
        self.requests = 0
        self.failures = 0


class ListenerCounters:
    """What one listener of one worker did."""

    __slots__ = (
        "accepted",
        "bytes_in",
        "bytes_out",
        "denied",
        "own_answers",
        "over_bandwidth",
        "over_connections",
        "over_new_connections",
        "over_requests",
        "packets_dropped",
        "packets_in",
        "packets_out",
        "requests",
        "retries",
        "rules",
        "servers",
        "status_1xx",
        "status_2xx",
        "status_3xx",
        "status_4xx",
        "status_5xx",
        "time_s",
        "times",
    )

    def __init__(self) -> None:
        self.accepted = 0
        self.denied = 0
        self.over_connections = 0
        self.over_new_connections = 0
        self.over_requests = 0
        self.over_bandwidth = 0
        self.requests = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.packets_in = 0
        self.packets_out = 0
        self.packets_dropped = 0
        self.status_1xx = 0
        self.status_2xx = 0
        self.status_3xx = 0
        self.status_4xx = 0
        self.status_5xx = 0
        self.retries = 0
        self.time_s = 0.0
        self.times = [0] * len(_TIME_NAMES)
        self.own_answers: dict[str, int] = {}
        self.rules: dict[str, int] = {}
        self.servers: dict[str, ServerCounters] = {}

    def server(self, server_id: str) -> ServerCounters:
        """Return the counters of a server, new ones at its first use."""
        counters = self.servers.get(server_id)
        if counters is None:
            counters = self.servers[server_id] = ServerCounters()
        return counters

    def count_response(self, status: int) -> None:
        """Count a response to a client by the class of its status."""
        if status < 300:
            if status >= 200:
                self.status_2xx += 1
            else:
                self.status_1xx += 1
        elif status < 400:
            self.status_3xx += 1
        elif status < 500:
            self.status_4xx += 1
        else:
            self.status_5xx += 1

    def count_time(self, took_s: float) -> None:
        """Count how long an answered request took."""
        self.time_s += took_s
        self.times[bisect_left(TIME_BOUNDS_S, took_s)] += 1

    def count_own_answer(self, reason: Reason) -> None:
        """Count a request answered, or a connection closed, in a server's place."""
        self.own_answers[reason] = self.own_answers.get(reason, 0) + 1

    def count_rule(self, rule: str) -> None:
        """Count a request that a forwarding rule has taken."""
        self.rules[rule] = self.rules.get(rule, 0) + 1

    def as_json(self, active: int, leaving: Collection[str] = ()) -> dict[str, Any]:
        """Return the counters as they are reported.

        ``active`` are open client connections; what is open at ``leaving`` servers is draining.
        """
        return {
            "accepted": self.accepted,
            "active": active,
            "denied": self.denied,
            "over_connections": self.over_connections,
            "over_new_connections": self.over_new_connections,
            "over_requests": self.over_requests,
            "over_bandwidth": self.over_bandwidth,
            "requests": self.requests,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "packets_in": self.packets_in,
            "packets_out": self.packets_out,
            "packets_dropped": self.packets_dropped,
            "retries": self.retries,
            "own_answers": dict(self.own_answers),
            "rules": dict(self.rules),
            "time_s": self.time_s,
            "times": dict(zip(_TIME_NAMES, self.times, strict=True)) if any(self.times) else {},
            "responses": {name: getattr(self, f"status_{name}") for name in CLASSES},
            "servers": {
                server_id: {name: getattr(each, name) for name in ServerCounters.__slots__}
                | {"draining": each.active if server_id in leaving else 0}
                for server_id, each in self.servers.items()
            },
        }


def add(total: dict[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Add the numbers of one report to a sum of the same shape, at every depth."""
    for name, value in part.items():
        if isinstance(value, Mapping):
            add(total.setdefault(name, {}), value)
        else:
            total[name] = total.get(name, 0) + value
    return total


def without_gauges(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report of a worker that is gone: what it did counts on, nothing is open."""
    return {
        name: without_gauges(value)
        if isinstance(value, Mapping)
        else (0 if name in GAUGES else value)
        for name, value in report.items()
    }
