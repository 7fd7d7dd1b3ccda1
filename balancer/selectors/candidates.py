"""What the My Servers panel offers: machines and network interfaces, with why not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q, QuerySet

from balancer.domain.quotas import limit
from balancer.models import (
    BackendServer,
    EcsInstance,
    InterfaceAddress,
    NetworkInterface,
    ServerGroup,
)
from balancer.selectors.access import visible
from balancer.selectors.eligibility import find_ineligibility

ALREADY_THERE = "already in this group"
GONE = "not in the inventory any more"


@dataclass(frozen=True, slots=True)
class Association:
    """One group that uses a machine already."""

    load_balancer_id: str
    load_balancer_name: str
    group_id: str
    group_name: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that could be added; ``reason`` says in words why it cannot be, "" when it can.

    ``key`` is ``ecs:<id>`` or ``eni:<id>:<address>``. ``ports_in_group`` are the ports it has in
    the group already: there, another port can be added.
    """

    machine_type: str
    key: str
    public_id: str
    name: str
    private_address: str
    reason: str = ""
    zone_id: str = ""
    zone_name: str = ""
    public_address: str = ""
    vpc_id: str = ""
    vswitch_id: str = ""
    power_state: str = ""
    is_primary: bool = False
    ports_in_group: tuple[int, ...] = ()
    associations: tuple[Association, ...] = ()
    interfaces: tuple["Candidate", ...] = ()

    @property
    def is_available(self) -> bool:
        """Tell whether the server can be added now."""
        return not self.reason

    @property
    def load_balancers(self) -> tuple[tuple[str, str], ...]:
        """Return id and name of each load balancer that uses the server."""
        pairs = {each.load_balancer_id: each.load_balancer_name for each in self.associations}
        return tuple(pairs.items())

    @property
    def load_balancer_count(self) -> int:
        """Return how many load balancers use the server (the cell Associated SLB Instances)."""
        return len(self.load_balancers)


def list_candidates(
    *,
    user: Any,
    group: ServerGroup,
    query: str = "",
    machine_type: str = "all",
    only_available: bool = True,
) -> Sequence[Candidate]:
    """Return the machines of the load balancer's region that match; the queries are constant.

    ``all`` gives instances with the addresses of their interfaces below them, ``ecs`` instances
    alone and ``eni`` the addresses of interfaces as rows of their own.
    """
    region = group.load_balancer.region
    rows = visible(_instances(), user=user).filter(zone__region=region)
    offer = _Offer(group)
    found = offer.rows(rows.order_by("name", "public_id"))
    if machine_type == "eni":
        found = [below for each in found for below in each.interfaces]
        found += offer.detached(region_pk=region.pk)
    elif machine_type == "ecs":
        found = [replace(each, interfaces=()) for each in found]
    text = query.strip().lower()
    return [each for each in found if _matches(each, text) and _is_shown(each, only_available)]


def get_candidates(*, user: Any, group: ServerGroup, keys: Sequence[str]) -> list[Candidate]:
    """Return the candidates with these keys, in their order, from wherever they are now.

    A machine that left the inventory is in the list too, with that as its reason (E1.14).
    """
    wanted = {key: key.split(":", 2) for key in keys}
    named = [part[1] for part in wanted.values() if len(part) > 1 and "\0" not in part[1]]
    rows = visible(_instances(), user=user).filter(
        Q(public_id__in=named) | Q(interfaces__public_id__in=named)
    )
    offer = _Offer(group)
    found = {
        candidate.key: candidate
        for each in offer.rows(rows.distinct())
        for candidate in (each, *each.interfaces)
    }
    found |= {each.key: each for each in offer.detached(ids=named)}
    return [found.get(key) or _gone(key, part) for key, part in wanted.items()]


def _instances() -> QuerySet[EcsInstance]:
    rows = EcsInstance.objects.select_related("zone__region", "vswitch__vpc")
    return rows.prefetch_related(
        "interfaces__addresses",
        "interfaces__vswitch__vpc",
        "interfaces__vswitch__zone__region",
    )


def _matches(candidate: Candidate, text: str) -> bool:
    """Tell whether name, ID or an address contains the text (S54), here or at an interface."""
    values = (
        candidate.name,
        candidate.public_id,
        candidate.private_address,
        candidate.public_address,
    )
    own = any(text in value.lower() for value in values)
    return own or any(_matches(below, text) for below in candidate.interfaces)


def _is_shown(candidate: Candidate, only_available: bool) -> bool:
    """Leave out what cannot be added, itself or by one of its interfaces (C20)."""
    return (
        not only_available
        or candidate.is_available
        or any(below.is_available for below in candidate.interfaces)
    )


def _gone(key: str, parts: Sequence[str]) -> Candidate:
    public_id = parts[1] if len(parts) > 1 else key
    address = parts[2] if len(parts) > 2 else ""
    return Candidate(parts[0], key, public_id, public_id, address, reason=GONE)


