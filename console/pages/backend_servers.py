"""The Default Server Group tab: its table, its live cells, weights and removal."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from balancer.choices import PowerState
from balancer.exceptions import NotFound, Stale
from balancer.models import BackendServer, ServerGroup
from balancer.rights import Right
from balancer.selectors.backend_servers import get_backend_server
from balancer.services import backend_servers as services
from console.forms.backend_servers import (
    RemovalForm,
    WeightForm,
    WeightsForm,
    plan_weights,
    read_expected,
    stale_ids,
)
from console.htmx import HtmxHttpRequest, close_dialog, go_to, render_page, wants_fragment
from console.pages.default_group import (
    CONFLICT,
    TAB,
    UNPROCESSABLE,
    actor_of,
    find_group,
    finish,
    show_dialog,
    tab_url,
)
from console.pages.idc_servers import idc_panel_context
from console.pages.instance_frame import instance_context
from console.pages.paging import paginate
from console.pages.server_panel import is_spent, panel_context
from console.pages.server_rows import (
    SEARCH_FIELDS,
    GroupServers,
    ServerFilter,
    name_of,
    read_group,
)
from console.pages.server_undo import undo_removal, undo_weights
from console.toasts import Level, add_toast

SPENT_PANEL = "This panel is finished or has expired. Choose Add to open a new one."


@login_required
@require_GET
def show_default_group(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Show the tab; ``?panel=`` opens a panel over it, so that its address can be kept."""
    group = find_group(request, Right.VIEW, region_id, load_balancer_id)
    context = table_context(request, group)
    if request.frame.can_change:
        if request.GET.get("panel") == "servers" and is_spent(request, group):
            add_toast(request, SPENT_PANEL, level=Level.INFO)
            return go_to(request, tab_url(group.load_balancer))
        if request.GET.get("panel") == "servers":
            context |= panel_context(request, group)
        elif request.GET.get("panel") == "idc":
            context |= idc_panel_context(group, request.user)
    return render_page(
        request,
        "backend_servers/list.html",
        context,
        fragments={
            "server-table": "backend_servers/_table_answer.html",
            "panel-slot": context.get("panel_template", "server_panel/_none.html"),
        },
    )


def table_context(request: HtmxHttpRequest, group: ServerGroup) -> dict[str, Any]:
    """Return what the tab shows: the rows of this page and the state of the whole group."""
    servers = read_group(request.user, group)
    wanted = ServerFilter.from_query(request.GET)
    shown = [row for row in servers.rows if wanted.matches(row)]
    query = request.GET.copy()
    for name in ("panel", "step", "draft"):
        query.pop(name, None)
    return {
        **instance_context(request, group.load_balancer, active_tab=TAB),
        **paginate(request, shown),
        "group": group,
        "servers": servers,
        "filter": wanted,
        "search_fields": SEARCH_FIELDS,
        "power_states": [(PowerState.RUNNING, "Running"), (PowerState.STOPPED, "Stopped")],
        "table_query": query.urlencode(),
        "shown_query": list(query.items()),
    }


