"""Which machines could be added to a group, and why the others could not (S52-S58, C20)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from balancer.models import (
    BackendServer,
    EcsInstance,
    InterfaceAddress,
    NetworkInterface,
    ServerGroup,
)
from balancer.selectors.admission import refusal_reason
from balancer.selectors.inventory import list_ecs_instances

_WORDS = {
    # code of refusal_reason: words for a table
    "other_region": "in another region",
    "other_network": "in another VPC",
    "specification_too_small": "needs a guaranteed-performance instance",
    "interface_detached": "not bound to a server",
    "bad_address": "has an address nobody else can reach",
}
IN_GROUP = "already in this group"


@dataclass(frozen=True, slots=True)
class LoadBalancerUse:
    """A load balancer and group that a machine is in."""

    load_balancer_id: str
    load_balancer_name: str
    group_name: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the My Servers panel; ``reason`` empty means it can be added now."""

    machine_type: str
    key: str
    public_id: str
    name: str
    address: str
    zone_id: str
    zone_name: str
    private_address: str
    public_address: str
    vpc_id: str
    vswitch_id: str
    power_state: str
    reason: str
    is_primary_address: bool = False
    ports_in_group: tuple[int, ...] = ()
    uses: tuple[LoadBalancerUse, ...] = ()
    interfaces: "tuple[Candidate, ...]" = ()

    @property
    def load_balancer_count(self) -> int:
        """Return how many load balancers use the machine (Associated SLB Instances)."""
        return len({use.load_balancer_id for use in self.uses})

    @property
    def is_available(self) -> bool:
        """Tell whether it can be ticked."""
        return not self.reason

    def matches(self, query: str) -> bool:
        """Tell whether name, ID or an address contain the text."""
        texts = (self.name, self.public_id, self.private_address, self.public_address)
        return any(query in text.lower() for text in texts) or any(
            row.matches(query) for row in self.interfaces
        )


def list_candidates(
    *,
    user: Any,
    group: ServerGroup,
    query: str = "",
    machine_type: str = "all",
    only_available: bool = True,
) -> list[Candidate]:
    """Return the machines of the group's region with their interface addresses as sub-rows.

    ``machine_type`` ``eni`` keeps machines that have interfaces, ``ecs`` drops the sub-rows.
    A machine whose own row cannot be added stays while one of its addresses can.
    """
    rows = _all_candidates(user, group)
    if machine_type == "ecs":
        rows = [replace(row, interfaces=()) for row in rows]
    elif machine_type == "eni":
        rows = [row for row in rows if row.interfaces]
    if query:
        rows = [row for row in rows if row.matches(query.strip().lower())]
    if only_available:
        rows = [row for row in rows if _offers_something(row, machine_type)]
    return rows


def get_candidates(*, user: Any, group: ServerGroup, keys: Sequence[str]) -> list[Candidate]:
    """Return the candidates with these keys in their order; unknown keys are left out."""
    by_key: dict[str, Candidate] = {}
    for row in _all_candidates(user, group):
        by_key[row.key] = row
        by_key.update((each.key, each) for each in row.interfaces)
    return [by_key[key] for key in keys if key in by_key]


def _offers_something(row: Candidate, machine_type: str) -> bool:
    return row.is_available or (
        machine_type != "ecs" and any(each.is_available for each in row.interfaces)
    )


def _all_candidates(user: Any, group: ServerGroup) -> list[Candidate]:
    """Six queries, whatever the number of machines."""
    region_id = group.load_balancer.region.public_id
    instances = list(
        list_ecs_instances(user=user, region_id=region_id).prefetch_related(
            "interfaces__addresses", "interfaces__vswitch__vpc", "interfaces__vswitch__zone__region"
        )
    )
    entries = list(
        BackendServer.objects.filter(
            group__load_balancer__region__public_id=region_id, idc_server__isnull=True
        ).select_related("group__load_balancer")
    )
    by_instance = _by(entries, "ecs_instance_id")
    by_address = _by(entries, "interface_address_id")
    return [_of_instance(group, each, by_instance, by_address) for each in instances]


def _by(entries: Iterable[BackendServer], column: str) -> Mapping[int, list[BackendServer]]:
    found: dict[int, list[BackendServer]] = {}
    for entry in entries:
        key = getattr(entry, column)
        if key is not None:
            found.setdefault(key, []).append(entry)
    return found


def _of_instance(
    group: ServerGroup,
    instance: EcsInstance,
    by_instance: Mapping[int, list[BackendServer]],
    by_address: Mapping[int, list[BackendServer]],
) -> Candidate:
    entries = by_instance.get(instance.pk, [])
    addresses = [
        (interface, address)
        for interface in instance.interfaces.all()
        for address in interface.addresses.all()
    ]
    return Candidate(
        machine_type="ecs",
        key=f"ecs:{instance.public_id}",
        public_id=instance.public_id,
        name=instance.name,
        address="",
        zone_id=instance.zone.public_id,
        zone_name=instance.zone.name,
        private_address=instance.private_address,
        public_address=instance.public_address or "",
        vpc_id=instance.vswitch.vpc.public_id,
        vswitch_id=instance.vswitch.public_id,
        power_state=instance.power_state,
        reason=_reason(group, instance, entries),
        ports_in_group=_ports(group, entries),
        uses=_uses(entries),
        interfaces=tuple(
            _of_address(group, instance, interface, address, by_address.get(address.pk, []))
            for interface, address in addresses
        ),
    )


def _of_address(
    group: ServerGroup,
    instance: EcsInstance,
    interface: NetworkInterface,
    address: InterfaceAddress,
    entries: Sequence[BackendServer],
) -> Candidate:
    interface.instance = instance  # known already; the reason asks for it
    address.interface = interface
    return Candidate(
        machine_type="eni",
        key=f"eni:{interface.public_id}:{address.address}",
        public_id=interface.public_id,
        name=interface.name,
        address=address.address,
        zone_id=interface.vswitch.zone.public_id,
        zone_name=interface.vswitch.zone.name,
        private_address=address.address,
        public_address="",
        vpc_id=interface.vswitch.vpc.public_id,
        vswitch_id=interface.vswitch.public_id,
        power_state=instance.power_state,
        reason=_reason(group, address, entries),
        is_primary_address=address.is_primary,
        ports_in_group=_ports(group, entries),
        uses=_uses(entries),
    )


def _reason(
    group: ServerGroup,
    machine: EcsInstance | InterfaceAddress,
    entries: Iterable[BackendServer],
) -> str:
    if group.is_default and any(entry.group_id == group.pk for entry in entries):
        return IN_GROUP
    refusal = refusal_reason(group, machine)
    if refusal is None:
        return ""
    code = refusal[0]
    return _power_words(machine) if code == "server_not_running" else _WORDS[code]


def _power_words(machine: EcsInstance | InterfaceAddress) -> str:
    instance = machine if isinstance(machine, EcsInstance) else machine.interface.instance
    return instance.get_power_state_display().lower() if instance is not None else ""


def _ports(group: ServerGroup, entries: Iterable[BackendServer]) -> tuple[int, ...]:
    return tuple(
        sorted(each.port for each in entries if each.group_id == group.pk and each.port is not None)
    )


def _uses(entries: Iterable[BackendServer]) -> tuple[LoadBalancerUse, ...]:
    return tuple(
        LoadBalancerUse(
            each.group.load_balancer.public_id, each.group.load_balancer.name, each.group.name
        )
        for each in entries
    )
