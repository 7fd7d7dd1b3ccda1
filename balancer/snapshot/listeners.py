"""One listener with its options and rules as the proxies know it."""

from collections.abc import Iterable, Iterator

from balancer import models
from balancer.constants import (
    DEFAULT_CONNECT_TIMEOUT_S,
    FAILOVER_HOLD_S,
    UDP_SESSION_TIMEOUT_S,
    UNLIMITED_BANDWIDTH_MBPS,
)
from balancer.models.listener import StickySettings
from balancer.snapshot.certificates import compile_tls
from balancer.snapshot.checks import compile_check
from proxy.snapshot import (
    Access,
    AccessKind,
    Failover,
    ForwardingRule,
    Listener,
    Protocol,
    SchedulerName,
    Sticky,
    StickyKind,
)


def groups_of(row: models.Listener) -> Iterator[models.ServerGroup | None]:
    """Yield every group that the listener sends to; None stands for the default group."""
    if row.failover_enabled:
        yield row.primary_group
        yield row.secondary_group
    else:
        yield row.server_group
    for rule in rules_of(row):
        yield rule.server_group


def rules_of(row: models.Listener) -> Iterable[models.ForwardingRule]:
    """Return the forwarding rules; only listeners that understand requests have any."""
    return row.rules.all() if row.is_http else ()


def compile_listener(row: models.Listener, default_group_id: str) -> Listener:
    """Return the listener; ``default_group_id`` stands in where it has no group of its own."""
    group = row.primary_group if row.failover_enabled else row.server_group
    return Listener(
        id=row.public_id,
        protocol=Protocol(row.protocol),
        port=row.port,
        group=group.public_id if group is not None else default_group_id,
        backend_port=row.backend_port,
        scheduler=SchedulerName(row.scheduler),
        health_check=None if row.redirects else compile_check(row),
        connect_timeout_s=DEFAULT_CONNECT_TIMEOUT_S,
        idle_timeout_s=_idle_timeout_s(row),
        request_timeout_s=row.request_timeout_s,
        forwarded_for=row.forwarded_for,
        forwarded_proto=row.forwarded_proto,
        forwarded_port=row.forwarded_port,
        forwarded_client_port=row.forwarded_client_port,
        forwarded_instance_address=row.forwarded_instance_address,
        forwarded_instance_id=row.forwarded_instance_id,
        gzip=row.gzip_enabled,
        redirect_port=row.redirect_port,
        sticky=_sticky(row),
        rules=tuple(_rule(each, row) for each in rules_of(row)),
        tls=compile_tls(row),
        failover=_failover(row),
        access=_access(row),
        persistence_timeout_s=row.persistence_timeout_s,
        drain_timeout_s=row.drain_timeout_s if row.drain_enabled else None,
        proxy_protocol=row.proxy_protocol_v2,
        bandwidth_mbps=limited_bandwidth(row.bandwidth_mbps),
    )


def _idle_timeout_s(row: models.Listener) -> int:
    if row.protocol == Protocol.UDP:
        return UDP_SESSION_TIMEOUT_S
    return row.idle_timeout_s if row.is_http else row.established_timeout_s


def limited_bandwidth(mbps: int) -> int | None:
    """Return the bandwidth; None where there is no limit."""
    return None if mbps == UNLIMITED_BANDWIDTH_MBPS else mbps


def _sticky(settings: StickySettings) -> Sticky | None:
    if not settings.sticky_enabled:
        return None
    kind = StickyKind(settings.sticky_kind)
    if kind is StickyKind.INSERT:
        return Sticky(kind, cookie_timeout_s=settings.cookie_timeout_s)
    return Sticky(kind, cookie_name=settings.cookie_name)


def _rule(row: models.ForwardingRule, listener: models.Listener) -> ForwardingRule:
    settings = listener if row.inherits_settings else row
    return ForwardingRule(
        id=row.public_id,
        domain=row.domain,
        path=row.path,
        group=row.server_group.public_id,
        scheduler=SchedulerName(settings.scheduler),
        health_check=compile_check(settings),
        sticky=_sticky(settings),
    )


def _failover(row: models.Listener) -> Failover | None:
    if not row.failover_enabled:
        return None
    assert row.secondary_group is not None
    assert row.failover_threshold is not None
    return Failover(row.secondary_group.public_id, row.failover_threshold, FAILOVER_HOLD_S)


def _access(row: models.Listener) -> Access | None:
    """Return whose networks the lists name, each once; a list may hold a network of another."""
    if not row.access_enabled:
        return None
    networks = {entry.network for each in row.access_lists.all() for entry in each.entries.all()}
    return Access(AccessKind(row.access_kind), tuple(sorted(networks)))
