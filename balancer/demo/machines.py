"""The demo's machines as the database has them, with every address they answer on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from django.conf import settings

from balancer.choices import PowerState
from balancer.exceptions import NotFound
from balancer.models import EcsInstance, IdcServer


@dataclass(frozen=True, slots=True)
class DemoMachine:
    """A machine that answers for itself on all of its addresses."""

    machine_id: str
    name: str
    addresses: tuple[str, ...]


def list_machines() -> list[DemoMachine]:
    """Return every running machine with an address of the demo's pool, IDC servers included.

    Whatever else is registered belongs to somebody: its addresses are never taken.
    """
    return [
        DemoMachine(machine_id, name, own)
        for machine_id, name, addresses in _running_machines()
        if (own := tuple(each for each in addresses if _is_in_pool(each)))
    ]


def _running_machines() -> Iterator[tuple[str, str, Iterable[str]]]:
    instances = EcsInstance.objects.filter(power_state=PowerState.RUNNING)
    for instance in instances.prefetch_related("interfaces__addresses"):
        extra = [
            address.address
            for interface in instance.interfaces.all()
            for address in interface.addresses.all()
        ]
        yield instance.public_id, instance.name, [instance.private_address, *extra]
    for server in IdcServer.objects.all():
        yield server.public_id, server.name, [server.address]


def _is_in_pool(address: str) -> bool:
    return ip_address(address) in settings.OPENCLB_DEMO_POOL


def find_machine(name_or_id: str) -> DemoMachine:
    """Return the running machine with this ID or name; raise NotFound otherwise."""
    for machine in list_machines():
        if name_or_id in (machine.machine_id, machine.name):
            return machine
    raise NotFound(
        "machine_not_found",
        f"The demo has no running server with the ID or name {name_or_id!r}.",
        given=name_or_id,
    )
