"""Traffic counters: plain integers on the hot path, sums and names only when they are reported."""

from collections.abc import Mapping
from typing import Any

GAUGES = frozenset({"active", "paused", "failed_over"})
"""What tells of the present; the rest are sums."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


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
        "packets_dropped",
        "packets_in",
        "packets_out",
        "requests",
        "servers",
        "status_1xx",
        "status_2xx",
        "status_3xx",
        "status_4xx",
        "status_5xx",
    )

    def __init__(self) -> None:
        self.accepted = 0
        self.denied = 0
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

    def as_json(self, active: int) -> dict[str, Any]:
        """Return the counters as they are reported; ``active`` are open client connections."""
        return {
            "accepted": self.accepted,
            "active": active,
            "denied": self.denied,
            "requests": self.requests,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "packets_in": self.packets_in,
            "packets_out": self.packets_out,
            "packets_dropped": self.packets_dropped,
            "responses": {name: getattr(self, f"status_{name}") for name in CLASSES},
            "servers": {
                server_id: {name: getattr(each, name) for name in ServerCounters.__slots__}
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
