"""Every write to IDC servers: machines outside the cloud, known by address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from balancer.actors import Actor
from balancer.constants import DEFAULT_WEIGHT
from balancer.domain.names import check_machine_name
from balancer.domain.networks import check_server_address
from balancer.domain.refusals import RefusalCollector
from balancer.exceptions import Conflict, Invalid
from balancer.models import (
    BackendServer,
    EcsInstance,
    IdcServer,
    InterfaceAddress,
    LoadBalancer,
    Region,
    ServerGroup,
)
from balancer.services.activity import record_activity
from balancer.services.backend_servers import NewServer, add_servers
from balancer.services.locks import check_fresh, save_edit
from balancer.services.publishing import request_publish


@dataclass(frozen=True, slots=True)
class IdcRow:
    """One row of the Add IDC Server panel; numbers may be text, as forms send them."""

    name: str
    address: str
    link: str = ""
    weight: Any = DEFAULT_WEIGHT
    port: Any = None
    note: str = ""


@transaction.atomic
def register_idc_server(
    *, actor: Actor, region: Region, name: str, address: str, link: str = "", note: str = ""
) -> IdcServer:
    """Add a machine to the inventory."""
    values = _check(name=name, address=address, link=link, note=note)
    _check_address_free(values["address"])
    server = IdcServer.objects.create(region=region, **values)
    record_activity(actor, "idc_server.registered", server, after=values)
    return server


@transaction.atomic
def add_idc_servers(
    *, actor: Actor, group: ServerGroup, rows: Sequence[IdcRow]
) -> list[BackendServer]:
    """Register machines and add them to the group, all or nothing.

    A machine that is registered under the same address already is taken as it is.
    """
    collector, wanted = RefusalCollector(), list[NewServer]()
    region = group.load_balancer.region
    known = {
        each.address: each
        for each in IdcServer.objects.filter(address__in=[row.address for row in rows])
    }
    for at, row in enumerate(rows):
        try:
            server = known.get(row.address.strip()) or register_idc_server(
                actor=actor,
                region=region,
                name=row.name,
                address=row.address,
                link=row.link,
                note=row.note,
            )
        except Invalid as error:
            for field, messages in error.fields.items():
                for message in messages:
                    collector.add(f"servers[{at}].{field}", error.code, message)
            continue
        known[server.address] = server
        wanted.append(
            NewServer(
                machine_type="idc", machine_id=server.public_id, port=row.port, weight=row.weight
            )
        )
    collector.finish()
    return add_servers(actor=actor, group=group, servers=wanted)


@transaction.atomic
def update_idc_server(
    *, actor: Actor, server: IdcServer, expected: int | None = None, **changes: Any
) -> IdcServer:
    """Change name, address, link or note; a new address reaches every load balancer at once."""
    server = IdcServer.objects.select_for_update().get(pk=server.pk)
    check_fresh(server, expected)
    current = {name: getattr(server, name) for name in ("name", "address", "link", "note")}
    values = _check(**(current | changes))
    changed = [name for name, value in values.items() if value != current[name]]
    if not changed:
        return server
    if "address" in changed:
        _check_address_free(values["address"])
    for name in changed:
        setattr(server, name, values[name])
    save_edit(server, *changed)
    record_activity(
        actor,
        "idc_server.changed",
        server,
        before={name: current[name] for name in changed},
        after={name: values[name] for name in changed},
    )
    if "address" in changed:
        publish_users(server.backend_servers.all())
    return server


@transaction.atomic
def unregister_idc_server(*, actor: Actor, server: IdcServer) -> None:
    """Take a machine out of the inventory; refused while a group uses it."""
    check_unused(server.backend_servers.all(), server.name)
    record_activity(actor, "idc_server.unregistered", server, before={"name": server.name})
    server.delete()


def publish_users(entries: Any) -> None:
    """Publish every load balancer that uses one of the entries, in id order."""
    users = LoadBalancer.objects.filter(server_groups__servers__in=entries).distinct()
    for load_balancer in users.select_for_update(of=("self",)).order_by("pk"):
        request_publish(load_balancer)


def check_unused(entries: Any, name: str) -> None:
    """Raise Conflict that lists the groups when any entry still points at the machine."""
    users = [
        {
            "load_balancer": entry.group.load_balancer.public_id,
            "group": entry.group.public_id,
            "name": f"{entry.group.name} of {entry.group.load_balancer.name}",
        }
        for entry in entries.select_related("group__load_balancer")
    ]
    if users:
        names = ", ".join(user["name"] for user in users)
        message = f"{name} is used by {names}; remove it there first."
        raise Conflict("server_in_use", message, users=users)


def _check(*, name: str, address: str, link: str, note: str) -> dict[str, str]:
    collector, values = RefusalCollector(), dict[str, str]()
    with collector.gathering():
        values["name"] = check_machine_name(name)
    with collector.gathering():
        values["address"] = check_server_address(
            address, field="address", loopback_allowed=settings.OPENCLB_ALLOW_LOOPBACK_SERVERS
        )
    for field, text in (("link", link), ("note", note)):
        with collector.gathering():
            values[field] = check_machine_name(text, field) if text else ""
    collector.finish()
    return values


def _check_address_free(address: str) -> None:
    """An IDC address is nobody else's: no registered server's and no load balancer's."""
    holder = _holder(address)
    if holder:
        message = f"{address} belongs to {holder} already; use that instead."
        raise Invalid("address_in_use", message, fields={"address": [message]})


def _holder(address: str) -> str:
    for found in (
        EcsInstance.objects.filter(private_address=address).first(),
        IdcServer.objects.filter(address=address).first(),
    ):
        if found is not None:
            return f"the server {found.name} ({found.public_id})"
    interface_address = (
        InterfaceAddress.objects.filter(address=address).select_related("interface").first()
    )
    if interface_address is not None:
        interface = interface_address.interface
        return f"the network interface {interface.name} ({interface.public_id})"
    balancer = LoadBalancer.objects.filter(address=address).first()
    return f"the load balancer {balancer.name}" if balancer else ""
