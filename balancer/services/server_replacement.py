"""Replaces the servers of a group: who is wanted and there stays, the others come and go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from balancer.actors import Actor
from balancer.domain.names import check_description
from balancer.domain.quotas import check_quota
from balancer.domain.refusals import RefusalCollector
from balancer.domain.weights import check_port, check_weight
from balancer.exceptions import Invalid
from balancer.models import BackendServer, ServerGroup
from balancer.services.activity import record_activity
from balancer.services.backend_servers import (
    NewServer,
    check_not_pair,
    describe_entries,
    describe_whole,
    list_entries,
)
from balancer.services.locks import (
    GroupState,
    check_group_fresh,
    lock_group,
    lock_load_balancer,
    save_edit,
    save_edits,
)
from balancer.services.new_servers import build_entries
from balancer.services.publishing import request_publish

Key = tuple[str, str, str, Any, str]
"""What makes an entry this one and no other: type and ID of its machine, address, port, role."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of a group; ``result`` has the rows by their places in the wanted list."""

    result: dict[int, BackendServer]
    removed: list[BackendServer]
    edited: list[BackendServer]
    before: list[dict[str, Any]]
    added: list[BackendServer]
    moves_traffic: bool


@transaction.atomic
def replace_servers(
    *,
    actor: Actor,
    group: ServerGroup,
    servers: Sequence[NewServer],
    expected: GroupState | None = None,
) -> list[BackendServer]:
    """Make these the servers of the group, all at once or not at all, and return their rows.

    A server that is in the group already, at the same address and port, keeps its row and what
    it serves. Paths in the error are ``servers[2].weight`` by the place in ``servers``.
    """
    load_balancer = lock_load_balancer(actor, group.load_balancer_id)
    group = lock_group(group.pk)
    check_group_fresh(group, expected)
    check_quota(
        "servers_per_load_balancer",
        current=0,
        requested=len(servers),
        what=f"backend servers (server and port) on {load_balancer.name}",
    )
    change = _carry_out(group, servers)
    if change.removed or change.added:
        save_edit(group)
    if change.removed or change.added or change.edited:
        record_activity(
            actor,
            "servers.replaced",
            group,
            load_balancer=load_balancer,
            before=_parts(removed=describe_entries(change.removed), changed=change.before),
            after=_parts(
                added=describe_entries(change.added), changed=describe_whole(change.edited)
            ),
        )
    if change.moves_traffic:
        request_publish(load_balancer)
    return [change.result[at] for at in range(len(servers))]


def _carry_out(group: ServerGroup, servers: Sequence[NewServer]) -> _Change:
    """Write the rows that come, go and differ; raise one Invalid that names all that is wrong."""
    present = {_key_of(row): row for row in list_entries(group).select_for_update(of=("self",))}
    wanted = _places(group, servers)
    removed = [row for key, row in present.items() if key not in wanted]
    coming = {at: servers[at] for key, at in wanted.items() if key not in present}
    if removed or coming:
        check_not_pair(group)
    collector = RefusalCollector()
    staying = {at: present[key] for key, at in wanted.items() if key in present}
    was = dict(zip(staying, describe_whole(staying.values()), strict=True))
    weights = {at: row.weight for at, row in staying.items()}
    edited = [at for at, row in staying.items() if _edit(row, servers[at], at, collector)]
    # Whoever goes makes room: in the quota, and for another server at the same address.
    BackendServer.objects.filter(pk__in=[row.pk for row in removed]).delete()
    added: list[BackendServer] = []
    with collector.gathering():
        if coming:
            added = build_entries(group, list(coming.values()), places=list(coming))
    collector.finish()
    added = BackendServer.objects.bulk_create(added)
    save_edits([staying[at] for at in edited], "weight", "description")
    return _Change(
        result=staying | dict(zip(coming, added, strict=True)),
        removed=removed,
        edited=[staying[at] for at in edited],
        before=[was[at] for at in edited],
        added=added,
        moves_traffic=bool(removed or added)
        or any(staying[at].weight != weights[at] for at in edited),
    )


def _key_of(row: BackendServer) -> Key:
    address = row.address if row.machine_type == "eni" else ""
    return row.machine_type, row.machine_id, address, row.port, str(row.role)


def _places(group: ServerGroup, servers: Sequence[NewServer]) -> Mapping[Key, int]:
    """Return where in the list each entry stands; raise Invalid when one stands there twice."""
    places: dict[Key, list[int]] = {}
    for at, wanted in enumerate(servers):
        address = wanted.address if wanted.machine_type == "eni" else ""
        port = _port_of(group, wanted)
        key = (wanted.machine_type, wanted.machine_id, address, port, str(wanted.role))
        places.setdefault(key, []).append(at)
    collector, column = RefusalCollector(), "machine_id" if group.is_default else "port"
    for key, found in places.items():
        if len(found) > 1:
            listed = " and ".join(str(at + 1) for at in found)
            port = "" if group.is_default else f" with port {key[3]}"
            message = f"{key[1]:.40}{port:.40} is in rows {listed:.80}; keep one of them."
            for at in found:
                collector.add(f"servers[{at}].{column}", "duplicate_server", message)
    collector.finish()
    return {key: found[0] for key, found in places.items()}


def _port_of(group: ServerGroup, wanted: NewServer) -> Any:
    """Return the port as a number; what is none is named where the row is built."""
    if group.is_default:
        return None if wanted.port in (None, "") else str(wanted.port)
    try:
        return check_port(wanted.port)
    except Invalid:
        return str(wanted.port)


def _edit(row: BackendServer, wanted: NewServer, at: int, collector: RefusalCollector) -> bool:
    """Give a row that stays its new values, not saved yet; tell whether it becomes different."""
    before = row.weight, row.description
    with collector.gathering():
        row.weight = check_weight(wanted.weight, f"servers[{at}].weight")
    with collector.gathering():
        row.description = check_description(wanted.description, f"servers[{at}].description")
    return before != (row.weight, row.description)


def _parts(**entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the lists that are not empty."""
    return {name: each for name, each in entries.items() if each} or None
