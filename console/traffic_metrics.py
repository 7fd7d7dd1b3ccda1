"""What the proxies count, as a Prometheus server reads it: by listener, group, rule and server."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from balancer.feed import read_counters

MOST_SERVERS = 5000
"""Pairs of a node's listener and a server that have series, more than ten each."""
Place = tuple[str, ...]

LISTENER_COUNTERS = {
    "accepted": ("openclb_listener_connections", "Connections accepted."),
    "requests": ("openclb_listener_requests", "HTTP requests answered."),
    "bytes_in": ("openclb_listener_received_bytes", "Bytes received from clients."),
    "bytes_out": ("openclb_listener_sent_bytes", "Bytes sent to clients."),
    "packets_in": ("openclb_listener_received_packets", "UDP packets of clients forwarded."),
    "packets_out": ("openclb_listener_sent_packets", "UDP packets sent to clients."),
    "denied": ("openclb_listener_denied", "Connections and packets that access lists deny."),
    "over_connections": (
        "openclb_listener_over_connections",
        "Connections turned away over the specification's connections.",
    ),
    "over_new_connections": (
        "openclb_listener_over_new_connections",
        "Connections turned away over the specification's new connections per second.",
    ),
    "over_requests": (
        "openclb_listener_over_requests",
        "Requests answered 503 over the specification's requests per second.",
    ),
    "over_bandwidth": (
        "openclb_listener_over_bandwidth_packets",
        "UDP packets dropped over the bandwidth of listener or instance.",
    ),
    "packets_dropped": ("openclb_listener_dropped_packets", "UDP packets forwarded to nobody."),
    "retries": ("openclb_listener_retries", "Further attempts to reach a server."),
}
WORK_COUNTERS = {
    "connections": ("connections", "Connections opened, and UDP sessions begun."),
    "requests": ("requests", "HTTP requests sent."),
    "failures": ("failures", "Attempts that were not answered."),
    "retries": ("retries", "Attempts that came here after another one."),
    "bytes_in": ("received_bytes", "Bytes of clients that were passed on."),
    "bytes_out": ("sent_bytes", "Bytes of answers that were sent to clients."),
    "packets_in": ("received_packets", "UDP packets of clients that were passed on."),
    "packets_out": ("sent_packets", "UDP packets of answers that were sent to clients."),
    "packets_dropped": ("dropped_packets", "UDP packets of answers that nobody got."),
    "time_s": ("response_seconds", "From requests' heads to the ends of their answers, summed."),
}
"""What is counted of a group and of a server alike: the end of the name, and the text."""


def traffic_families() -> Iterable[Metric]:
    """Return every family, with what all live nodes count."""
    nodes = read_counters()
    listeners = [
        ((node, listener), counted)
        for node, counters in sorted(nodes.items())
        for listener, counted in sorted(counters.get("listeners", {}).items())
    ]
    yield from _of_listeners(listeners)
    groups = [
        ((*place, group), numbers)
        for place, counted in listeners
        for group, numbers in sorted(counted.get("groups", {}).items())
    ]
    yield from _of_work("group", "servers of the group", groups)
    servers = [
        ((*place, server), numbers)
        for place, counted in listeners
        for server, numbers in sorted(counted.get("servers", {}).items())
    ]
    yield from _of_work("server", "server", servers[:MOST_SERVERS])
    yield GaugeMetricFamily(
        "openclb_server_places_left_out",
        "Pairs of listener and server that are counted and have no series: there are too many.",
        max(0, len(servers) - MOST_SERVERS),
    )


def _of_work(
    level: str, what: str, places: Iterable[tuple[Place, Mapping[str, Any]]]
) -> Iterator[Metric]:
    """Yield what was done by servers; what one of them never did has no series of its own."""
    labels = ["node", "listener", level]
    counters = {
        key: CounterMetricFamily(f"openclb_{level}_{name}", f"{text} ({what})", labels=labels)
        for key, (name, text) in WORK_COUNTERS.items()
    }
    active, draining = (
        GaugeMetricFamily(f"openclb_{level}_{name}", f"{text} ({what})", labels=labels)
        for name, text in (
            ("active_connections", "Connections, sessions and requests that are open."),
            ("draining_connections", "Of these, those left where nothing new goes."),
        )
    )
    answers = CounterMetricFamily(
        f"openclb_{level}_responses", f"Answers by class ({what}).", labels=[*labels, "class"]
    )
    for place, numbers in places:
        active.add_metric(place, numbers.get("active", 0))
        draining.add_metric(place, numbers.get("draining", 0))
        for key, family in counters.items():
            if key in numbers:
                family.add_metric(place, numbers[key])
        for status_class, number in numbers.get("responses", {}).items():
            answers.add_metric([*place, status_class], number)
    yield from (active, draining, answers, *counters.values())


def _of_listeners(places: Iterable[tuple[Place, Mapping[str, Any]]]) -> Iterable[Metric]:
    labels = ["node", "listener"]
    counters = {
        key: CounterMetricFamily(name, text, labels=labels)
        for key, (name, text) in LISTENER_COUNTERS.items()
    }
    active = GaugeMetricFamily(
        "openclb_listener_active_connections", "Open connections.", labels=labels
    )
    answers = CounterMetricFamily(
        "openclb_listener_responses", "Answers by class.", labels=[*labels, "class"]
    )
    own = CounterMetricFamily(
        "openclb_listener_own_answers",
        "Requests answered and connections closed in a server's place.",
        labels=[*labels, "reason"],
    )
    rules = CounterMetricFamily(
        "openclb_rule_requests",
        "HTTP requests that a forwarding rule has taken.",
        labels=[*labels, "rule"],
    )
    times = HistogramMetricFamily(
        "openclb_listener_response_seconds",
        "From a request's head to the end of its answer.",
        labels=labels,
    )
    paused = GaugeMetricFamily(
        "openclb_listener_paused_workers",
        "Workers that accept nothing for lack of descriptors.",
        labels=labels,
    )
    for place, counted in places:
        active.add_metric(place, counted.get("active", 0))
        paused.add_metric(place, counted.get("paused", 0))
        for key, family in counters.items():
            family.add_metric(place, counted.get(key, 0))
        for status_class, number in counted.get("responses", {}).items():
            answers.add_metric([*place, status_class], number)
        for reason, number in counted.get("own_answers", {}).items():
            own.add_metric([*place, reason], number)
        for rule, number in counted.get("rules", {}).items():
            rules.add_metric([*place, rule], number)
        if counted.get("times"):
            times.add_metric(place, _cumulative(counted["times"]), counted["time_s"])
    return [active, paused, answers, own, rules, times, *counters.values()]


def _cumulative(times: Mapping[str, int]) -> list[tuple[str, float]]:
    """Return the buckets of a histogram: how many requests took no longer than each bound."""
    bounds = sorted(times, key=float)
    sums = itertools.accumulate(times[bound] for bound in bounds)
    names = ("+Inf" if bound == "inf" else bound for bound in bounds)
    return list(zip(names, map(float, sums), strict=True))
