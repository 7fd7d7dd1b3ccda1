"""What access lists may hold, and how a listener may use them."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from balancer.domain.names import check_description
from balancer.domain.refusals import RefusalCollector
from balancer.exceptions import Invalid
from proxy.snapshot import AccessKind

EXAMPLES = "10.0.0.0/8 or 192.0.2.7"
# Masks such as /255.0.0.0 and /0.0.0.255 are easily taken for each other.
_NETWORK = re.compile(r"[0-9.]+(?:/(?:3[0-2]|[12]?[0-9]))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A network to add to an access list, as it was given."""

    network: Any
    description: Any = ""


def check_network(value: object, field: str = "network") -> str:
    """Return the IPv4 network in CIDR form; a single address becomes a network of its own.

    Bits beside the length are refused, since nobody can tell which of the two was meant.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        if not _NETWORK.fullmatch(text):
            raise ValueError
        return str(IPv4Network(text))
    except ValueError:
        raise _refusal("bad_network", field, _why_not(text, value)) from None


def check_entries(
    entries: Sequence[NewEntry], known: Container[str] = (), field: str = "entries"
) -> list[tuple[str, str]]:
    """Return networks and descriptions; raise Invalid with every entry that is wrong.

    ``known`` are the networks that the list has already.
    """
    collector, seen = RefusalCollector(), dict[str, str]()
    for at, entry in enumerate(entries):
        with collector.gathering():
            network = check_network(entry.network, f"{field}[{at}].network")
            if network in seen or network in known:
                where = "is in the list already" if network in known else "is given twice"
                collector.add(f"{field}[{at}].network", "duplicate", f"{network} {where}.")
            seen[network] = ""
            seen[network] = check_description(entry.description, f"{field}[{at}].description")
    collector.finish()
    return list(seen.items())


def check_access(*, enabled: bool, kind: str, lists: int) -> None:
    """Raise Invalid unless a listener's access control is whole, or off with nothing left of it."""
    fields: dict[str, list[str]] = {}
    kinds = " or ".join(each.value for each in AccessKind)
    if kind and kind not in set(AccessKind):
        fields["access_kind"] = [f"The kind of access control must be {kinds}; given: {kind:.40}."]
    elif enabled and not kind:
        fields["access_kind"] = [f"Access control needs a kind: {kinds}."]
    elif kind and not enabled:
        fields["access_kind"] = ["Access control is off: turn it on, or leave the kind out."]
    if enabled and not lists:
        fields["access_lists"] = ["Access control needs at least one access list."]
    elif lists and not enabled:
        fields["access_lists"] = ["Access control is off: turn it on, or leave the lists out."]
    if fields:
        first = next(iter(fields.values()))[0]
        raise Invalid("incomplete_access_control", first, fields=fields)


def _why_not(text: str, value: object) -> str:
    rule = f"an IPv4 network or address such as {EXAMPLES}; given: {value!s:.60}"
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return f"A network must be {rule}."
    if not isinstance(network, IPv4Network):
        return f"IPv6 networks are not supported yet; use {rule}."
    if not _NETWORK.fullmatch(text):
        return f"Write the length of the network as a number from 0 to 32; given: {text:.60}."
    return (
        f"{text} has bits beside its length: write {network} for the network or "
        f"{text.partition('/')[0]} for the address alone."
    )


def _refusal(code: str, field: str, message: str) -> Invalid:
    return Invalid(code, message, fields={field: [message]})
