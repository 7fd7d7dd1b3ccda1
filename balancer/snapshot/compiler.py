"""Turns the rows of one load balancer into its snapshot."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.db.models import Prefetch, prefetch_related_objects

from balancer import models
from balancer.choices import ListenerStatus
from balancer.constants import SPECIFICATION_LIMITS
from balancer.snapshot.certificates import compile_certificates
from balancer.snapshot.listeners import compile_listener, groups_of, limited_bandwidth
from proxy.snapshot import (
    GroupKind,
    Limits,
    Server,
    ServerGroup,
    ServerRole,
    Snapshot,
)


def compile_snapshot(load_balancer: models.LoadBalancer, *, version: int) -> Snapshot:
    """Return what the proxies are to serve, in a stable order and with few queries.

    A stopped load balancer keeps its address and has no listeners; a group is in the snapshot
    when a running listener uses it, by itself, by failover or by a forwarding rule.
    """
    listeners = _running_listeners(load_balancer)
    groups = _groups_in_use(load_balancer, listeners)
    default_id = next((each.public_id for each in groups if each.is_default), "")
    return Snapshot(
        load_balancer=load_balancer.public_id,
        version=version,
        address=load_balancer.address,
        listeners=tuple(compile_listener(each, default_id) for each in listeners),
        groups=tuple(_compile_groups(groups)),
        certificates=compile_certificates(listeners),
        cookie_key=load_balancer.cookie_key if listeners else "",
        limits=_compile_limits(load_balancer),
    )


def _compile_limits(load_balancer: models.LoadBalancer) -> Limits:
    """Return what the instance may carry; with shared performance its bandwidth at most."""
    allowed = SPECIFICATION_LIMITS.get(load_balancer.specification, ())
    return replace(Limits(*allowed), bandwidth_mbps=limited_bandwidth(load_balancer.bandwidth_mbps))


def _running_listeners(load_balancer: models.LoadBalancer) -> Sequence[models.Listener]:
    if not load_balancer.is_active:
        return []
    listeners = models.Listener.objects.filter(
        load_balancer=load_balancer, status=ListenerStatus.RUNNING
    )
    found = list(
        listeners.select_related(
            "server_group",
            "primary_group",
            "secondary_group",
            "certificate",
            "client_ca_certificate",
        ).order_by("port", "protocol")
    )
    rules = models.ForwardingRule.objects.select_related("server_group").order_by("pk")
    prefetch_related_objects([each for each in found if each.is_http], Prefetch("rules", rules))
    prefetch_related_objects(
        [each for each in found if each.access_enabled], "access_lists__entries"
    )
    domains = models.DomainCertificate.objects.select_related("certificate").order_by("domain")
    prefetch_related_objects(
        [each for each in found if each.certificate_id is not None],
        Prefetch("domain_certificates", domains),
    )
    return found


def _groups_in_use(
    load_balancer: models.LoadBalancer, listeners: Sequence[models.Listener]
) -> Sequence[models.ServerGroup]:
    used = {group.pk for each in listeners for group in groups_of(each) if group is not None}
    groups = models.ServerGroup.objects.filter(load_balancer=load_balancer, pk__in=used)
    if any(None in groups_of(each) for each in listeners):
        groups |= models.ServerGroup.objects.filter(
            load_balancer=load_balancer, kind=GroupKind.DEFAULT
        )
    return list(groups.order_by("pk")) if listeners else []


def _compile_groups(groups: Sequence[models.ServerGroup]) -> Iterable[ServerGroup]:
    servers: dict[int, list[Server]] = {group.pk: [] for group in groups}
    rows = models.BackendServer.objects.filter(group__in=groups)
    for row in rows.select_related(*MACHINES).order_by("pk") if groups else ():
        servers[row.group_id].append(_compile_server(row))
    for group in groups:
        yield ServerGroup(
            id=group.public_id, kind=GroupKind(group.kind), servers=tuple(servers[group.pk])
        )


MACHINES = ("ecs_instance", "interface_address", "idc_server")
"""What a backend server's address comes from."""


def _compile_server(row: models.BackendServer) -> Server:
    return Server(
        id=row.public_id,
        address=row.address,
        port=row.port,
        weight=row.weight,
        role=ServerRole(row.role),
    )
