"""Every write to a load balancer instance."""

from django.conf import settings
from django.db import transaction

from balancer.actors import Actor
from balancer.choices import AddressType, LoadBalancerStatus
from balancer.constants import SPECIFICATION_LIMITS, UNLIMITED_BANDWIDTH_MBPS
from balancer.domain.bandwidth import billing_by, check_bandwidth
from balancer.domain.names import check_load_balancer_name, check_protection_reason
from balancer.domain.networks import check_virtual_address, first_free_address
from balancer.domain.quotas import check_quota
from balancer.exceptions import Conflict, Invalid
from balancer.models import LoadBalancer, Region, ServerGroup, Vpc, VSwitch, Zone
from balancer.services.activity import record_activity
from balancer.services.addresses import holder_of, list_addresses
from balancer.services.locks import (
    check_fresh,
    lock_addresses,
    lock_load_balancer,
    protection_refusal,
    save_edit,
)
from balancer.services.publishing import request_publish, request_tombstone
from balancer.services.tags import forget_tags
from proxy.snapshot import GroupKind

DEFAULT_GROUP_NAME = "Default Server Group"


@transaction.atomic
def create_load_balancer(
    *,
    actor: Actor,
    region: Region,
    name: str = "",
    primary_zone: Zone | None = None,
    backup_zone: Zone | None = None,
    address: str | None = None,
    address_type: str = AddressType.INTERNET,
    vpc: Vpc | None = None,
    vswitch: VSwitch | None = None,
    specification: str = "",
    bandwidth_mbps: int | str = UNLIMITED_BANDWIDTH_MBPS,
    deletion_protection: bool = False,
) -> LoadBalancer:
    """Create an instance with an address of the pool and its default server group."""
    lock_addresses()  # for the last place of the quota too
    check_quota(
        "load_balancers",
        current=LoadBalancer.objects.count(),
        requested=1,
        what="load balancers in this installation",
    )
    if vswitch is not None:
        vpc = vpc or vswitch.vpc
    primary_zone = primary_zone or (vswitch.zone if vswitch else _first_zone(region))
    _check_place(region, primary_zone, backup_zone, vpc, vswitch)
    _check_choices(address_type, specification)
    mbps = check_bandwidth(bandwidth_mbps)
    load_balancer = LoadBalancer(
        region=region,
        primary_zone=primary_zone,
        backup_zone=backup_zone,
        address=_take_address(address),
        address_type=address_type,
        vpc=vpc,
        vswitch=vswitch,
        specification=specification,
        bandwidth_mbps=mbps,
        billing={} if mbps == UNLIMITED_BANDWIDTH_MBPS else billing_by(mbps),
        deletion_protection=deletion_protection,
        owner=actor.name,
    )
    load_balancer.name = check_load_balancer_name(name or load_balancer.public_id)
    load_balancer.save()
    ServerGroup.objects.create(
        load_balancer=load_balancer, kind=GroupKind.DEFAULT, name=DEFAULT_GROUP_NAME
    )
    record_activity(
        actor,
        "load_balancer.created",
        load_balancer,
        load_balancer=load_balancer,
        after={
            "name": load_balancer.name,
            "address": load_balancer.address,
            "specification": specification,
            "bandwidth_mbps": mbps,
        },
    )
    request_publish(load_balancer)
    return load_balancer


@transaction.atomic
def rename_load_balancer(
    *, actor: Actor, load_balancer: LoadBalancer, name: str, expected: int | None = None
) -> LoadBalancer:
    """Give the instance another name."""
    name = check_load_balancer_name(name)
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_fresh(load_balancer, expected)
    if load_balancer.name == name:
        return load_balancer
    before, load_balancer.name = load_balancer.name, name
    save_edit(load_balancer, "name")
    record_activity(
        actor,
        "load_balancer.renamed",
        load_balancer,
        load_balancer=load_balancer,
        before=before,
        after=name,
    )
    return load_balancer


def start_load_balancer(
    *, actor: Actor, load_balancer: LoadBalancer, expected: int | None = None
) -> LoadBalancer:
    """Let the instance serve its running listeners again."""
    status, action = LoadBalancerStatus.ACTIVE, "load_balancer.started"
    return _set_status(actor, load_balancer, status, action, expected)


def stop_load_balancer(
    *, actor: Actor, load_balancer: LoadBalancer, expected: int | None = None
) -> LoadBalancer:
    """Stop the instance: no listener answers, the configuration stays."""
    status, action = LoadBalancerStatus.INACTIVE, "load_balancer.stopped"
    return _set_status(actor, load_balancer, status, action, expected)


@transaction.atomic
def release_load_balancer(
    *, actor: Actor, load_balancer: LoadBalancer, expected: int | None = None
) -> None:
    """Delete the instance with its listeners, rules and groups; its address becomes free."""
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_fresh(load_balancer, expected)
    if load_balancer.deletion_protection:
        raise protection_refusal(load_balancer, "deletion", "release")
    record_activity(
        actor,
        "load_balancer.released",
        load_balancer,
        load_balancer=load_balancer,
        before={"name": load_balancer.name, "address": load_balancer.address},
    )
    public_id = load_balancer.public_id
    for parts in (load_balancer.listeners, load_balancer.server_groups):
        forget_tags(parts.values_list("public_id", flat=True))
    forget_tags([public_id])
    load_balancer.listeners.all().delete()  # they protect their groups
    load_balancer.delete()
    request_tombstone(public_id)