@dataclass(slots=True)
class _Offer:
    """What is known once of a group, to judge many machines."""

    group: ServerGroup
    _ports: dict[str, list[int | None]] = field(default_factory=dict)
    _uses: dict[tuple[str, int], list[Association]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        servers = BackendServer.objects.filter(group=self.group)
        for server in servers.select_related("ecs_instance", "interface_address", "idc_server"):
            self._ports.setdefault(server.address, []).append(server.port)

    def rows(self, instances: Iterable[EcsInstance]) -> list[Candidate]:
        """Return a candidate for each instance, with its interfaces below it."""
        instances = list(instances)
        self._read_uses("ecs_instance", [each.pk for each in instances])
        below = [interface for each in instances for interface in each.interfaces.all()]
        addresses = self._addresses(below)
        return [self._instance(each, addresses.get(each.pk, ())) for each in instances]

    def detached(self, *, region_pk: int | None = None, ids: Sequence[str] = ()) -> list[Candidate]:
        """Return the addresses of interfaces that no instance has, of a region or by ID."""
        rows = NetworkInterface.objects.filter(instance=None).order_by("name", "public_id")
        rows = rows.select_related("vswitch__vpc", "vswitch__zone__region")
        if region_pk is None:
            rows = rows.filter(public_id__in=ids)
        else:
            rows = rows.filter(vswitch__zone__region=region_pk)
        found = self._addresses(rows.prefetch_related("addresses"))
        return list(found.get(None, ()))

    def _addresses(
        self, interfaces: Iterable[NetworkInterface]
    ) -> Mapping[int | None, Sequence[Candidate]]:
        interfaces = list(interfaces)
        pairs = [(each, address) for each in interfaces for address in each.addresses.all()]
        self._read_uses("interface_address", [address.pk for _, address in pairs])
        found: dict[int | None, list[Candidate]] = {}
        for interface, address in pairs:
            found.setdefault(interface.instance_id, []).append(self._address(address))
        return found

    def _read_uses(self, column: str, keys: Sequence[int]) -> None:
        rows = BackendServer.objects.filter(**{f"{column}__in": keys}).order_by("pk")
        for key, *names in rows.values_list(
            f"{column}_id",
            "group__load_balancer__public_id",
            "group__load_balancer__name",
            "group__public_id",
            "group__name",
        ):
            associations = self._uses.setdefault((column, key), [])
            association = Association(*names)
            if association not in associations:
                associations.append(association)

    def _instance(self, instance: EcsInstance, below: Sequence[Candidate]) -> Candidate:
        return replace(
            self._candidate("ecs", instance, ("ecs_instance", instance.pk)),
            zone_id=instance.zone.public_id,
            zone_name=instance.zone.name,
            public_address=instance.public_address or "",
            vpc_id=instance.vswitch.vpc.public_id,
            vswitch_id=instance.vswitch.public_id,
            power_state=instance.power_state,
            interfaces=tuple(below),
        )

    def _address(self, address: InterfaceAddress) -> Candidate:
        interface = address.interface
        return replace(
            self._candidate("eni", address, ("interface_address", address.pk)),
            zone_id=interface.vswitch.zone.public_id,
            zone_name=interface.vswitch.zone.name,
            vpc_id=interface.vswitch.vpc.public_id,
            vswitch_id=interface.vswitch.public_id,
            power_state=interface.instance.power_state if interface.instance else "",
            is_primary=address.is_primary,
        )

    def _candidate(
        self, machine_type: str, machine: EcsInstance | InterfaceAddress, use: tuple[str, int]
    ) -> Candidate:
        if isinstance(machine, EcsInstance):
            owner: EcsInstance | NetworkInterface = machine
            key, address = f"ecs:{machine.public_id}", machine.private_address
        else:
            owner, address = machine.interface, machine.address
            key = f"eni:{owner.public_id}:{address}"
        ports = self._ports.get(address, [])
        associations = tuple(self._uses.get(use, ()))
        return Candidate(
            machine_type=machine_type,
            key=key,
            public_id=owner.public_id,
            name=owner.name,
            private_address=address,
            reason=self._reason(machine, address, associations),
            ports_in_group=tuple(port for port in ports if port is not None),
            associations=associations,
        )

    def _reason(
        self,
        machine: EcsInstance | InterfaceAddress,
        address: str,
        associations: Sequence[Association],
    ) -> str:
        if self.group.is_default and address in self._ports:
            return ALREADY_THERE
        found = find_ineligibility(self.group, machine)
        if found is not None:
            return found.words
        own = self.group.load_balancer.public_id
        others = {each.load_balancer_id for each in associations} - {own}
        most = limit("load_balancers_per_server")
        return f"used by {len(others)} load balancers already" if len(others) >= most else ""
