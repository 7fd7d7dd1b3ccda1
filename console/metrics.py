"""What a Prometheus server collects from us: parts, publications, health and traffic."""

from collections.abc import Iterator, Mapping

import redis
from django.db import DatabaseError
from django.db.models import Count, F
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from balancer.feed import FeedUnavailable, read_counters, read_reports
from balancer.models import HealthState, PublishHead
from console.traffic_metrics import traffic_families
from proxy.snapshot import HealthStatus

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
        for source in (_publications, _health, _nodes, traffic_families, _access_logs):
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


def _access_logs() -> Iterator[Metric]:
    counts = {node: each.get("access_log") for node, each in read_counters().items()}
    for key, (name, text) in LOG_COUNTERS.items():
        family = CounterMetricFamily(name, text, labels=["node"])
        for node, counted in counts.items():
            if counted is not None:
                family.add_metric([node], counted.get(key, 0))
        yield family
