"""Pages of load balancer instances: list, details, and what can be done to a whole instance."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.exceptions import BalancerError
from balancer.models import LoadBalancer
from balancer.rights import Right, check_right
from balancer.selectors.inventory import get_region
from balancer.selectors.load_balancers import list_load_balancers as select_load_balancers
from balancer.services import load_balancers as services
from balancer.services import specifications
from balancer.services.preferences import update_preference
from console.forms.load_balancers import (
    BandwidthForm,
    CreateForm,
    ModificationProtectionForm,
    ReleaseForm,
    RenameForm,
    bandwidth_text,
)
from console.forms.refusals import add_refusal
from console.htmx import HtmxHttpRequest, close_dialog, go_to, render_fragment, render_page
from console.middleware import status_of
from console.pages.instance_frame import find_load_balancer, instance_context
from console.pages.instance_rows import InstanceFilter, instance_rows
from console.pages.paging import paginate
from console.pages.usage import usage_of
from console.toasts import add_toast

MAX_SEARCH_HITS = 6


def _actor(request: HtmxHttpRequest) -> Actor:
    return Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]


@login_required
@require_safe
def enter_console(request: HtmxHttpRequest) -> HttpResponse:
    """Go to the instances of the region last visited."""
    return redirect("load-balancer-list", request.frame.region_id)


@login_required
@require_GET
def list_load_balancers(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Show the instances of a region with the health of every listener."""
    region = get_region(user=request.user, right=Right.VIEW, region_id=region_id)
    if request.frame.preference.last_region != region_id:
        update_preference(request.user, last_region=region_id)
    wanted = InstanceFilter.from_query(request.GET)
    rows, counts = instance_rows(request.user, region_id, wanted)
    context = {
        "region": region,
        "nav_section": "instances",
        "filter": wanted,
        "counts": counts,
        **paginate(request, rows),
    }
    return render_page(
        request,
        "load_balancers/list.html",
        context,
        fragments={"instance-table": "load_balancers/_table_answer.html"},
    )


