"""Every write to regions, zones and networks: the places of the inventory."""

import re
from ipaddress import IPv4Network
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, ProtectedError

from balancer.actors import Actor
from balancer.domain.names import check_machine_name
from balancer.exceptions import Conflict, Invalid
from balancer.models import Region, Vpc, VSwitch, Zone
from balancer.services.activity import record_activity
from balancer.services.locks import lock_row

Place = TypeVar("Place", Region, Zone, Vpc, VSwitch)

_PLACE_ID = re.compile(r"[a-z0-9][a-z0-9\-]{0,39}")


@transaction.atomic
def create_region(*, actor: Actor, public_id: str, name: str) -> Region:
    """Register a region under an id of the caller's choice."""
    return _create(actor, Region(public_id=public_id, name=name))


@transaction.atomic
def create_zone(*, actor: Actor, public_id: str, name: str, region: Region) -> Zone:
    """Register a zone of a region."""
    return _create(actor, Zone(public_id=public_id, name=name, region=region))


@transaction.atomic
def create_vpc(*, actor: Actor, public_id: str, name: str, region: Region, cidr: str) -> Vpc:
    """Register a private network of a region."""
    cidr = _check_network(cidr)
    return _create(actor, Vpc(public_id=public_id, name=name, region=region, cidr=cidr))


@transaction.atomic
def create_vswitch(
    *, actor: Actor, public_id: str, name: str, vpc: Vpc, zone: Zone, cidr: str
) -> VSwitch:
    """Register a subnet of a VPC in one zone of the VPC's region."""
    if zone.region_id != vpc.region_id:
        raise _refusal(
            "zone",
            f"Zone {zone.public_id} is in region {zone.region.public_id}, VPC {vpc.public_id} in "
            f"{vpc.region.public_id}.",
        )
    cidr = _check_network(cidr)
    return _create(actor, VSwitch(public_id=public_id, name=name, vpc=vpc, zone=zone, cidr=cidr))


@transaction.atomic
def rename_place(*, actor: Actor, place: Place, name: str) -> Place:
    """Give a region, zone, VPC or vSwitch another name."""
    name = check_machine_name(name)
    place = lock_row(place)
    if place.name == name:
        return place
    before, place.name = place.name, name
    place.save(update_fields=["name"])
    record_activity(actor, f"{_word(place)}.renamed", place, before=before, after=name)
    return place


@transaction.atomic
def delete_place(*, actor: Actor, place: Region | Zone | Vpc | VSwitch) -> None:
    """Delete a place that nothing stands in."""
    place = lock_row(place)
    record_activity(actor, f"{_word(place)}.deleted", place, before={"name": place.name})
    try:
        place.delete()
    except ProtectedError as error:
        names = ", ".join(sorted(str(each) for each in error.protected_objects)[:5])
        raise Conflict(
            "place_in_use", f"{place.public_id} still holds {names}.", held=names
        ) from error


def _create(actor: Actor, place: Place) -> Place:
    if not isinstance(place.public_id, str) or not _PLACE_ID.fullmatch(place.public_id):
        raise _refusal(
            "public_id",
            "The ID must have 1 to 40 lower-case letters, digits and hyphens; "
            f"given: {place.public_id!s:.60}.",
        )
    place.name = check_machine_name(place.name)
    if type(place).objects.filter(public_id=place.public_id).exists():
        raise _refusal("public_id", f"The ID {place.public_id} is in use already.")
    place.save()
    record_activity(actor, f"{_word(place)}.created", place, after={"name": place.name})
    return place


def _word(place: Model) -> str:
    return str(place._meta.model_name)


def _check_network(cidr: Any) -> str:
    try:
        return str(IPv4Network(cidr))
    except ValueError:
        raise _refusal(
            "cidr", f"The block must be an IPv4 network such as 10.0.0.0/16; given: {cidr!s:.40}."
        ) from None


def _refusal(field: str, message: str) -> Invalid:
    return Invalid("invalid_place", message, fields={field: [message]})
