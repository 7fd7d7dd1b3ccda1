"""Backend servers on the wire: lists that clients send, rows they mean, and what they get back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from balancer.constants import DEFAULT_WEIGHT
from balancer.domain.quotas import limit
from balancer.models import BackendServer, ServerGroup
from balancer.rpc.errors import RpcError
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller
from balancer.selectors.backend_servers import list_backend_servers
from balancer.selectors.inventory import list_network_interfaces
from balancer.services.backend_servers import NewServer
from balancer.services.server_changes import ServerEdit
from proxy.snapshot import ServerRole

MAX_PER_GROUP_CALL: Final = 40
"""The documented 20 are not what the Kubernetes controller keeps to; it sends up to 40."""

TYPE_OF_WORD: Final[Mapping[str, str]] = {"ecs": "ecs", "eni": "eni", "ip": "idc", "idc": "idc"}
WORD_OF_TYPE: Final[Mapping[str, str]] = {"ecs": "ecs", "eni": "eni", "idc": "ip"}
ROLE_OF_WORD: Final[Mapping[str, ServerRole]] = {
    "master": ServerRole.PRIMARY,
    "slave": ServerRole.SECONDARY,
}
_TYPE_OF_PREFIX = {"eni-": "eni", "idc-": "idc"}


@dataclass(frozen=True, slots=True)
class ListedServer:
    """One member of a list that a client sent; what it left out is None."""

    server_id: str
    type: str
    address: str | None = None
    port: int | str | None = None
    weight: Any = None
    description: str | None = None
    role: str | None = None
    is_backup: bool = False

    @property
    def key(self) -> tuple[str, str | None, str]:
        """Return what a client tells servers apart by."""
        return self.server_id, self.address, str(self.port or "")

    def means(self, row: BackendServer, *, with_port: bool) -> bool:
        """Tell whether the row is what the client means."""
        return (
            row.machine_id == self.server_id
            and self.address in (None, row.address)
            and (not with_port or str(row.port) == str(self.port))
        )

    def edit(self) -> ServerEdit:
        """Return what the client wants to be different."""
        return ServerEdit(self.weight, self.description)


def read_servers(
    parameters: Parameters,
    name: str,
    *,
    most: int | None = None,
    no_id: str = "BackendServersMalformed",
) -> list[ListedServer]:
    """Return the servers of a list parameter, absent is empty; raise when they are too many.

    ``no_id`` is the code for a member without ServerId.
    """
    members = parameters.objects(name, malformed="BackendServersMalformed")
    most = most or limit("servers_per_call")
    if len(members) > most:
        raise RpcError(
            "TooManyBackendServers",
            f"The number of backend servers exceeds max supported number: {most}.",
        )
    return [_read_server(each, name, no_id) for each in members]


def read_server_ids(parameters: Parameters, name: str) -> list[ListedServer]:
    """Return the servers to remove; older clients send a plain list of ids."""
    try:
        return read_servers(parameters, name)
    except RpcError as error:
        if error.code != "BackendServersMalformed":
            raise
        ids = parameters.texts_in_list(name, malformed="BackendServersMalformed")
        return [_read_server({"serverid": each}, name, error.code) for each in ids]


def _read_server(member: Mapping[str, Any], name: str, no_id: str) -> ListedServer:
    server_id = _text(member, "serverid", name)
    if not server_id:
        raise RpcError(no_id, f"A member of {name} has no ServerId.")
    return ListedServer(
        server_id=server_id,
        type=_type_of(server_id, _text(member, "type", name)),
        address=_text(member, "serverip", name),
        port=_number(member, "port", name),
        weight=_number(member, "weight", name),
        description=_text(member, "description", name, empty_counts=True),
        role=_text(member, "servertype", name),
        is_backup=str(member.get("isbackup", "0")) == "1",
    )


def _type_of(server_id: str, word: str | None) -> str:
    if word is None:
        return _TYPE_OF_PREFIX.get(server_id[:4], "ecs")
    if word.lower() not in TYPE_OF_WORD:
        raise RpcError(
            "BackendServer.InvalidType",
            f"The type of a backend server must be ecs, eni or ip; given: {word:.40}.",
        )
    return TYPE_OF_WORD[word.lower()]


def _text(
    member: Mapping[str, Any], key: str, name: str, *, empty_counts: bool = False
) -> str | None:
    value = member.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise RpcError("BackendServersMalformed", f"{key} of a member of {name} must be text.")
    return value if empty_counts else value or None


def _number(member: Mapping[str, Any], key: str, name: str) -> int | str | None:
    """Return a number as it was sent; the services read and check it."""
    value = member.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
        code = "InvalidWeight.Malformed" if key == "weight" else "BackendServersMalformed"
        raise RpcError(code, f"{key} of a member of {name} must be a whole number.")
    return None if value == "" else value


def without_repeats(servers: Iterable[ListedServer]) -> list[ListedServer]:
    """Return the servers without those that were named before."""
    first: dict[tuple[str, str | None, str], ListedServer] = {}
    for each in servers:
        first.setdefault(each.key, each)
    return list(first.values())


def new_servers(
    caller: Caller, group: ServerGroup, servers: Sequence[ListedServer]
) -> list[NewServer]:
    """Return what the services take; an ENI without address is meant by its primary one."""
    primary = _primary_addresses(caller, servers)
    return [
        NewServer(
            machine_type=each.type,
            machine_id=each.server_id,
            address=each.address or primary.get(each.server_id, ""),
            port=None if group.is_default else each.port,
            weight=DEFAULT_WEIGHT if each.weight is None else each.weight,
            description=each.description or "",
        )
        for each in servers
    ]


def _primary_addresses(caller: Caller, servers: Iterable[ListedServer]) -> Mapping[str, str]:
    wanted = [each.server_id for each in servers if each.type == "eni" and not each.address]
    if not wanted:
        return {}
    interfaces = list_network_interfaces(user=caller.user).filter(public_id__in=wanted)
    return {
        interface.public_id: address.address
        for interface in interfaces
        for address in interface.addresses.all()
        if address.is_primary
    }


def rows_of(caller: Caller, group: ServerGroup) -> list[BackendServer]:
    """Return the servers of the group in the order they were added."""
    return list(list_backend_servers(user=caller.user, group=group).order_by("pk"))


def rows_meant(
    rows: Sequence[BackendServer], server: ListedServer, *, with_port: bool
) -> list[BackendServer]:
    """Return the rows that a client means by a member of its list."""
    return [row for row in rows if server.means(row, with_port=with_port)]


def server_payload(row: BackendServer) -> dict[str, Any]:
    """Return what every answer says of a server."""
    return {
        "ServerId": row.machine_id,
        "ServerIp": row.address,
        "Port": row.port,
        "Weight": row.weight,
        "Type": WORD_OF_TYPE[row.machine_type],
        "Description": row.description,
    }


def servers_payload(rows: Iterable[BackendServer]) -> dict[str, Any]:
    """Return the list of an answer, in its wrapper."""
    return {"BackendServer": [server_payload(row) for row in rows]}
