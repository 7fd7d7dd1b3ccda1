"""Pages of listeners: the tab, the form, the health dialog, start, stop and delete."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.constants import FAILOVER_HOLD_S, UDP_SESSION_TIMEOUT_S
from balancer.domain.listeners import PAIR_PROTOCOLS
from balancer.exceptions import BalancerError
from balancer.models import Listener, LoadBalancer
from balancer.rights import Right
from balancer.selectors.access_lists import count_entries, list_access_lists
from balancer.selectors.certificates import list_certificates
from balancer.selectors.forwarding_rules import count_rules
from balancer.selectors.health import ListenerHealth, get_listener_health, get_listeners_health
from balancer.selectors.listeners import get_listener
from balancer.selectors.listeners import list_listeners as select_listeners
from balancer.selectors.server_groups import list_server_groups
from balancer.services import listeners as services
from console.forms.edit_number import read_edit_number
from console.forms.listeners import ListenerForm
from console.forms.refusals import add_refusal
from console.htmx import HtmxHttpRequest, close_dialog, go_to, render_page
from console.middleware import status_of
from console.pages.instance_frame import FaultNote, find_load_balancer, instance_context
from console.toasts import add_toast
from proxy.snapshot import GroupKind, Protocol


@dataclass(frozen=True, slots=True)
class ListenerRow:
    """One listener of the tab: what is wanted and what is observed."""

    listener: Listener
    health: ListenerHealth
    fault: FaultNote | None
    rules: int = 0

    @property
    def health_label(self) -> str:
        """Return the counts beside the word, where there are any."""
        health = self.health
        if health.word in ("Normal", "Abnormal") and health.total:
            return f"{health.healthy} of {health.total} healthy"
        return health.word

    @property
    def has_no_weight(self) -> bool:
        """Tell whether servers are there and none of them gets a new request."""
        weights = [server.weight for server, _, _ in self.health.servers]
        return bool(weights) and not any(weights)


def _actor(request: HtmxHttpRequest) -> Actor:
    return Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]


def _tab(load_balancer: LoadBalancer) -> str:
    ids = [load_balancer.region.public_id, load_balancer.public_id]
    return reverse("listener-list", args=ids)


def _find(request: HtmxHttpRequest, right: Right, ids: Mapping[str, str]) -> Listener:
    load_balancer = find_load_balancer(request, right, ids["region_id"], ids["load_balancer_id"])
    return get_listener(
        user=request.user,
        right=right,
        listener_id=ids["listener_id"],
        load_balancer=load_balancer,
    )


@login_required
@require_GET
def list_listeners(request: HtmxHttpRequest, region_id: str, load_balancer_id: str) -> HttpResponse:
    """Show the listeners of an instance, refreshed while somebody looks."""
    load_balancer = find_load_balancer(request, Right.VIEW, region_id, load_balancer_id)
    return render_page(
        request,
        "listeners/list.html",
        _list_context(request, load_balancer),
        fragments={"listener-table": "listeners/_table.html"},
    )


def _list_context(request: HtmxHttpRequest, load_balancer: LoadBalancer) -> dict[str, Any]:
    context = instance_context(request, load_balancer, active_tab="listener-list")
    text = request.GET.get("q", "").strip()
    listeners = list(select_listeners(user=request.user, load_balancer=load_balancer))
    shown = [each for each in listeners if text.lower() in f"{each.name} {each.port}".lower()]
    return {
        **context,
        "rows": _rows(shown, context["fault_notes"]),
        "text": text,
        "total": len(listeners),
    }


def _rows(listeners: Sequence[Listener], fault_notes: Mapping[str, FaultNote]) -> list[ListenerRow]:
    health = get_listeners_health(listeners)
    rules = count_rules(listeners)
    return [
        ListenerRow(
            each, health[each.public_id], fault_notes.get(each.public_id), rules.get(each.pk, 0)
        )
        for each in listeners
    ]


@login_required
@require_http_methods(["GET", "POST"])
def create_listener(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Add a listener on a page of its own."""
    load_balancer = find_load_balancer(request, Right.CHANGE, region_id, load_balancer_id)
    form = ListenerForm(
        request.POST or None,
        groups=_groups(request, load_balancer),
        https_ports=_https_ports(request, load_balancer),
        access_lists=_access_lists(request, load_balancer),
        certificates=_certificates(request, load_balancer),
    )
    status = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            listener = services.create_listener(
                actor=_actor(request),
                load_balancer=load_balancer,
                protocol=given["protocol"],
                port=given["port"],
                start=given["start"],
                **form.options(),
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Listener {listener} created")
            return go_to(request, _tab(load_balancer))
    return _form_page(request, load_balancer, form, status)


@login_required
@require_http_methods(["GET", "POST"])
def edit_listener(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Change the options of a listener; protocol and port stay."""
    right = Right.CHANGE if request.method == "POST" else Right.VIEW
    listener = _find(request, right, ids)
    load_balancer = listener.load_balancer
    form = ListenerForm(
        request.POST or None,
        groups=_groups(request, load_balancer, listener),
        https_ports=_https_ports(request, load_balancer),
        access_lists=_access_lists(request, load_balancer),
        certificates=_certificates(request, load_balancer),
        listener=listener,
    )
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            services.update_listener(
                actor=_actor(request),
                listener=listener,
                expected=read_edit_number(form.cleaned_data["expected"]),
                **form.options(),
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Listener {listener} saved")
            return go_to(request, _tab(load_balancer))
    return _form_page(request, load_balancer, form, status)


def _groups(
    request: HtmxHttpRequest, load_balancer: LoadBalancer, listener: Listener | None = None
) -> Any:
    """Return the groups to choose from beside the default one; pairs where they can serve."""
    groups = list_server_groups(user=request.user, load_balancer=load_balancer)
    kinds = [GroupKind.VSERVER, GroupKind.PRIMARY_SECONDARY]
    if listener is not None and listener.protocol not in PAIR_PROTOCOLS:
        kinds.remove(GroupKind.PRIMARY_SECONDARY)
    return groups.filter(kind__in=kinds).order_by("-kind", "name")


def _access_lists(request: HtmxHttpRequest, load_balancer: LoadBalancer) -> Any:
    region_id = load_balancer.region.public_id
    return count_entries(list_access_lists(user=request.user, region_id=region_id))


def _certificates(request: HtmxHttpRequest, load_balancer: LoadBalancer) -> Any:
    region_id = load_balancer.region.public_id
    return list_certificates(user=request.user, region_id=region_id)


def _https_ports(request: HtmxHttpRequest, load_balancer: LoadBalancer) -> Iterable[int]:
    """Return the ports that an HTTP listener may redirect to."""
    listeners = select_listeners(user=request.user, load_balancer=load_balancer)
    return listeners.filter(protocol=Protocol.HTTPS).values_list("port", flat=True)


def _form_page(
    request: HtmxHttpRequest, load_balancer: LoadBalancer, form: ListenerForm, status: int | None
) -> HttpResponse:
    context = instance_context(request, load_balancer, active_tab="listener-list")
    context |= {
        "form": form,
        "listener": form.listener,
        "close_url": _tab(load_balancer),
        "udp_session_timeout_s": UDP_SESSION_TIMEOUT_S,
        "failover_hold_s": FAILOVER_HOLD_S,
    }
    return render_page(request, "listeners/form.html", context, status=status)


@login_required
@require_POST
def start_listener(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Let the listener serve."""
    listener = _find(request, Right.CHANGE, ids)
    services.start_listener(actor=_actor(request), listener=listener)
    add_toast(request, f"Listener {listener} started")
    return close_dialog(request, _tab(listener.load_balancer))


@login_required
@require_http_methods(["GET", "POST"])
def stop_listener(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Stop the listener after a question."""
    listener = _find(request, Right.CHANGE, ids)
    if request.method == "POST":
        services.stop_listener(actor=_actor(request), listener=listener)
        add_toast(request, f"Listener {listener} stopped")
        return close_dialog(request, _tab(listener.load_balancer))
    return _dialog(request, listener, "listeners/_stop_dialog.html")


@login_required
@require_http_methods(["GET", "POST"])
def delete_listener(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Delete the listener after a question; its server group stays."""
    listener = _find(request, Right.CHANGE, ids)
    if request.method == "POST":
        words = str(listener)
        services.delete_listener(actor=_actor(request), listener=listener)
        add_toast(request, f"Listener {words} deleted")
        return close_dialog(request, _tab(listener.load_balancer))
    return _dialog(request, listener, "listeners/_delete_dialog.html")


@login_required
@require_GET
def show_listener_health(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Show the health of each server behind the listener, with its cause."""
    listener = _find(request, Right.VIEW, ids)
    fragments = {"listener-health": "listeners/_health_table.html"}
    return _dialog(
        request,
        listener,
        "listeners/_health_dialog.html",
        fragments=fragments,
        health=get_listener_health(listener),
    )


def _dialog(
    request: HtmxHttpRequest,
    listener: Listener,
    fragment: str,
    fragments: Mapping[str, str] | None = None,
    **context: Any,
) -> HttpResponse:
    """Show a dialog: alone to htmx, above the tab to everybody else."""
    shown = {
        **_list_context(request, listener.load_balancer),
        "listener": listener,
        "dialog_template": fragment,
        "close_url": _tab(listener.load_balancer),
        **context,
    }
    return render_page(
        request,
        "listeners/dialog_page.html",
        shown,
        fragments={"dialog-slot": fragment, **(fragments or {})},
    )
