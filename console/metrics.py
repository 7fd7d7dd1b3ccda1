"""What a Prometheus server collects from us: parts, publications, health and traffic."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import redis
from django.db import DatabaseError
from django.db.models import Count, F
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from balancer.feed import FeedUnavailable, read_counters, read_reports
from balancer.models import HealthState, PublishHead
from proxy.snapshot import HealthStatus

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
        "UDP packets dropped over the listener's bandwidth.",
    ),
    "packets_dropped": ("openclb_listener_dropped_packets", "UDP packets forwarded to nobody."),
    "retries": ("openclb_listener_retries", "Further attempts to reach a server."),
}
SERVER_COUNTERS = {
    "connections": ("openclb_server_connections", "Connections opened to the server."),
    "requests": ("openclb_server_requests", "HTTP requests sent to the server."),
    "failures": ("openclb_server_failures", "Attempts that the server did not answer."),
}


LOG_COUNTERS = {
    "written": ("openclb_access_log_lines", "Lines of the access log written."),
    "lost": ("openclb_access_log_lost_lines", "Lines of the access log that were lost."),
}


def metrics_registry(parts: Mapping[str, bool]) -> CollectorRegistry:
    """Return everything that can be counted now; what cannot be read is left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_EstateCollector(parts))
    return registry


class _EstateCollector(Collector):
    def __init__(self, parts: Mapping[str, bool]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        yield _gauge("openclb_part_up", "Whether a part works.", "part", self._parts)
        for source in (_publications, _health, _nodes, _traffic, _access_logs):
            try:
                yield from list(source())
            except (DatabaseError, redis.RedisError, FeedUnavailable):
                continue


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _publications() -> Iterator[Metric]:
    waiting = PublishHead.objects.filter(wanted__gt=F("published"))
    lag = {head.load_balancer_public_id: head.wanted - head.published for head in waiting}
    yield GaugeMetricFamily(
        "openclb_publish_waiting", "Load balancers with a change not on the feed yet.", len(lag)
    )
    yield _gauge(
        "openclb_publish_lag_versions", "Versions not on the feed yet.", "load_balancer", lag
    )


def _health() -> Iterator[Metric]:
    rows = HealthState.objects.order_by().values_list("status").annotate(number=Count("pk"))
    counts = dict.fromkeys(map(str, HealthStatus), 0) | dict(rows)
    yield _gauge("openclb_health_probes", "Probed servers by status.", "status", counts)


def _nodes() -> Iterator[Metric]:
    reports = read_reports()
    workers = {report.node: report.workers for report in reports}
    faults = {report.node: len(report.faults) for report in reports}
    refused = {report.node: len(report.refused) for report in reports}
    yield _gauge("openclb_proxy_workers", "Worker processes of a proxy node.", "node", workers)
    yield _gauge("openclb_proxy_listener_faults", "Listeners it cannot serve.", "node", faults)
    yield _gauge("openclb_proxy_refused", "Snapshots it has refused.", "node", refused)


def _traffic() -> Iterable[Metric]:
    listener_labels, server_labels = ["node", "listener"], ["node", "listener", "server"]
    counters = {
        key: CounterMetricFamily(name, text, labels=listener_labels)
        for key, (name, text) in LISTENER_COUNTERS.items()
    }
    of_servers = {
        key: CounterMetricFamily(name, text, labels=server_labels)
        for key, (name, text) in SERVER_COUNTERS.items()
    }
    active = GaugeMetricFamily(
        "openclb_listener_active_connections", "Open connections.", labels=listener_labels
    )
    answers = CounterMetricFamily(
        "openclb_listener_responses", "Answers by class.", labels=[*listener_labels, "class"]
    )
    own = CounterMetricFamily(
        "openclb_listener_own_answers",
        "Requests answered and connections closed in a server's place.",
        labels=[*listener_labels, "reason"],
    )
    rules = CounterMetricFamily(
        "openclb_rule_requests",
        "HTTP requests that a forwarding rule has taken.",
        labels=[*listener_labels, "rule"],
    )
    times = HistogramMetricFamily(
        "openclb_listener_response_seconds",
        "From a request's head to the end of its answer.",
        labels=listener_labels,
    )
    for node, listener, counted in _counted_listeners():
        place = [node, listener]
        active.add_metric(place, counted.get("active", 0))
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
        for server, numbers in counted.get("servers", {}).items():
            for key, family in of_servers.items():
                family.add_metric([*place, server], numbers.get(key, 0))
    return [active, answers, own, rules, times, *counters.values(), *of_servers.values()]


def _cumulative(times: Mapping[str, int]) -> list[tuple[str, float]]:
    """Return the buckets of a histogram: how many requests took no longer than each bound."""
    bounds = sorted(times, key=float)
    sums = itertools.accumulate(times[bound] for bound in bounds)
    names = ("+Inf" if bound == "inf" else bound for bound in bounds)
    return list(zip(names, map(float, sums), strict=True))


def _access_logs() -> Iterator[Metric]:
    counts = {node: each.get("access_log") for node, each in read_counters().items()}
    for key, (name, text) in LOG_COUNTERS.items():
        family = CounterMetricFamily(name, text, labels=["node"])
        for node, counted in counts.items():
            if counted is not None:
                family.add_metric([node], counted.get(key, 0))
        yield family


def _counted_listeners() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for node, counters in read_counters().items():
        for listener, counted in counters.get("listeners", {}).items():
            yield node, listener, counted
