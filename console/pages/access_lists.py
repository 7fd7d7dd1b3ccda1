"""Pages of access lists: all of a region, one with its networks, and the dialogs over them."""

from ipaddress import ip_network
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.exceptions import BalancerError
from balancer.models import AccessList
from balancer.rights import Right
from balancer.selectors import access_lists as selectors
from balancer.selectors.inventory import get_region
from balancer.services import access_lists as services
from console.forms.access_lists import CreateForm, NetworksForm, RenameForm
from console.forms.refusals import add_refusal
from console.htmx import HtmxHttpRequest, close_dialog, go_to, render_page
from console.middleware import status_of
from console.pages.paging import paginate
from console.toasts import add_toast


def _actor(request: HtmxHttpRequest) -> Actor:
    return Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]


def _find(
    request: HtmxHttpRequest, right: Right, region_id: str, access_list_id: str
) -> AccessList:
    return selectors.get_access_list(
        user=request.user, right=right, access_list_id=access_list_id, region_id=region_id
    )


def _page_of(access_list: AccessList) -> str:
    ids = [access_list.region.public_id, access_list.public_id]
    return reverse("access-list-detail", args=ids)


@login_required
@require_GET
def list_access_lists(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Show the lists of a region, what is in them and who uses them."""
    region = get_region(user=request.user, right=Right.VIEW, region_id=region_id)
    rows = selectors.list_access_lists(user=request.user, region_id=region_id)
    text = request.GET.get("q", "").replace("\0", "").strip()  # PostgreSQL refuses a NUL
    if text:
        rows = rows.filter(name__icontains=text)
    context = {
        "region": region,
        "nav_section": "access",
        "text": text,
        **paginate(request, selectors.count_entries(rows)),
    }
    fragments = {"access-list-table": "access_lists/_table.html"}
    return render_page(request, "access_lists/list.html", context, fragments=fragments)


@login_required
@require_http_methods(["GET", "POST"])
def create_access_list(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Create a list with its first networks."""
    region = get_region(user=request.user, right=Right.CHANGE, region_id=region_id)
    form = CreateForm(request.POST or None)
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            access_list = services.create_access_list(
                actor=_actor(request),
                region=region,
                name=form.cleaned_data["name"],
                entries=form.entries(),
            )
        except BalancerError as error:
            form.add_refusal(error)
            status = status_of(error)
        else:
            add_toast(request, f"Access list {access_list.name} created")
            return go_to(request, _page_of(access_list))
    context = {"region": region, "form": form, "nav_section": "access"}
    return render_page(request, "access_lists/create.html", context, status=status)


@login_required
@require_GET
def show_access_list(request: HtmxHttpRequest, region_id: str, access_list_id: str) -> HttpResponse:
    """Show the networks of a list."""
    access_list = _find(request, Right.VIEW, region_id, access_list_id)
    fragments = {"network-table": "access_lists/_networks.html"}
    context = _detail(request, access_list)
    return render_page(request, "access_lists/detail.html", context, fragments=fragments)


def _detail(request: HtmxHttpRequest, access_list: AccessList) -> dict[str, Any]:
    listeners = access_list.listeners.select_related("load_balancer__region")
    # By their numbers, which a database that keeps them as text cannot do; there are few.
    networks = sorted(
        selectors.list_entries(access_list), key=lambda entry: ip_network(entry.network)
    )
    return {
        "region": access_list.region,
        "region_id": access_list.region.public_id,
        "nav_section": "access",
        "access_list": access_list,
        "listeners": listeners,
        **paginate(request, networks),
    }


@login_required
@require_http_methods(["GET", "POST"])
def add_networks(request: HtmxHttpRequest, region_id: str, access_list_id: str) -> HttpResponse:
    """Add the networks of the lines, all of them or none."""
    access_list = _find(request, Right.CHANGE, region_id, access_list_id)
    form = NetworksForm(request.POST or None)
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            added = services.add_entries(
                actor=_actor(request), access_list=access_list, entries=form.entries()
            )
        except BalancerError as error:
            form.add_refusal(error)
            status = status_of(error)
        else:
            add_toast(request, f"{_networks(len(added))} added to {access_list.name}")
            return close_dialog(request, _page_of(access_list))
    return _dialog(request, access_list, "access_lists/_add_dialog.html", status, form=form)


@login_required
@require_http_methods(["GET", "POST"])
def remove_networks(request: HtmxHttpRequest, region_id: str, access_list_id: str) -> HttpResponse:
    """Take networks out after a question."""
    access_list = _find(request, Right.CHANGE, region_id, access_list_id)
    if request.method == "POST":
        removed = services.remove_entries(
            actor=_actor(request),
            access_list=access_list,
            networks=request.POST.getlist("network"),
        )
        add_toast(request, f"{_networks(len(removed))} removed from {access_list.name}")
        return close_dialog(request, _page_of(access_list))
    wanted = [text for text in request.GET.getlist("network") if "\0" not in text]
    chosen = selectors.list_entries(access_list).filter(network__in=wanted)
    return _dialog(request, access_list, "access_lists/_remove_dialog.html", chosen=chosen)


@login_required
@require_http_methods(["GET", "POST"])
def rename_access_list(
    request: HtmxHttpRequest, region_id: str, access_list_id: str
) -> HttpResponse:
    """Give the list another name."""
    access_list = _find(request, Right.CHANGE, region_id, access_list_id)
    form = RenameForm(
        request.POST or None,
        initial={"name": access_list.name, "expected": access_list.edit_number},
    )
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_access_list(
                actor=_actor(request), access_list=access_list, **form.cleaned_data
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Renamed to {form.cleaned_data['name']}")
            return close_dialog(request, _page_of(access_list))
    return _dialog(request, access_list, "access_lists/_rename_dialog.html", status, form=form)


@login_required
@require_http_methods(["GET", "POST"])
def delete_access_list(
    request: HtmxHttpRequest, region_id: str, access_list_id: str
) -> HttpResponse:
    """Delete a list that no listener uses, after a question."""
    access_list = _find(request, Right.CHANGE, region_id, access_list_id)
    if request.method == "POST":
        services.delete_access_list(actor=_actor(request), access_list=access_list)
        add_toast(request, f"Access list {access_list.name} deleted")
        return go_to(request, reverse("access-list-list", args=[region_id]))
    return _dialog(request, access_list, "access_lists/_delete_dialog.html")


def _networks(number: int) -> str:
    return f"{number} network{'' if number == 1 else 's'}"


def _dialog(
    request: HtmxHttpRequest,
    access_list: AccessList,
    fragment: str,
    status: int | None = None,
    **context: Any,
) -> HttpResponse:
    """Show a dialog: alone to htmx, above the page to everybody else."""
    shown = {
        **_detail(request, access_list),
        "dialog_template": fragment,
        "close_url": _page_of(access_list),
        **context,
    }
    return render_page(
        request,
        "access_lists/dialog_page.html",
        shown,
        fragments={"dialog-slot": fragment},
        status=status,
    )