@transaction.atomic
def set_deletion_protection(
    *, actor: Actor, load_balancer: LoadBalancer, enabled: bool, expected: int | None = None
) -> LoadBalancer:
    """Turn the protection against release on or off."""
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_fresh(load_balancer, expected)
    if load_balancer.deletion_protection == enabled:
        return load_balancer
    load_balancer.deletion_protection = enabled
    save_edit(load_balancer, "deletion_protection")
    record_activity(
        actor,
        "load_balancer.deletion_protection_changed",
        load_balancer,
        load_balancer=load_balancer,
        before=not enabled,
        after=enabled,
    )
    return load_balancer


@transaction.atomic
def set_modification_protection(
    *,
    actor: Actor,
    load_balancer: LoadBalancer,
    enabled: bool,
    reason: str = "",
    expected: int | None = None,
) -> LoadBalancer:
    """Turn the protection against changes in the console on, with a reason, or off."""
    reason = check_protection_reason(reason) if enabled else ""
    # The one change that the protection itself never forbids.
    load_balancer = lock_load_balancer(actor, load_balancer.pk, protection_applies=False)
    check_fresh(load_balancer, expected)
    before = _protection(load_balancer)
    load_balancer.modification_protection = enabled
    load_balancer.modification_protection_reason = reason
    if before == _protection(load_balancer):
        return load_balancer
    save_edit(load_balancer, "modification_protection", "modification_protection_reason")
    record_activity(
        actor,
        "load_balancer.modification_protection_changed",
        load_balancer,
        load_balancer=load_balancer,
        before=before,
        after=_protection(load_balancer),
    )
    return load_balancer


def _protection(load_balancer: LoadBalancer) -> dict[str, object]:
    return {
        "enabled": load_balancer.modification_protection,
        "reason": load_balancer.modification_protection_reason,
    }


@transaction.atomic
def _set_status(
    actor: Actor,
    load_balancer: LoadBalancer,
    status: LoadBalancerStatus,
    action: str,
    expected: int | None,
) -> LoadBalancer:
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_fresh(load_balancer, expected)
    if load_balancer.status == status:
        return load_balancer
    before, load_balancer.status = load_balancer.status, status
    save_edit(load_balancer, "status")
    record_activity(
        actor, action, load_balancer, load_balancer=load_balancer, before=before, after=status
    )
    request_publish(load_balancer)
    return load_balancer


def _first_zone(region: Region) -> Zone:
    zone = region.zones.first()
    if zone is None:
        raise _refusal("primary_zone", f"Region {region.public_id} has no zone yet.")
    return zone


def _check_place(
    region: Region,
    primary_zone: Zone,
    backup_zone: Zone | None,
    vpc: Vpc | None,
    vswitch: VSwitch | None,
) -> None:
    """Everything an instance stands in belongs to one region and fits together (S10)."""
    for field, place in (
        ("vswitch", vswitch.vpc if vswitch else None),
        ("primary_zone", primary_zone),
        ("backup_zone", backup_zone),
        ("vpc", vpc),
    ):
        if place is not None and place.region_id != region.pk:
            raise _refusal(
                field,
                f"{place.public_id} is in region {place.region.public_id}, "
                f"the instance in {region.public_id}.",
            )
    if backup_zone is not None and backup_zone.pk == primary_zone.pk:
        raise _refusal("backup_zone", "The backup zone must differ from the primary zone.")
    if vswitch is not None and (vpc is None or vswitch.vpc_id != vpc.pk):
        raise _refusal("vswitch", f"vSwitch {vswitch.public_id} is not in the chosen VPC.")


def _check_choices(address_type: str, specification: str) -> None:
    if address_type not in AddressType.values:
        names = " or ".join(AddressType.values)
        raise _refusal("address_type", f"Address type must be {names}; given: {address_type}.")
    check_specification(specification)


def check_specification(specification: str) -> None:
    """Raise Invalid for a specification that there is not; empty is shared performance."""
    if specification and specification not in SPECIFICATION_LIMITS:
        names = ", ".join(SPECIFICATION_LIMITS)
        raise _refusal(
            "specification",
            f"Specification must be empty (shared performance) or one of {names}; "
            f"given: {specification}.",
        )


def _take_address(requested: str | None) -> str:
    pool = settings.OPENCLB_VIP_POOL
    if requested:
        address = check_virtual_address(requested, pool=pool)
        holder = holder_of(address)
        if holder:
            raise Conflict(
                "address_in_use",
                f"{address} is the address of {holder} already; choose another or none.",
                address=address,
            )
        return address
    free = first_free_address(pool, list_addresses())
    if free is None:
        raise Conflict("no_free_address", f"Every address of the pool {pool} is in use.")
    return free


def _refusal(field: str, message: str) -> Invalid:
    return Invalid("invalid_place", message, fields={field: [message]})
