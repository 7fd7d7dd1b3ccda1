"""Changes of what an instance may carry: its specification, bandwidth and billing."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import Sum

from balancer.actors import Actor
from balancer.constants import UNLIMITED_BANDWIDTH_MBPS
from balancer.domain.bandwidth import (
    bandwidth_in_force,
    billing_by,
    check_bandwidth,
    check_instance_bandwidth,
)
from balancer.exceptions import Conflict
from balancer.models import Listener, LoadBalancer
from balancer.services.activity import record_activity
from balancer.services.load_balancers import check_specification
from balancer.services.locks import check_fresh, lock_load_balancer, save_edit
from balancer.services.publishing import request_publish

BY_USE, ELASTIC = "PayByCLCU", "slb.lcu.elastic"
"""What is billed by use has this specification and no other."""


@transaction.atomic
def change_specification(
    *,
    actor: Actor,
    load_balancer: LoadBalancer,
    specification: str,
    expected: int | None = None,
) -> LoadBalancer:
    """Give the instance another specification; there is no way back to shared performance."""
    check_specification(specification)
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_fresh(load_balancer, expected)
    if load_balancer.specification == specification:
        return load_balancer
    if not specification:
        raise Conflict(
            "specification_too_small",
            f"{load_balancer.name} has guaranteed performance, which its listeners and servers may "
            "count on; it cannot go back to shared performance.",
        )
    if load_balancer.billing.get("instance_charge_type") == BY_USE and specification != ELASTIC:
        raise Conflict(
            "billed_by_use",
            f"{load_balancer.name} is billed by use, so its specification is {ELASTIC}; have it "
            "billed by its specification first.",
        )
    before, load_balancer.specification = load_balancer.specification, specification
    save_edit(load_balancer, "specification")
    record_activity(
        actor,
        "load_balancer.specification_changed",
        load_balancer,
        load_balancer=load_balancer,
        before=before,
        after=specification,
    )
    request_publish(load_balancer)
    return load_balancer


@transaction.atomic
def change_bandwidth(
    *,
    actor: Actor,
    load_balancer: LoadBalancer,
    bandwidth_mbps: int | str,
    expected: int | None = None,
) -> LoadBalancer:
    """Limit what all listeners of the instance carry together; -1 lifts the limit."""
    changes = billing_by(check_bandwidth(bandwidth_mbps))
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_fresh(load_balancer, expected)
    if bandwidth_in_force(changes) == load_balancer.bandwidth_mbps:
        return load_balancer
    return _bill(actor, load_balancer, changes)


@transaction.atomic
def change_billing(
    *,
    actor: Actor,
    load_balancer: LoadBalancer,
    changes: Mapping[str, str | int],
    expected: int | None = None,
) -> LoadBalancer:
    """Keep what a client says about prices, beside what it said before.

    Nothing follows from it but the bandwidth of an instance that is billed by that.
    """
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    check_fresh(load_balancer, expected)
    return _bill(actor, load_balancer, changes)


def bandwidth_of_listeners(load_balancer: LoadBalancer, *, but: Listener | None = None) -> int:
    """Return what the listeners with a bandwidth of their own have together."""
    limited = load_balancer.listeners.exclude(bandwidth_mbps=UNLIMITED_BANDWIDTH_MBPS)
    others = limited.exclude(pk=but.pk) if but is not None else limited
    return others.aggregate(total=Sum("bandwidth_mbps"))["total"] or 0


def _bill(
    actor: Actor, load_balancer: LoadBalancer, changes: Mapping[str, str | int]
) -> LoadBalancer:
    before, before_mbps = load_balancer.billing, load_balancer.bandwidth_mbps
    after = {**before, **changes}
    if before == after:
        return load_balancer
    mbps = bandwidth_in_force(after)
    if mbps != before_mbps:
        check_instance_bandwidth(mbps, listeners_mbps=bandwidth_of_listeners(load_balancer))
    load_balancer.billing, load_balancer.bandwidth_mbps = after, mbps
    save_edit(load_balancer, "billing", "bandwidth_mbps")
    record_activity(
        actor,
        "load_balancer.billing_changed",
        load_balancer,
        load_balancer=load_balancer,
        before=before,
        after=after,
    )
    if mbps != before_mbps:
        request_publish(load_balancer)
    return load_balancer