@login_required
@require_GET
def show_live_cells(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Answer the page's poll: health and shares alone, or a hint that the rows are others now."""
    group = find_group(request, Right.VIEW, region_id, load_balancer_id)
    context = table_context(request, group)
    response = render(request, "backend_servers/_live_cells.html", context)
    if request.GET.get("mark") != context["servers"].mark:
        response["HX-Trigger"] = json.dumps({"serversChanged": None})
    return response


@login_required
@require_http_methods(["GET", "POST"])
def update_weight(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str, server_id: str
) -> HttpResponse:
    """Give one server another weight (F3)."""
    group = find_group(request, Right.CHANGE, region_id, load_balancer_id)
    try:
        server = _find_server(request, group, server_id)
        form = WeightForm(request.POST or None, server=server)
        if request.method == "POST" and form.is_valid():
            return _save_weight(request, group, server, form)
    except NotFound:
        return _answer_weight(request, group, {"gone": True, "gone_id": server_id}, CONFLICT)
    return _answer_weight(request, group, {"server": server, "form": form})


def _save_weight(
    request: HtmxHttpRequest, group: ServerGroup, server: BackendServer, form: WeightForm
) -> HttpResponse:
    """Save, or ask back: about a change by somebody else, or when nobody would serve."""
    given, name = form.cleaned_data, name_of(server)
    weight, was, expected = given["weight"], given["was"], given["expected"]
    if was is None or expected is None:
        was, expected = server.weight, server.edit_number
    if server.edit_number != expected and server.weight not in (was, weight):
        return _answer_conflict(request, group, server, form)
    wanted = {server.public_id: weight}
    if weight == 0 and not given["confirmed"]:
        servers = read_group(request.user, group)
        if servers.takes_all_weight(wanted):
            context = {"server": server, "form": form, "zero_for": servers.running}
            return _answer_weight(request, group, context | {"asks_zero": True}, UNPROCESSABLE)
    try:
        services.set_server_weight(
            actor=actor_of(request),
            server=server,
            weight=weight,
            expected=server.edit_number,
            expected_weight=server.weight,
        )
    except Stale:
        fresh = _find_server(request, group, server.public_id)
        return _answer_conflict(request, group, fresh, form)
    if server.weight != weight:
        undo = undo_weights(group.load_balancer, {server.public_id: server.weight}, wanted)
        add_toast(request, f"Weight of {name}: {server.weight} → {weight}", undo=undo)
    return finish(request, group.load_balancer)


def _answer_conflict(
    request: HtmxHttpRequest, group: ServerGroup, server: BackendServer, form: WeightForm
) -> HttpResponse:
    """Show both values with a button for each (F3.4)."""
    mine = form.cleaned_data["weight"]
    context = {"server": server, "form": form, "mine": mine, "is_conflict": True}
    return _answer_weight(request, group, context, CONFLICT)


def _answer_weight(
    request: HtmxHttpRequest,
    group: ServerGroup,
    context: dict[str, Any],
    status: int | None = None,
) -> HttpResponse:
    server = context.get("server")
    public_id = server.public_id if server is not None else context["gone_id"]
    return show_dialog(
        request,
        group,
        "backend_servers/_weight_form.html",
        {"is_alone": not wants_fragment(request), **context},
        status=status,
        element=f"weight-form-{public_id}",
    )


@login_required
@require_http_methods(["GET", "POST"])
def update_weights(request: HtmxHttpRequest, region_id: str, load_balancer_id: str) -> HttpResponse:
    """Give several servers other weights in one act."""
    group = find_group(request, Right.CHANGE, region_id, load_balancer_id)
    servers = read_group(request.user, group)
    chosen = _chosen(request, servers)
    form = WeightsForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "chosen": chosen, "servers": servers}
    if request.method == "POST" and chosen and form.is_valid():
        after = plan_weights(chosen, form.cleaned_data["plan"], form.cleaned_data["value"])
        stale = stale_ids(chosen, read_expected(request.POST))
        solution = request.POST.get("solution", "")
        if stale and not solution:
            context |= {"stale": [each for each in chosen if each.public_id in stale]}
            context |= {"planned": after, "is_conflict": True}
            return _weights_dialog(request, group, context, CONFLICT)
        if solution == "theirs":
            after = {key: weight for key, weight in after.items() if key not in stale}
        if not request.POST.get("confirmed") and servers.takes_all_weight(after):
            context |= {"asks_zero": True, "zero_for": servers.running}
            return _weights_dialog(request, group, context, UNPROCESSABLE)
        return _save_weights(request, group, chosen, after)
    return _weights_dialog(request, group, context)


def _weights_dialog(
    request: HtmxHttpRequest,
    group: ServerGroup,
    context: dict[str, Any],
    status: int | None = None,
) -> HttpResponse:
    context |= {"dialog_title": _weights_title(context["chosen"])}
    return show_dialog(
        request, group, "backend_servers/_weights_dialog.html", context, status=status
    )


def _weights_title(chosen: list[BackendServer]) -> str:
    if len(chosen) == 1:
        return f"Edit weight of {name_of(chosen[0])}"
    return f"Edit weights of {len(chosen)} servers" if chosen else "Edit weights"


def _save_weights(
    request: HtmxHttpRequest,
    group: ServerGroup,
    chosen: list[BackendServer],
    after: dict[str, int],
) -> HttpResponse:
    before = {each.public_id: each.weight for each in chosen}
    expected = {each.public_id: each.edit_number for each in chosen if each.public_id in after}
    services.set_server_weights(
        actor=actor_of(request), group=group, weights=after, expected=expected
    )
    changed = [key for key, weight in after.items() if weight != before[key]]
    if changed:
        names = {each.public_id: name_of(each) for each in chosen}
        text = f"{len(changed)} weights changed"
        if len(changed) == 1:
            [key] = changed
            text = f"Weight of {names[key]}: {before[key]} → {after[key]}"
        add_toast(request, text, undo=undo_weights(group.load_balancer, before, after))
    else:
        add_toast(request, "The weights were so already", level=Level.INFO)
    return close_dialog(request, tab_url(group.load_balancer))