@login_required
@require_GET
def search_instances(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Offer the instances of all regions that match; Enter opens the first."""
    text = request.GET.get("q", "").strip()
    found = select_load_balancers(user=request.user) if text else []
    hits = [each for each in found if InstanceFilter.matches_text(each, text)][:MAX_SEARCH_HITS]
    if request.htmx:
        return render_page(request, "load_balancers/_search_hits.html", {"hits": hits, "q": text})
    if hits:
        return redirect(hits[0])
    address = reverse("load-balancer-list", args=[region_id])
    return HttpResponseRedirect(f"{address}?{InstanceFilter.query_for(text)}")


@login_required
@require_http_methods(["GET", "POST"])
def create_load_balancer(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Create an instance on a page of its own."""
    region = get_region(user=request.user, right=Right.CHANGE, region_id=region_id)
    form = CreateForm(request.POST or None, region=region)
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            load_balancer = services.create_load_balancer(
                actor=_actor(request), region=region, **form.cleaned_data
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Instance {load_balancer.name} created at {load_balancer.address}")
            return redirect(load_balancer)
    context = {"region": region, "form": form, "nav_section": "instances"}
    return render_page(request, "load_balancers/create.html", context, status=status)


@login_required
@require_GET
def show_load_balancer(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Show what the instance is, what it carries and how full it is."""
    load_balancer = find_load_balancer(request, Right.VIEW, region_id, load_balancer_id)
    return render_page(
        request,
        "load_balancers/detail.html",
        _details(request, load_balancer),
        fragments={
            "instance-header": "load_balancers/_header.html",
            "instance-details": "load_balancers/_detail_answer.html",
        },
    )


def _details(request: HtmxHttpRequest, load_balancer: LoadBalancer) -> dict[str, Any]:
    return {
        **instance_context(request, load_balancer, active_tab="load-balancer-detail"),
        "usage": usage_of(request.user, load_balancer),
    }


@login_required
@require_GET
def show_apply_status(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Say how far the last change is; the page asks again until it is in force."""
    load_balancer = find_load_balancer(request, Right.VIEW, region_id, load_balancer_id)
    context = instance_context(request, load_balancer, active_tab="")
    response = render_fragment(
        request, "load_balancers/_apply_status.html", context, page=load_balancer
    )
    if not context["apply_is_pending"]:  # the last question: what the proxies say of listeners
        response["HX-Trigger"] = json.dumps({"changeApplied": None})
    return response


@login_required
@require_http_methods(["GET", "POST"])
def rename_load_balancer(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Give the instance another name."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    form = RenameForm(
        request.POST or None,
        initial={"name": load_balancer.name, "expected": load_balancer.edit_number},
    )
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_load_balancer(
                actor=_actor(request), load_balancer=load_balancer, **form.cleaned_data
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Renamed to {form.cleaned_data['name']}")
            return close_dialog(request, _back_to(request, load_balancer))
    return _dialog(request, load_balancer, "load_balancers/_rename_dialog.html", status, form=form)


@login_required
@require_http_methods(["GET", "POST"])
def change_bandwidth(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Limit what all listeners of the instance carry together, or lift the limit."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    form = BandwidthForm(
        request.POST or None,
        initial={
            "bandwidth_mbps": bandwidth_text(load_balancer.bandwidth_mbps),
            "expected": load_balancer.edit_number,
        },
    )
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            changed = specifications.change_bandwidth(
                actor=_actor(request), load_balancer=load_balancer, **form.cleaned_data
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            text = bandwidth_text(changed.bandwidth_mbps)
            word = f"is {text} Mbit/s" if text else "has no limit"
            add_toast(request, f"Peak bandwidth {word}")
            return close_dialog(request, load_balancer)
    return _dialog(
        request, load_balancer, "load_balancers/_bandwidth_dialog.html", status, form=form
    )


@login_required
@require_POST
def start_load_balancer(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Let the instance serve again; no question is asked."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    services.start_load_balancer(actor=_actor(request), load_balancer=load_balancer)
    add_toast(request, f"{load_balancer.name} started")
    return close_dialog(request, _back_to(request, load_balancer))


@login_required
@require_http_methods(["GET", "POST"])
def stop_load_balancer(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Stop the instance after a question that names what stops answering."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    if request.method == "POST":
        services.stop_load_balancer(actor=_actor(request), load_balancer=load_balancer)
        add_toast(request, f"{load_balancer.name} stopped; its configuration is kept")
        return close_dialog(request, _back_to(request, load_balancer))
    listeners = [each for each in load_balancer.listeners.all() if each.is_running]
    return _dialog(
        request, load_balancer, "load_balancers/_stop_dialog.html", running_listeners=listeners
    )


@login_required
@require_http_methods(["GET", "POST"])
def release_load_balancer(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Release the instance for good, after its name was typed."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    form = ReleaseForm(request.POST or None, load_balancer=load_balancer)
    if request.method == "POST" and form.is_valid():
        services.release_load_balancer(actor=_actor(request), load_balancer=load_balancer)
        add_toast(request, f"{load_balancer.name} released; {load_balancer.address} is free again")
        address = reverse("load-balancer-list", args=[region_id])
        # From the list only its row goes; the instance's own pages are gone.
        leave = close_dialog if request.GET.get("from") == "list" else go_to
        return leave(request, address)
    usage = usage_of(request.user, load_balancer)
    return _dialog(
        request, load_balancer, "load_balancers/_release_dialog.html", form=form, usage=usage
    )


@login_required
@require_POST
def set_deletion_protection(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Turn the protection against release on or off."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    enabled = request.POST.get("enabled") == "1"
    services.set_deletion_protection(
        actor=_actor(request), load_balancer=load_balancer, enabled=enabled
    )
    add_toast(request, f"Deletion protection is {'on' if enabled else 'off'}")
    return close_dialog(request, load_balancer)


@login_required
@require_http_methods(["GET", "POST"])
def set_modification_protection(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Turn the protection against changes in the console on, with a reason, or off."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    form = ModificationProtectionForm(request.POST or None)
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            services.set_modification_protection(
                actor=_actor(request), load_balancer=load_balancer, **form.cleaned_data
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            word = "on" if form.cleaned_data["enabled"] else "off"
            add_toast(request, f"Modification protection is {word}")
            return close_dialog(request, load_balancer)
    return _dialog(request, load_balancer, "load_balancers/_protect_dialog.html", status, form=form)


def _dialog(
    request: HtmxHttpRequest,
    load_balancer: LoadBalancer,
    fragment: str,
    status: int | None = None,
    **context: Any,
) -> HttpResponse:
    """Show a dialog: alone to htmx, on the details page to everybody else."""
    check_right(request.user, Right.CHANGE)
    shown = {
        **_details(request, load_balancer),
        "dialog_template": fragment,
        "close_url": _back_to(request, load_balancer),
        **context,
    }
    return render_page(
        request,
        "load_balancers/dialog_page.html",
        shown,
        fragments={"dialog-slot": fragment},
        status=status,
    )


def _back_to(request: HtmxHttpRequest, load_balancer: LoadBalancer) -> str:
    """Return where an act was started: the list when it says so, else the details page."""
    if request.GET.get("from") == "list":
        return reverse("load-balancer-list", args=[load_balancer.region.public_id])
    return load_balancer.get_absolute_url()
