"""Turns servers that somebody wants in a group into rows, or says what stands against each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from balancer.constants import DEFAULT_WEIGHT
from balancer.domain.names import check_description
from balancer.domain.quotas import check_quota, limit
from balancer.domain.refusals import RefusalCollector
from balancer.domain.roles import check_role
from balancer.domain.weights import check_port, check_weight
from balancer.models import (
    BackendServer,
    EcsInstance,
    IdcServer,
    InterfaceAddress,
    LoadBalancer,
    ServerGroup,
)
from balancer.selectors.admission import Machine, refusal_reason
from proxy.snapshot import GroupKind, ServerRole


@dataclass(frozen=True, slots=True)
class NewServer:
    """What a caller asks for: a machine by type and ID, an ENI also by its address.

    ``machine_type`` is ``ecs``, ``eni`` or ``idc``; numbers may be text, as forms send them.
    """

    machine_type: str
    machine_id: str
    address: str = ""
    port: Any = None
    weight: Any = DEFAULT_WEIGHT
    description: str = ""
    role: str = ServerRole.MEMBER


MachineKey = tuple[str, int]  # column, key
Row = TypeVar("Row", bound=Model)


def build_entries(
    group: ServerGroup, servers: Sequence[NewServer], *, places: Sequence[int] | None = None
) -> list[BackendServer]:
    """Return unsaved rows for all of the servers; raise one Invalid that names every bad row.

    Paths in the error are ``servers[2].weight`` by the place in ``servers``, or in a longer list
    that the caller picked them from: at ``places`` in it. The caller holds the load balancer's
    lock.
    """
    load_balancer = group.load_balancer
    paths = [f"servers[{at}]" for at in (range(len(servers)) if places is None else places)]
    check_quota(
        "servers_per_load_balancer",
        current=BackendServer.objects.filter(group__load_balancer=load_balancer).count(),
        requested=len(servers),
        what=f"backend servers (server and port) on {load_balancer.name}",
    )
    collector, machines = RefusalCollector(), _Machines(servers)
    rows: list[BackendServer] = []
    for path, wanted in zip(paths, servers, strict=True):
        row = _build(group, wanted, machines, collector, path)
        if row is not None:
            rows.append(row)
    collector.finish()
    _check_unique(group, rows, paths)
    _check_attachments(load_balancer, rows, paths)
    if group.kind == GroupKind.PRIMARY_SECONDARY:
        _check_pair(group, rows)
    return rows


class _Machines:
    """Every machine that the request names, locked, in two queries for each type.

    Whoever changes or deletes a machine locks it first and then looks for its users, so it finds
    the rows made here, or they are made of the machine as it is then.
    """

    def __init__(self, servers: Sequence[NewServer]) -> None:
        ids: dict[str, list[str]] = {"ecs": [], "eni": [], "idc": []}
        for each in servers:
            ids.get(each.machine_type, []).append(each.machine_id)
        self._ecs = {
            each.public_id: each
            for each in _locked(
                EcsInstance.objects.filter(public_id__in=ids["ecs"])
            ).select_related("zone__region", "vswitch__vpc")
        }
        self._eni = {
            (each.interface.public_id, each.address): each
            for each in _locked(
                InterfaceAddress.objects.filter(interface__public_id__in=ids["eni"])
            ).select_related(
                "interface__vswitch__vpc", "interface__instance", "interface__vswitch__zone__region"
            )
        }
        self._idc = {
            each.public_id: each
            for each in _locked(IdcServer.objects.filter(public_id__in=ids["idc"])).select_related(
                "region"
            )
        }

    def find(self, wanted: NewServer) -> Machine | None:
        """Return the machine, or None when there is no such one."""
        if wanted.machine_type == "ecs":
            return self._ecs.get(wanted.machine_id)
        if wanted.machine_type == "eni":
            return self._eni.get((wanted.machine_id, wanted.address))
        return self._idc.get(wanted.machine_id)

    def note_missing(self, wanted: NewServer, collector: RefusalCollector, place: str) -> None:
        """Say what was not found: the machine, or which address of an interface that exists."""
        own = [address for interface, address in self._eni if interface == wanted.machine_id]
        if own and wanted.machine_type == "eni":
            given = f"given: {wanted.address!s:.40}" if wanted.address else "nothing was given"
            message = (
                f"Choose an address of {wanted.machine_id}: {', '.join(sorted(own))}; {given}."
            )
            collector.add(f"{place}.address", "address_not_found", message)
            return
        message = (
            f"There is no server {wanted.machine_id!s:.80}; "
            "it may have been removed from the inventory."
        )
        collector.add(f"{place}.machine_id", "server_not_found", message)


def _locked(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Lock first and read then: what changed while we waited drops out of a read with joins."""
    list(rows.select_for_update(of=("self",), no_key=True).order_by("pk").only("pk"))
    return rows


