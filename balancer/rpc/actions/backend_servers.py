"""The servers of an instance's default group."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from balancer.exceptions import BalancerError
from balancer.models import BackendServer, ServerGroup
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import find_default_group
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.servers import (
    ListedServer,
    new_servers,
    read_server_ids,
    read_servers,
    rows_meant,
    rows_of,
    server_payload,
    without_repeats,
)
from balancer.services.backend_servers import add_servers, remove_servers
from balancer.services.server_changes import ServerChanges, ServerEdit, change_servers


@action("AddBackendServers")
def add_backend_servers(caller: Caller, parameters: Parameters) -> Payload:
    """Add servers; one that a request names twice is added once."""
    group = find_default_group(caller, parameters, Right.CHANGE)
    servers = without_repeats(read_servers(parameters, "BackendServers"))
    with _in_words_of_instances():
        add_servers(actor=caller.actor, group=group, servers=new_servers(caller, group, servers))
    return _answer(caller, group, weight=str)


@action("SetBackendServers")
def set_backend_servers(caller: Caller, parameters: Parameters) -> Payload:
    """Change weights and descriptions; a server that is not attached yet is added."""
    group = find_default_group(caller, parameters, Right.CHANGE)
    servers = without_repeats(read_servers(parameters, "BackendServers"))
    changes = _changes(caller, group, rows_of(caller, group), servers)
    with _in_words_of_instances():
        change_servers(actor=caller.actor, group=group, changes=changes)
    return _answer(caller, group, weight=str)


@action("RemoveBackendServers")
def remove_backend_servers(caller: Caller, parameters: Parameters) -> Payload:
    """Take servers out; those that are not there are ignored.

    Terraform calls without the list when it has sent all of them (slb-rpc-api.md section 6.3).
    """
    group = find_default_group(caller, parameters, Right.CHANGE)
    listed = read_server_ids(parameters, "BackendServers")
    rows = rows_of(caller, group)
    gone = [row for each in listed for row in rows_meant(rows, each, with_port=False)]
    ids = {row.public_id for row in gone}
    remove_servers(actor=caller.actor, group=group, server_ids=ids)
    return _answer(caller, group, weight=int)


def _changes(
    caller: Caller,
    group: ServerGroup,
    rows: Sequence[BackendServer],
    servers: Sequence[ListedServer],
) -> ServerChanges:
    edits: dict[str, ServerEdit] = {}
    unknown: list[ListedServer] = []
    for each in servers:
        meant = rows_meant(rows, each, with_port=False)
        edits |= {row.public_id: each.edit() for row in meant}
        if not meant:
            unknown.append(each)
    return ServerChanges(edit=edits, add=new_servers(caller, group, unknown))


@contextmanager
def _in_words_of_instances() -> Iterator[None]:
    """Give an unknown server the code that it has here; with groups another one is usual."""
    try:
        yield
    except BalancerError as error:
        if error.code not in ("server_not_found", "other_region"):
            raise
        raise RpcError("InvalidServerId.NotFound", error.message) from None


def _answer(caller: Caller, group: ServerGroup, *, weight: Callable[[int], Any]) -> Payload:
    """Return all servers after the change; the type of their weight is another after removal."""
    servers = [
        {**server_payload(row), "Weight": weight(row.weight)} for row in rows_of(caller, group)
    ]
    return {
        "LoadBalancerId": group.load_balancer.public_id,
        "BackendServers": {"BackendServer": servers},
    }
