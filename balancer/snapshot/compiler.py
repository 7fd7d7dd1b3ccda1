"""Turns the rows of one load balancer into its snapshot."""

from collections.abc import Iterable, Sequence

from balancer import models
from balancer.choices import ListenerStatus
from balancer.constants import DEFAULT_CONNECT_TIMEOUT_S, UDP_SESSION_TIMEOUT_S
from balancer.snapshot.checks import compile_check
from proxy.snapshot import (
    GroupKind,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    ServerRole,
    Snapshot,
)


def compile_snapshot(load_balancer: models.LoadBalancer, *, version: int) -> Snapshot:
    """Return what the proxies are to serve, in a stable order and with four queries at most.

    A stopped load balancer keeps its address and has no listeners; a group is in the snapshot
    when a running listener uses it.
    """
    listeners = _running_listeners(load_balancer)
    groups = _groups_in_use(load_balancer, listeners)
    default_id = next((each.public_id for each in groups if each.is_default), "")
    return Snapshot(
        load_balancer=load_balancer.public_id,
        version=version,
        address=load_balancer.address,
        listeners=tuple(_compile_listener(each, default_id) for each in listeners),
        groups=tuple(_compile_groups(groups)),
    )


def _running_listeners(load_balancer: models.LoadBalancer) -> Sequence[models.Listener]:
    if not load_balancer.is_active:
        return []
    listeners = models.Listener.objects.filter(
        load_balancer=load_balancer, status=ListenerStatus.RUNNING
    )
    return list(listeners.select_related("server_group").order_by("port", "protocol"))


def _groups_in_use(
    load_balancer: models.LoadBalancer, listeners: Sequence[models.Listener]
) -> Sequence[models.ServerGroup]:
    own = {each.server_group_id for each in listeners if each.server_group_id is not None}
    groups = models.ServerGroup.objects.filter(load_balancer=load_balancer, pk__in=own)
    if any(each.server_group_id is None for each in listeners):
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


def _compile_listener(row: models.Listener, default_group_id: str) -> Listener:
    group = row.server_group
    return Listener(
        id=row.public_id,
        protocol=Protocol(row.protocol),
        port=row.port,
        group=group.public_id if group is not None else default_group_id,
        backend_port=row.backend_port,
        scheduler=SchedulerName(row.scheduler),
        health_check=compile_check(row),
        connect_timeout_s=DEFAULT_CONNECT_TIMEOUT_S,
        idle_timeout_s=_idle_timeout_s(row),
        request_timeout_s=row.request_timeout_s,
        forwarded_for=row.forwarded_for,
    )


def _idle_timeout_s(row: models.Listener) -> int:
    if row.protocol == Protocol.UDP:
        return UDP_SESSION_TIMEOUT_S
    return row.idle_timeout_s if row.is_http else row.established_timeout_s
