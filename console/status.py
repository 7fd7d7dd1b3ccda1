"""Our own health: /healthz (alive), /readyz (each part named) and /metrics (Prometheus text)."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from balancer import feed
from balancer.models import PublishHead
from console.broker import BEAT_LEASE_KEY, heartbeat_key
from console.celery import HEALTH_QUEUES, WORKER_QUEUES
from console.metrics import metrics_registry
from proxy.snapshot import ApplyReport

SYNC_GRACE_S = 5.0
"""A change younger than this is on its way; older ones must have reached a proxy."""

View = Callable[[HttpRequest], HttpResponse]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """Whether one part does its work, and a word about it."""

    ok: bool
    detail: str


# --- the parts -----------------------------------------------------------------------------------


def check_all(*, grace_s: float = SYNC_GRACE_S) -> dict[str, PartStatus]:
    """Return the status of every part that a working installation needs."""
    return {
        "database": _checked(_check_database),
        "broker": _checked(_check_broker),
        "worker": _checked(_check_workers),
        "beat": _checked(_check_beat),
        "proxy": _checked(lambda: _check_proxies(grace_s)),
    }


def _checked(check: Callable[[], PartStatus]) -> PartStatus:
    try:
        return check()
    except (DatabaseError, redis.RedisError, feed.FeedUnavailable) as error:
        return PartStatus(False, f"{type(error).__name__}: {error}")


def _check_database() -> PartStatus:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return PartStatus(True, connection.vendor)


def _check_broker() -> PartStatus:
    feed.client().ping()
    return PartStatus(True, "answers")


def _check_workers() -> PartStatus:
    """A heartbeat is a task: it shows that the queue is worked on, not just that a process is."""
    queues = (*WORKER_QUEUES, *HEALTH_QUEUES)
    beats = feed.client().mget([heartbeat_key(queue) for queue in queues])
    silent = [queue for queue, beat in zip(queues, beats, strict=True) if beat is None]
    if silent:
        return PartStatus(False, f"nobody works on the queue {', '.join(silent)}")
    return PartStatus(True, f"takes tasks from {', '.join(queues)}")


def _check_beat() -> PartStatus:
    holder = feed.client().get(BEAT_LEASE_KEY)
    return PartStatus(holder is not None, "active" if holder else "no beat is active")


def _check_proxies(grace_s: float) -> PartStatus:
    reports = feed.read_reports()
    if not reports:
        return PartStatus(False, "no proxy has reported")
    wanted = _versions_due(grace_s)
    behind = {report.node: _missing_in(report, wanted) for report in reports}
    in_sync = sorted(node for node, missing in behind.items() if not missing)
    if in_sync:
        return PartStatus(True, f"in sync: {', '.join(in_sync)}")
    node, missing = min(behind.items(), key=lambda item: len(item[1]))
    return PartStatus(False, f"{node} still lacks {', '.join(missing[:3])}")


def _versions_due(grace_s: float) -> dict[str, int]:
    """Return the version of each load balancer that every proxy should have by now."""
    youngest = time.time() - grace_s
    return {
        head.load_balancer_public_id: head.wanted
        for head in PublishHead.objects.filter(deleted=False)
        if head.wanted_at is None or head.wanted_at.timestamp() <= youngest
    }


def _missing_in(report: ApplyReport, wanted: dict[str, int]) -> list[str]:
    """Return the load balancers whose wanted version the node neither runs nor has refused."""
    return [
        load_balancer
        for load_balancer, version in wanted.items()
        if not any(
            load_balancer in answers and answers[load_balancer].version >= version
            for answers in (report.applied, report.refused)
        )
    ]


# --- the pages -----------------------------------------------------------------------------------


def probe_page(view: View) -> View:
    """Let in loopback and the configured sources, without a login; nobody else."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not is_probe_source(request):
            return HttpResponse("not from here\n", status=403, content_type="text/plain")
        return view(request)

    return never_cache(require_safe(guarded))


def is_probe_source(request: HttpRequest) -> bool:
    """Tell whether the request comes from a place that may look at our inside."""
    address = ipaddress.ip_address(request.META["REMOTE_ADDR"])
    if any(address in network for network in settings.OPENCLB_PROBE_SOURCES):
        return True
    # A reverse proxy on this machine is on loopback too, but its clients are not.
    return address.is_loopback and "X-Forwarded-For" not in request.headers


@probe_page
def show_liveness(request: HttpRequest) -> HttpResponse:
    """Answer that this process serves requests."""
    return JsonResponse({"status": "ok"})


@probe_page
def show_readiness(request: HttpRequest) -> HttpResponse:
    """Name each part and whether it is ready; 503 unless all are."""
    parts = check_all()
    ready = all(part.ok for part in parts.values())
    body = {
        "status": "ok" if ready else "unavailable",
        "checks": {name: asdict(part) for name, part in parts.items()},
    }
    return JsonResponse(body, status=200 if ready else 503)


@probe_page
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Answer with everything a Prometheus server collects."""
    parts = {name: part.ok for name, part in check_all().items()}
    return HttpResponse(generate_latest(metrics_registry(parts)), content_type=CONTENT_TYPE_LATEST)
