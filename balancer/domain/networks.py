"""Which addresses backend servers and load balancers may have."""

from collections.abc import Container, Iterator
from ipaddress import IPv4Address, IPv4Network

from balancer.exceptions import Invalid


def read_address(value: object, *, field: str, label: str = "Address") -> str:
    """Return the IPv4 address in its usual form; raise Invalid otherwise."""
    try:
        if not isinstance(value, str):
            raise ValueError
        return str(IPv4Address(value.strip()))
    except ValueError:
        raise _refusal(
            "bad_address", field, f"{label} must be an IPv4 address; given: {value!s:.40}."
        ) from None


def check_server_address(value: object, *, field: str, loopback_allowed: bool) -> str:
    """Return the address of a machine: unicast, and loopback only where that is allowed."""
    text = read_address(value, field=field)
    address = IPv4Address(text)
    kind = (
        "the unspecified"
        if address.is_unspecified
        else "a multicast"
        if address.is_multicast
        else "the broadcast"
        if address == IPv4Address("255.255.255.255")
        else "a loopback"
        if address.is_loopback and not loopback_allowed
        else ""
    )
    if kind:
        raise _refusal(
            "bad_address",
            field,
            f"A server needs a unicast address; {text} is {kind} address.",
        )
    return text


def check_virtual_address(value: object, *, pool: IPv4Network, field: str = "address") -> str:
    """Return a requested address of a load balancer; it lies in the pool of the installation."""
    text = read_address(value, field=field)
    if IPv4Address(text) not in pool or text in (
        str(pool.network_address),
        str(pool.broadcast_address),
    ):
        raise _refusal(
            "address_outside_pool",
            field,
            f"The address must be a usable one of the pool {pool}; given: {text}.",
        )
    return text


def first_free_address(pool: IPv4Network, taken: Container[str]) -> str | None:
    """Return the lowest address of the pool that nobody has, or None."""
    addresses: Iterator[IPv4Address] = pool.hosts()
    return next((text for text in map(str, addresses) if text not in taken), None)


def _refusal(code: str, field: str, message: str) -> Invalid:
    return Invalid(code, message, fields={field: [message]})
