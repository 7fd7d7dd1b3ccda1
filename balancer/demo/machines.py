"""The demo's machines as the database has them, with every address they answer on."""

from dataclasses import dataclass

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
    """Return every running machine of the inventory, IDC servers included."""
    instances = EcsInstance.objects.filter(power_state=PowerState.RUNNING)
    machines = [
        DemoMachine(
            each.public_id,
            each.name,
            (
                each.private_address,
                *(
                    address.address
                    for interface in each.interfaces.all()
                    for address in interface.addresses.all()
                ),
            ),
        )
        for each in instances.prefetch_related("interfaces__addresses")
    ]
    return machines + [
        DemoMachine(each.public_id, each.name, (each.address,)) for each in IdcServer.objects.all()
    ]


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