def _build(
    group: ServerGroup,
    wanted: NewServer,
    machines: _Machines,
    collector: RefusalCollector,
    place: str,
) -> BackendServer | None:
    """Return the row, or None after noting what is wrong with it."""
    row = BackendServer(group=group, role=wanted.role)
    with collector.gathering():
        row.weight = check_weight(wanted.weight, f"{place}.weight")
    with collector.gathering():
        row.description = check_description(wanted.description, f"{place}.description")
    with collector.gathering():
        row.role = check_role(wanted.role, GroupKind(group.kind), f"{place}.role")
    _read_port(group, wanted, row, collector, place)
    if wanted.machine_type not in ("ecs", "eni", "idc"):
        message = f"Server type must be ecs, eni or idc; given: {wanted.machine_type!s:.40}."
        collector.add(f"{place}.machine_type", "unknown_type", message)
        return None
    machine = machines.find(wanted)
    if machine is None:
        machines.note_missing(wanted, collector, place)
        return None
    reason = refusal_reason(group, machine)
    if reason is not None:
        collector.add(f"{place}.machine_id", *reason)
        return None
    setattr(row, _column(machine), machine)
    return row


def _read_port(
    group: ServerGroup,
    wanted: NewServer,
    row: BackendServer,
    collector: RefusalCollector,
    place: str,
) -> None:
    if not group.is_default:
        with collector.gathering():
            row.port = check_port(wanted.port, f"{place}.port")
    elif wanted.port not in (None, ""):
        message = "Servers of the default group have no port; each listener brings its own."
        collector.add(f"{place}.port", "port_not_allowed", message)


def _column(machine: Machine) -> str:
    if isinstance(machine, EcsInstance):
        return "ecs_instance"
    return "interface_address" if isinstance(machine, InterfaceAddress) else "idc_server"


def _machine_key(row: BackendServer) -> MachineKey:
    column = _column(row.machine)
    return column, getattr(row, f"{column}_id")


def _check_unique(group: ServerGroup, rows: Sequence[BackendServer], paths: Sequence[str]) -> None:
    """No address and port twice in the request, nor once more than in the group (E1.5, E5.3)."""
    collector = RefusalCollector()
    servers = group.servers.select_related("ecs_instance", "interface_address", "idc_server")
    existing = {(each.address, each.port) for each in servers}
    places: dict[tuple[str, int | None], list[int]] = {}
    for at, row in enumerate(rows):
        places.setdefault((row.address, row.port), []).append(at)
    column = "machine_id" if group.is_default else "port"
    for at, row in enumerate(rows):
        key = (row.address, row.port)
        port = "" if row.port is None else f" with port {row.port}"
        if key in existing:
            message = f"{row.name} ({row.address}){port} is already in this group."
            collector.add(f"{paths[at]}.{column}", "already_in_group", message)
        elif len(places[key]) > 1:
            listed = " and ".join(str(each + 1) for each in places[key])
            message = f"{row.name} ({row.address}){port} is in rows {listed}; keep one of them."
            collector.add(f"{paths[at]}.{column}", "duplicate_server", message)
    collector.finish()


def _check_attachments(
    load_balancer: LoadBalancer, rows: Sequence[BackendServer], paths: Sequence[str]
) -> None:
    """A server belongs to a limited number of load balancers."""
    collector, most = RefusalCollector(), limit("load_balancers_per_server")
    for column in {_machine_key(row)[0] for row in rows}:
        users = _load_balancers_by_machine(column, rows)
        for at, row in enumerate(rows):
            own_column, key = _machine_key(row)
            others = users.get(key, set()) - {load_balancer.pk}
            if own_column == column and len(others) >= most:
                message = f"{row.name} is used by {len(others)} load balancers; {most} are allowed."
                collector.add(f"{paths[at]}.machine_id", "too_many_load_balancers", message)
    collector.finish()


def _load_balancers_by_machine(column: str, rows: Iterable[BackendServer]) -> dict[int, set[int]]:
    keys = {getattr(row, f"{column}_id") for row in rows} - {None}
    users: dict[int, set[int]] = {}
    pairs = BackendServer.objects.filter(**{f"{column}__in": keys}).values_list(
        f"{column}_id", "group__load_balancer_id"
    )
    for key, load_balancer_pk in pairs:
        users.setdefault(key, set()).add(load_balancer_pk)
    return users


def _check_pair(group: ServerGroup, rows: Sequence[BackendServer]) -> None:
    """Exactly two different servers, one primary and one secondary (S36, S131, C13)."""
    collector = RefusalCollector()
    roles: dict[MachineKey, set[str]] = {}
    for row in rows:
        roles.setdefault(_machine_key(row), set()).add(row.role)
    if group.servers.exists() or len(roles) != 2:
        message = f"A pair needs exactly two different servers; given: {len(roles)}."
        collector.add("servers", "not_exactly_two", message)
    elif sorted(map(sorted, roles.values())) != [[ServerRole.PRIMARY], [ServerRole.SECONDARY]]:
        message = "One of the two servers must be the primary and the other the secondary."
        collector.add("servers", "not_one_primary", message)
    collector.finish()
