"""What all pages of one load balancer share: its title row, tabs and the way of its last change."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from balancer.choices import LISTENER_ERROR_WORDS
from balancer.models import LoadBalancer
from balancer.rights import Right
from balancer.selectors.load_balancers import get_load_balancer
from balancer.selectors.publishing import ApplyState, ApplyStatus, get_apply_status
from proxy.snapshot import ListenerFault

TABS = (
    # url name, label
    ("load-balancer-detail", "Instance Details"),
    ("listener-list", "Listeners"),
    ("vserver-group-list", "VServer Groups"),
    ("default-group", "Default Server Group"),
    ("primary-secondary-group-list", "Primary/Secondary Server Groups"),
    ("load-balancer-monitoring", "Monitoring"),
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the instance pages; each has an address of its own."""

    name: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class FaultNote:
    """Why proxies cannot serve a listener, in words, and what to do."""

    reason: str
    hint: str
    detail: str


def find_load_balancer(
    request: HttpRequest, right: Right, region_id: str, load_balancer_id: str
) -> LoadBalancer:
    """Return the load balancer of a page's address, with the right that the page needs."""
    return get_load_balancer(
        user=request.user, right=right, load_balancer_id=load_balancer_id, region_id=region_id
    )


def instance_context(
    request: HttpRequest, load_balancer: LoadBalancer, *, active_tab: str
) -> dict[str, Any]:
    """Return what templates/load_balancers/instance.html needs."""
    status = get_apply_status(load_balancer)
    ids = [load_balancer.region.public_id, load_balancer.public_id]
    return {
        "load_balancer": load_balancer,
        "region_id": ids[0],
        "active_tab": active_tab,
        "tabs": [Tab(name, label, reverse(name, args=ids)) for name, label in TABS],
        "nav_section": "instances",
        **apply_context(status),
    }


def apply_context(status: ApplyStatus) -> dict[str, Any]:
    """Return the state of the last change and whether a page should ask again."""
    return {
        "apply_status": status,
        "apply_refusals": [node for node in status.nodes if node.error],
        "apply_is_pending": status.state is ApplyState.PENDING,
        "fault_notes": {
            listener_id: fault_note(faults[0]) for listener_id, faults in status.faults.items()
        },
    }


def fault_note(fault: ListenerFault) -> FaultNote:
    """Return a proxy's reason in words."""
    reason, hint = LISTENER_ERROR_WORDS[fault.error]
    return FaultNote(reason=reason, hint=hint, detail=fault.detail)