@login_required
@require_http_methods(["GET", "POST"])
def remove_servers(request: HtmxHttpRequest, region_id: str, load_balancer_id: str) -> HttpResponse:
    """Remove servers after a question; it is a strong one when listeners lose their last (F4)."""
    group = find_group(request, Right.CHANGE, region_id, load_balancer_id)
    servers = read_group(request.user, group)
    chosen = _chosen(request, servers)
    losers = [] if servers.others_stay(chosen) else servers.running
    phrase = _phrase(group, chosen) if losers else ""
    is_post = request.method == "POST"
    form = RemovalForm(request.POST if is_post else None, phrase=phrase)
    if is_post and not chosen:
        add_toast(request, "Already removed", level=Level.INFO)
        return close_dialog(request, tab_url(group.load_balancer))
    if is_post and request.POST.get("instead") == "zero":
        return _zero_instead(request, group, servers, chosen)
    if is_post and form.is_valid():
        return _remove(request, group, chosen)
    context = {"form": form, "chosen": chosen, "losers": losers, "phrase": phrase}
    context |= _effect(servers, chosen)
    return show_dialog(request, group, "backend_servers/_remove_dialog.html", context)


def _remove(
    request: HtmxHttpRequest, group: ServerGroup, chosen: list[BackendServer]
) -> HttpResponse:
    ids = [each.public_id for each in chosen]
    removed = services.remove_servers(actor=actor_of(request), group=group, server_ids=ids)
    if removed:
        text = (
            f"{name_of(chosen[0])} removed"
            if len(removed) == 1
            else f"{len(removed)} servers removed"
        )
        add_toast(request, text, undo=undo_removal(group.load_balancer, removed))
    else:
        add_toast(request, "Already removed", level=Level.INFO)
    return close_dialog(request, tab_url(group.load_balancer))


def _zero_instead(
    request: HtmxHttpRequest,
    group: ServerGroup,
    servers: GroupServers,
    chosen: list[BackendServer],
) -> HttpResponse:
    """Set the weight to 0 instead of removing, after the question that this needs for all."""
    after = {each.public_id: 0 for each in chosen}
    if servers.takes_all_weight(after):
        context = {
            "form": WeightsForm(initial={"plan": "set", "value": "0"}),
            "chosen": chosen,
            "servers": servers,
            "asks_zero": True,
            "zero_for": servers.running,
        }
        return _weights_dialog(request, group, context, UNPROCESSABLE)
    return _save_weights(request, group, chosen, after)


def _effect(servers: GroupServers, chosen: list[BackendServer]) -> dict[str, Any]:
    """Return what a removal means for traffic: the share that moves and who takes it."""
    gone = {each.public_id for each in chosen}
    stay = [row for row in servers.rows if row.server.public_id not in gone]
    return {
        "dialog_title": _removal_title(chosen, is_last=bool(servers.running) and not stay),
        "can_zero": any(each.weight for each in chosen),
        "moved_share": sum(row.share for row in servers.rows if row.server.public_id in gone),
        "takers": sum(row.takes_requests for row in stay),
        "staying": len(stay),
        "has_traffic": bool(servers.running),
    }


def _removal_title(chosen: list[BackendServer], *, is_last: bool) -> str:
    if not chosen:
        return "Already removed"
    if len(chosen) > 1:
        return "Remove all servers?" if is_last else f"Remove {len(chosen)} servers?"
    if is_last:
        return "Remove the last server?"
    return f"Remove {name_of(chosen[0])} from the default group?"


def _phrase(group: ServerGroup, chosen: list[BackendServer]) -> str:
    """Return what must be typed: the server's name, or for several the instance's."""
    return chosen[0].name if len(chosen) == 1 else group.load_balancer.name


def _chosen(request: HtmxHttpRequest, servers: GroupServers) -> list[BackendServer]:
    """Return the servers that the request names and the group still has."""
    data = request.POST if request.method == "POST" else request.GET
    wanted = set(data.getlist("server"))
    return [row.server for row in servers.rows if row.server.public_id in wanted]


def _find_server(request: HtmxHttpRequest, group: ServerGroup, server_id: str) -> BackendServer:
    return get_backend_server(
        user=request.user, right=Right.CHANGE, server_id=server_id, group=group
    )
