"""What all pages of the Default Server Group share: the group, its address, the answers to acts."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.models import LoadBalancer, ServerGroup
from balancer.rights import Right
from balancer.selectors.server_groups import get_default_group
from console.htmx import HtmxHttpRequest, render_page, wants_fragment
from console.pages.instance_frame import find_load_balancer, instance_context

TAB = "default-group"
UNPROCESSABLE, CONFLICT = 422, 409


def actor_of(request: HtmxHttpRequest) -> Actor:
    """Return who acts, through the console."""
    return Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]


def find_group(
    request: HtmxHttpRequest, right: Right, region_id: str, load_balancer_id: str
) -> ServerGroup:
    """Return the default group of the load balancer that an address names."""
    load_balancer = find_load_balancer(request, right, region_id, load_balancer_id)
    return get_default_group(user=request.user, right=right, load_balancer=load_balancer)


def tab_url(load_balancer: LoadBalancer, name: str = TAB, **ids: str) -> str:
    """Return the address of the tab, or of one of its acts."""
    known = {
        "region_id": load_balancer.region.public_id,
        "load_balancer_id": load_balancer.public_id,
    }
    return reverse(name, kwargs=known | ids)


def show_dialog(
    request: HtmxHttpRequest,
    group: ServerGroup,
    fragment: str,
    context: Mapping[str, Any],
    *,
    status: int | None = None,
    element: str = "dialog-slot",
) -> HttpResponse:
    """Show a dialog or popover form: alone to htmx, on a page of its own to everybody else."""
    load_balancer = group.load_balancer
    shown = {
        **instance_context(request, load_balancer, active_tab=TAB),
        "group": group,
        "dialog_template": fragment,
        "close_url": tab_url(load_balancer),
        **context,
    }
    return render_page(
        request,
        "backend_servers/dialog_page.html",
        shown,
        fragments={element: fragment},
        status=status,
    )


def finish(request: HtmxHttpRequest, load_balancer: LoadBalancer) -> HttpResponse:
    """End an act: htmx refreshes the table, everybody else goes back to the tab."""
    if not wants_fragment(request):
        return HttpResponseRedirect(tab_url(load_balancer))
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps({"objectsChanged": None})
    return response
