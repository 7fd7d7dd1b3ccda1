"""Every write to IDC servers: machines outside the cloud, known by address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from balancer.actors import Actor
from balancer.constants import DEFAULT_WEIGHT
from balancer.domain.names import check_machine_name
from balancer.domain.networks import check_server_address, read_address
from balancer.domain.refusals import RefusalCollector
from balancer.exceptions import Invalid
from balancer.models import BackendServer, IdcServer, Region, ServerGroup
from balancer.services.activity import record_activity
from balancer.services.addresses import check_address_free, check_unused, publish_users
from balancer.services.backend_servers import NewServer, add_servers
from balancer.services.locks import check_fresh, lock_addresses, lock_row, save_edit


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
    lock_addresses()
    check_address_free(values["address"])
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
    lock_addresses()
    known = _known_servers(rows)
    for at, row in enumerate(rows):
        try:
            server = known.get(_usual_form(row.address)) or register_idc_server(
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
    try:
        return add_servers(actor=actor, group=group, servers=wanted)
    except Invalid as error:
        # Whoever fills in this panel knows the address, not the ID that it was just given.
        fields = {
            path.replace(".machine_id", ".address"): each for path, each in error.fields.items()
        }
        raise Invalid(error.code, error.message, fields=fields, **error.details) from error


def _known_servers(rows: Sequence[IdcRow]) -> dict[str, IdcServer]:
    addresses = {_usual_form(row.address) for row in rows} - {""}
    return {each.address: each for each in IdcServer.objects.filter(address__in=addresses)}


def _usual_form(address: str) -> str:
    """Return the address as it is stored, "" for what is none: that is refused at its row."""
    try:
        return read_address(address, field="address")
    except Invalid:
        return ""


@transaction.atomic
def update_idc_server(
    *, actor: Actor, server: IdcServer, expected: int | None = None, **changes: Any
) -> IdcServer:
    """Change name, address, link or note; a new address reaches every load balancer at once."""
    if "address" in changes:
        lock_addresses()
    server = lock_row(server)
    check_fresh(server, expected)
    current = {name: getattr(server, name) for name in ("name", "address", "link", "note")}
    values = _check(**(current | changes))
    changed = [name for name, value in values.items() if value != current[name]]
    if not changed:
        return server
    if "address" in changed:
        check_address_free(values["address"])
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
def unregister_idc_server(*, actor: Actor, server: IdcServer, expected: int | None = None) -> None:
    """Take a machine out of the inventory; refused while a group uses it."""
    server = lock_row(server)
    check_fresh(server, expected)
    check_unused(server.backend_servers.all(), server.name)
    record_activity(actor, "idc_server.unregistered", server, before={"name": server.name})
    server.delete()


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
