"""Every write to machines and their interfaces; what moves traffic reaches the proxies."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from balancer.actors import Actor
from balancer.choices import InterfaceKind, PowerState
from balancer.domain.names import check_machine_name
from balancer.domain.networks import check_server_address, read_address
from balancer.domain.refusals import RefusalCollector
from balancer.exceptions import Invalid
from balancer.models import (
    BackendServer,
    EcsInstance,
    InterfaceAddress,
    NetworkInterface,
    VSwitch,
)
from balancer.services.activity import record_activity
from balancer.services.addresses import check_address_free, check_unused, publish_users
from balancer.services.locks import check_fresh, lock_addresses, lock_row, save_edit

_INSTANCE_FIELDS = (
    "name",
    "vswitch",
    "private_address",
    "public_address",
    "power_state",
    "operating_system",
)


@transaction.atomic
def create_ecs_instance(*, actor: Actor, vswitch: VSwitch, **values: Any) -> EcsInstance:
    """Register a machine; its zone is that of its vSwitch."""
    checked = _check_instance({"power_state": PowerState.RUNNING, **values})
    lock_addresses()
    check_address_free(checked["private_address"], field="private_address")
    instance = EcsInstance.objects.create(vswitch=vswitch, zone=vswitch.zone, **checked)
    record_activity(actor, "ecs_instance.registered", instance, after=_plain(instance))
    return instance


@transaction.atomic
def update_ecs_instance(
    *, actor: Actor, instance: EcsInstance, expected: int | None = None, **changes: Any
) -> EcsInstance:
    """Change a machine; an address reaches every load balancer that uses it (in id order)."""
    if "private_address" in changes:
        lock_addresses()
    instance = lock_row(instance)
    check_fresh(instance, expected)
    before = _plain(instance)
    current = {name: getattr(instance, name) for name in _INSTANCE_FIELDS}
    vswitch = changes.pop("vswitch", instance.vswitch)
    checked = _check_instance(current | changes) | {"vswitch": vswitch}
    changed = [name for name, value in checked.items() if value != current[name]]
    if not changed:
        return instance
    if "private_address" in changed:
        check_address_free(checked["private_address"], field="private_address")
    if "vswitch" in changed and vswitch.vpc_id != instance.vswitch.vpc_id:
        check_unused(_entries_of(instance), instance.name)
    for name in changed:
        setattr(instance, name, checked[name])
    instance.zone = instance.vswitch.zone
    save_edit(instance, *changed, "zone")
    record_activity(actor, "ecs_instance.changed", instance, before=before, after=_plain(instance))
    if "private_address" in changed or "power_state" in changed:
        publish_users(_entries_of(instance))
    return instance


@transaction.atomic
def delete_ecs_instance(
    *, actor: Actor, instance: EcsInstance, expected: int | None = None
) -> None:
    """Take a machine out of the inventory; refused while a group uses it or its interfaces."""
    instance = lock_row(instance)
    check_fresh(instance, expected)
    check_unused(_entries_of(instance), instance.name)
    record_activity(actor, "ecs_instance.deleted", instance, before=_plain(instance))
    instance.delete()


@transaction.atomic
def create_network_interface(
    *,
    actor: Actor,
    name: str,
    vswitch: VSwitch,
    instance: EcsInstance | None = None,
    kind: str = InterfaceKind.SECONDARY,
    addresses: Sequence[Mapping[str, Any]] = (),
) -> NetworkInterface:
    """Register an ENI with its addresses ({"address": …, "is_primary": …}, one primary)."""
    _check_binding(vswitch, instance)
    checked = _check_addresses(addresses)
    lock_addresses()
    for at, each in enumerate(checked):
        check_address_free(each["address"], field=f"addresses[{at}].address")
    interface = NetworkInterface.objects.create(
        name=check_machine_name(name), vswitch=vswitch, instance=instance, kind=kind
    )
    InterfaceAddress.objects.bulk_create(
        InterfaceAddress(interface=interface, **each) for each in checked
    )
    record_activity(
        actor,
        "network_interface.registered",
        interface,
        after={"name": interface.name, "addresses": checked},
    )
    return interface


@transaction.atomic
def update_network_interface(
    *,
    actor: Actor,
    interface: NetworkInterface,
    expected: int | None = None,
    addresses: Sequence[Mapping[str, Any]] | None = None,
    **changes: Any,
) -> NetworkInterface:
    """Change name, binding or addresses; an address that a group uses cannot go away."""
    if addresses is not None:
        lock_addresses()
    interface = lock_row(interface)
    check_fresh(interface, expected)
    if "name" in changes:
        changes["name"] = check_machine_name(changes["name"])
    changed = {name: value for name, value in changes.items() if getattr(interface, name) != value}
    _check_binding(
        changed.get("vswitch", interface.vswitch), changed.get("instance", interface.instance)
    )
    if "vswitch" in changed and changed["vswitch"].vpc_id != interface.vswitch.vpc_id:
        check_unused(_entries_at(interface), interface.name)
    moved = addresses is not None and _replace_addresses(interface, addresses)
    if not changed and not moved:
        return interface
    for name, value in changed.items():
        setattr(interface, name, value)
    save_edit(interface, *changed)
    after = {name: getattr(value, "public_id", value) for name, value in changed.items()}
    record_activity(actor, "network_interface.changed", interface, after=after)
    if "instance" in changed:
        publish_users(_entries_at(interface))
    return interface


@transaction.atomic
def delete_network_interface(
    *, actor: Actor, interface: NetworkInterface, expected: int | None = None
) -> None:
    """Take an ENI out of the inventory; refused while a group uses one of its addresses."""
    interface = lock_row(interface)
    check_fresh(interface, expected)
    _lock_addresses_of(interface)
    check_unused(_entries_at(interface), interface.name)
    record_activity(actor, "network_interface.deleted", interface, before={"name": interface.name})
    interface.delete()


def _entries_of(instance: EcsInstance) -> Any:
    return BackendServer.objects.filter(ecs_instance=instance) | BackendServer.objects.filter(
        interface_address__interface__instance=instance
    )


def _entries_at(interface: NetworkInterface) -> Any:
    return BackendServer.objects.filter(interface_address__interface=interface)


def _check_instance(values: Mapping[str, Any]) -> dict[str, Any]:
    collector, checked = RefusalCollector(), dict[str, Any]()
    with collector.gathering():
        checked["name"] = check_machine_name(values.get("name"))
    with collector.gathering():
        checked["private_address"] = check_server_address(
            values.get("private_address"),
            field="private_address",
            loopback_allowed=settings.OPENCLB_ALLOW_LOOPBACK_SERVERS,
        )
    public = values.get("public_address") or None
    with collector.gathering():
        checked["public_address"] = public and read_address(
            public, field="public_address", label="Public address"
        )
    system = values.get("operating_system") or ""
    with collector.gathering():
        checked["operating_system"] = system and check_machine_name(system, "operating_system")
    state = values.get("power_state")
    if state not in PowerState.values:
        names = ", ".join(PowerState.values)
        message = f"Power state must be one of {names}; given: {state!s:.40}."
        collector.add("power_state", "unknown_state", message)
    checked["power_state"] = state
    collector.finish()
    return checked


def _plain(instance: EcsInstance) -> dict[str, Any]:
    values = {name: getattr(instance, name) for name in _INSTANCE_FIELDS}
    return {name: getattr(value, "public_id", value) for name, value in values.items()}


def _check_binding(vswitch: VSwitch, instance: EcsInstance | None) -> None:
    if instance is None or instance.zone_id == vswitch.zone_id:
        return
    message = (
        f"The interface is in zone {vswitch.zone.public_id}, "
        f"{instance.name} in {instance.zone.public_id}; both must be in one zone."
    )
    raise Invalid("other_zone", message, fields={"instance": [message]})


def _check_addresses(addresses: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    collector, checked = RefusalCollector(), list[dict[str, Any]]()
    for at, each in enumerate(addresses):
        with collector.gathering():
            address = check_server_address(
                each.get("address"),
                field=f"addresses[{at}].address",
                loopback_allowed=settings.OPENCLB_ALLOW_LOOPBACK_SERVERS,
            )
            if address in [known["address"] for known in checked]:
                collector.add(
                    f"addresses[{at}].address", "duplicate", f"{address} is listed twice."
                )
            checked.append({"address": address, "is_primary": bool(each.get("is_primary"))})
    primaries = sum(each["is_primary"] for each in checked)
    if checked and primaries != 1:
        message = f"Exactly one address must be the primary one; given: {primaries}."
        collector.add("addresses", "not_one_primary", message)
    collector.finish()
    return checked


def _lock_addresses_of(interface: NetworkInterface) -> list[InterfaceAddress]:
    """Return the addresses; whoever adds one of them to a group waits, or has done so before."""
    return list(interface.addresses.select_for_update().order_by("pk"))


def _replace_addresses(interface: NetworkInterface, addresses: Sequence[Mapping[str, Any]]) -> bool:
    """Make the interface have exactly these addresses; rows that stay keep their backends."""
    checked = {each["address"]: each["is_primary"] for each in _check_addresses(addresses)}
    existing = {each.address: each for each in _lock_addresses_of(interface)}
    gone = existing.keys() - checked.keys()
    fresh = checked.keys() - existing.keys()
    kept = checked.keys() & existing.keys()
    moved = [each for each in kept if existing[each].is_primary != checked[each]]
    for address in gone:
        check_unused(existing[address].backend_servers.all(), address)
        existing[address].delete()
    for address in sorted(moved, key=lambda each: checked[each]):  # give up before taking over
        existing[address].is_primary = checked[address]
        existing[address].save(update_fields=["is_primary"])
    for address in fresh:
        check_address_free(address, field="addresses")
        InterfaceAddress.objects.create(
            interface=interface, address=address, is_primary=checked[address]
        )
    return bool(gone or fresh or moved)
