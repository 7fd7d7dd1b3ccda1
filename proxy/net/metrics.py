"""Traffic counters: plain integers on the hot path, sums and names only when they are reported."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

from proxy.core.reasons import Reason

GAUGES = frozenset({"active", "draining", "paused", "failed_over"})
"""What tells of the present; the rest are sums."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
TIME_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Requests are counted by the first of these that they did not take longer than."""
_TIME_NAMES = (*map(str, TIME_BOUNDS_S), "inf")


_STATUS_COUNTERS = tuple(f"status_{name}" for name in CLASSES)
_ALWAYS_TOLD = ("connections", "active", "requests", "failures")
_TOLD_WHEN_COUNTED = (
    "retries",
    "bytes_in",
    "bytes_out",
    "packets_in",
    "packets_out",
    "packets_dropped",
    "time_s",
)
_SERVER_SUMS = (*_ALWAYS_TOLD, *_TOLD_WHEN_COUNTED, *_STATUS_COUNTERS)
_read_sums = attrgetter(*_SERVER_SUMS)  # in one go: there may be thousands of servers
_FIRST_REST = len(_ALWAYS_TOLD)
_FIRST_STATUS = _FIRST_REST + len(_TOLD_WHEN_COUNTED)
_ACTIVE = _ALWAYS_TOLD.index("active")


class ServerCounters:
    """What one listener did with one server, or with those of a group that are gone.

    Bytes and packets are the clients'; ``retries`` are attempts that came here after another one.
    """

    __slots__ = ("group", *_SERVER_SUMS)

    def __init__(self, group: str = "") -> None:
        self.group = group
        self.connections = 0
        self.active = 0
        self.requests = 0
        self.failures = 0
        self.retries = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.packets_in = 0
        self.packets_out = 0
        self.packets_dropped = 0
        self.time_s = 0.0
        self.status_1xx = 0
        self.status_2xx = 0
        self.status_3xx = 0
        self.status_4xx = 0
        self.status_5xx = 0

    def count_response(self, status: int) -> None:
        """Count a response of the server by the class of its status."""
        name = _STATUS_COUNTERS[min(status // 100, 5) - 1]
        setattr(self, name, getattr(self, name) + 1)

    def add(self, other: "ServerCounters") -> None:
        """Add what the other one counted."""
        for name in _SERVER_SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def sums(self) -> tuple[float, ...]:
        """Return all numbers."""
        return _read_sums(self)


def _told(sums: Sequence[float], *, is_leaving: bool = False) -> dict[str, Any]:
    """Return the numbers as they are reported; most of those at zero go without saying."""
    told: dict[str, Any] = dict(zip(_ALWAYS_TOLD, sums))  # noqa: B905  (those that come first)
    if any(rest := sums[_FIRST_REST:_FIRST_STATUS]):
        told.update(compress(zip(_TOLD_WHEN_COUNTED, rest), rest))  # noqa: B905
    if any(numbers := sums[_FIRST_STATUS:]):
        told["responses"] = dict(compress(zip(CLASSES, numbers), numbers))  # noqa: B905
    told["draining"] = sums[_ACTIVE] if is_leaving else 0
    return told


def _no_group(server_id: str) -> str:
    return ""


class ListenerCounters:
    """What one listener of one worker did."""

    __slots__ = (
        "accepted",
        "bytes_in",
        "bytes_out",
        "denied",
        "gone",
        "group_of",
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

    def __init__(self, group_of: Callable[[str], str] = _no_group) -> None:
        self.group_of = group_of
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
        # By group: what servers did that are gone, so that the sums of a group never go back.
        self.gone: dict[str, ServerCounters] = {}

    def server(self, server_id: str) -> ServerCounters:
        """Return the counters of a server, new ones at its first use."""
        counters = self.servers.get(server_id)
        if counters is None:
            counters = self.servers[server_id] = ServerCounters(self.group_of(server_id))
        return counters

    def forget_server(self, server_id: str) -> None:
        """The server is gone; its group has still done what it did."""
        counters = self.servers.pop(server_id)
        self.gone.setdefault(counters.group, ServerCounters(counters.group)).add(counters)

    def forget_groups(self, known: Collection[str]) -> None:
        """Drop what is counted for groups that are gone."""
        for group in self.gone.keys() - set(known):
            del self.gone[group]

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
        } | self._work_as_json(leaving)

    def _work_as_json(self, leaving: Collection[str]) -> dict[str, Any]:
        """Return what servers and groups did."""
        groups = {group: [each.sums] for group, each in self.gone.items() if group}
        servers = {}
        for server_id, each in self.servers.items():
            servers[server_id] = _told(sums := each.sums, is_leaving=server_id in leaving)
            if each.group:
                groups.setdefault(each.group, []).append(sums)
        totals = {
            group: _told([sum(numbers) for numbers in zip(*parts, strict=True)])
            for group, parts in groups.items()
        }
        return {"servers": servers, "groups": totals}


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
