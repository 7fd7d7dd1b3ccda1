"""Who has an address, who uses a machine, and what happens to its users when it changes."""

from typing import Any

from balancer.exceptions import Conflict, Invalid
from balancer.models import EcsInstance, IdcServer, InterfaceAddress, LoadBalancer
from balancer.services.publishing import request_publish

_LOAD_BALANCER = "the load balancer"


def check_address_free(address: str, *, field: str = "address") -> None:
    """Raise Invalid that names the holder when a machine or load balancer has the address."""
    holder = holder_of(address)
    if holder:
        advice = "choose another one" if holder.startswith(_LOAD_BALANCER) else "use that instead"
        message = f"{address} belongs to {holder} already; {advice}."
        raise Invalid("address_in_use", message, fields={field: [message]})


def list_addresses() -> set[str]:
    """Return every address that a load balancer or machine has."""
    columns = (
        LoadBalancer.objects.values_list("address", flat=True),
        EcsInstance.objects.values_list("private_address", flat=True),
        InterfaceAddress.objects.values_list("address", flat=True),
        IdcServer.objects.values_list("address", flat=True),
    )
    return {address for column in columns for address in column}


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


def publish_users(entries: Any) -> None:
    """Publish every load balancer that uses one of the entries, in id order.

    The caller holds the machine's lock, so the load balancers' own locks, which come before it in
    the order, are not taken: whoever adds the machine to one more locks it too.
    """
    keys = set(entries.values_list("group__load_balancer_id", flat=True))
    for load_balancer in LoadBalancer.objects.filter(pk__in=keys).order_by("public_id"):
        request_publish(load_balancer)


def holder_of(address: str) -> str:
    """Return in words which machine or load balancer has the address, "" for none."""
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
    return f"{_LOAD_BALANCER} {balancer.name} ({balancer.public_id})" if balancer else ""
