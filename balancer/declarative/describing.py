"""The estate as it is, in the words of the file."""

from collections.abc import Iterable
from typing import Any

from balancer.constants import UNLIMITED_BANDWIDTH_MBPS
from balancer.declarative.listeners import describe_listener, without_defaults
from balancer.exceptions import Conflict
from balancer.models import BackendServer, LoadBalancer, ServerGroup
from balancer.services.backend_servers import list_entries
from proxy.snapshot import GroupKind, ServerRole

FORMAT = 1
PLACES = ("primary_zone", "backup_zone", "vpc", "vswitch", "address", "address_type")
"""What an instance keeps for life."""
LOAD_BALANCER_DEFAULTS: dict[str, Any] = {
    "specification": "",
    "bandwidth_mbps": UNLIMITED_BANDWIDTH_MBPS,
    "status": "active",
    "deletion_protection": False,
    "modification_protection": False,
    "modification_protection_reason": "",
    "default_servers": [],
    "vserver_groups": [],
    "primary_secondary_groups": [],
    "listeners": [],
}
SERVER_DEFAULTS: dict[str, Any] = {
    "address": "",
    "port": None,
    "weight": 100,
    "description": "",
    "role": ServerRole.MEMBER.value,
}


def describe_estate(rows: Iterable[LoadBalancer]) -> dict[str, Any]:
    """Return the document of these load balancers, by region and name; the same rows, the same one.

    Raises Conflict when two have one name in a region: the file tells them apart by it.
    """
    described: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row.region.public_id, row.name)
        if key in described:
            raise Conflict(
                "ambiguous_name",
                f"Region {key[0]} has two instances named {key[1]}; rename one, since a file tells "
                "them apart by their names.",
            )
        described[key] = describe_load_balancer(row)
    return {"openclb": FORMAT, "load_balancers": [described[key] for key in sorted(described)]}


def describe_load_balancer(row: LoadBalancer) -> dict[str, Any]:
    """Return one instance with all that stands in it."""
    entry: dict[str, Any] = {"name": row.name, "region": row.region.public_id}
    entry |= {name: _place(getattr(row, name)) for name in PLACES}
    entry = {name: value for name, value in entry.items() if value is not None}
    entry["specification"] = row.specification
    entry["status"] = str(row.status)
    for name in (
        "bandwidth_mbps",
        "deletion_protection",
        "modification_protection",
        "modification_protection_reason",
    ):
        entry[name] = getattr(row, name)
    groups = sorted(row.server_groups.all(), key=lambda group: group.name)
    by_kind = {
        kind: [each for each in groups if each.kind == kind]
        for kind in (GroupKind.DEFAULT, GroupKind.VSERVER, GroupKind.PRIMARY_SECONDARY)
    }
    entry["default_servers"] = _servers(by_kind[GroupKind.DEFAULT][0])
    entry["vserver_groups"] = [_group(each) for each in by_kind[GroupKind.VSERVER]]
    entry["primary_secondary_groups"] = [
        _group(each) for each in by_kind[GroupKind.PRIMARY_SECONDARY]
    ]
    listeners = row.listeners.select_related(
        "server_group", "primary_group", "secondary_group", "certificate", "client_ca_certificate"
    ).prefetch_related("access_lists", "rules__server_group")
    entry["listeners"] = [
        describe_listener(each)
        for each in sorted(listeners, key=lambda listener: (listener.port, listener.protocol))
    ]
    return without_defaults(entry, LOAD_BALANCER_DEFAULTS)


def _place(value: Any) -> Any:
    return getattr(value, "public_id", value) if value is not None else None


def _group(group: ServerGroup) -> dict[str, Any]:
    servers = _servers(group)
    return {"name": group.name} | ({"servers": servers} if servers else {})


def _servers(group: ServerGroup) -> list[dict[str, Any]]:
    return [_server(row) for row in list_entries(group)]


def _server(row: BackendServer) -> dict[str, Any]:
    entry = {
        "type": row.machine_type,
        "id": row.machine_id,
        "address": row.address if row.machine_type == "eni" else "",
        "port": row.port,
        "weight": row.weight,
        "description": row.description,
        "role": str(row.role),
    }
    return without_defaults(entry, SERVER_DEFAULTS)
