"""Changes of what an instance may carry: its specification, bandwidth and billing."""

from collections.abc import Mapping

from django.db import transaction

from balancer.actors import Actor
from balancer.exceptions import Conflict
from balancer.models import LoadBalancer
from balancer.services.activity import record_activity
from balancer.services.load_balancers import check_specification
from balancer.services.locks import lock_load_balancer, save_edit
from balancer.services.publishing import request_publish


@transaction.atomic
def change_specification(
    *, actor: Actor, load_balancer: LoadBalancer, specification: str
) -> LoadBalancer:
    """Give the instance another specification; there is no way back to shared performance."""
    check_specification(specification)
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    if load_balancer.specification == specification:
        return load_balancer
    if not specification:
        raise Conflict(
            "specification_too_small",
            f"{load_balancer.name} has guaranteed performance, which its listeners and servers may "
            "count on; it cannot go back to shared performance.",
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
def change_billing(
    *, actor: Actor, load_balancer: LoadBalancer, changes: Mapping[str, str | int]
) -> LoadBalancer:
    """Keep what a client says about prices, beside what it said before; nothing follows from it."""
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    before = load_balancer.billing
    after = {**before, **changes}
    if before == after:
        return load_balancer
    load_balancer.billing = after
    save_edit(load_balancer, "billing")
    record_activity(
        actor,
        "load_balancer.billing_changed",
        load_balancer,
        load_balancer=load_balancer,
        before=before,
        after=after,
    )
    return load_balancer
