"""The My Servers panel of the Default Server Group: choose machines, give weights, add them.

Its whole state is in a draft on the server and in its one form. Every button posts the form to
``work_panel``; the page, or for htmx the panel, comes back changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from balancer.choices import DraftKind
from balancer.exceptions import Conflict, Invalid, NotFound, Protected, QuotaExceeded
from balancer.models import Draft, ServerGroup
from balancer.rights import Right
from balancer.selectors.backend_servers import list_backend_servers
from balancer.selectors.candidates import Candidate, get_candidates, list_candidates
from balancer.services.backend_servers import NewServer, add_servers
from balancer.services.drafts import discard_draft, get_draft, save_draft
from console.forms.server_panel import (
    CONFIGURE,
    MACHINE_TYPES,
    SELECT,
    PanelState,
    hidden_sentence,
)
from console.forms.server_table import (
    Column,
    PendingRow,
    RowErrors,
    change_rows,
    check_rows,
    errors_of,
)
from console.htmx import HtmxHttpRequest, wants_fragment
from console.middleware import status_of
from console.pages.default_group import UNPROCESSABLE, actor_of, find_group, tab_url
from console.pages.instance_frame import instance_context
from console.pages.panel_answers import close_panel
from console.pages.server_table import Identity, build_table
from console.pages.server_undo import undo_addition
from console.toasts import add_toast

COLUMNS = (Column.WEIGHT,)
"""What is typed in step 2: the ports of this group belong to its listeners (S71)."""
PAGE_SIZE = 20
STEP_LABELS = ("Select Servers", "Configure Ports and Weights")


def is_spent(request: HtmxHttpRequest, group: ServerGroup) -> bool:
    """Tell whether the address names a draft that was added, expired or is somebody else's."""
    draft_id = request.GET.get("draft", "")
    return bool(draft_id) and _find_draft(request, group, draft_id) is None


def panel_context(request: HtmxHttpRequest, group: ServerGroup) -> dict[str, Any]:
    """Return the panel as its address names it: step and draft."""
    draft = _find_draft(request, group, request.GET.get("draft", ""))
    state = _state_of(draft)
    if request.GET.get("step") == CONFIGURE and state.selected:
        state = _with_labels(request, group, state)
        return _context(request, group, state, draft, CONFIGURE)
    return _context(request, group, state, draft, SELECT)


@login_required
@require_POST
def work_panel(request: HtmxHttpRequest, region_id: str, load_balancer_id: str) -> HttpResponse:
    """Do what a button of the panel says and show the panel as it is then."""
    group = find_group(request, Right.CHANGE, region_id, load_balancer_id)
    draft = _find_draft(request, group, request.POST.get("draft", ""))
    state = _state_of(draft).read(request.POST)
    act = request.POST.get("action", "")
    if act == "add":
        return _add(request, group, state, draft)
    step = CONFIGURE if request.POST.get("form_step") == CONFIGURE else SELECT
    state, step = _apply(request, group, state, step, act)
    draft = _keep(request, group, state, draft)
    if act == "keep" and wants_fragment(request):
        response = render(request, "server_panel/_kept.html", {"draft_id": draft.public_id})
        response["HX-Replace-Url"] = _address(group, step, draft)
        return response
    if not wants_fragment(request):
        return HttpResponseRedirect(_address(group, step, draft))
    context = _context(request, group, state, draft, step)
    template = context["panel_template"]
    if request.htmx.target == "candidate-list":
        template = "server_panel/_candidates_answer.html"
    response = render(request, template, context)
    moved = step != (request.POST.get("form_step") or SELECT)
    response["HX-Push-Url" if moved else "HX-Replace-Url"] = _address(group, step, draft)
    return response


def _apply(
    request: HtmxHttpRequest, group: ServerGroup, state: PanelState, step: str, act: str
) -> tuple[PanelState, str]:
    """Return the state and step after an act; an unknown act changes nothing."""
    name, _, value = act.partition(" ")
    rows = change_rows(state.rows, act) if step == CONFIGURE else None
    if rows is not None:
        keys = tuple(dict.fromkeys(row.key for row in rows))
        return replace(state, rows=tuple(rows), selected=keys), step
    if name == "next" and state.selected:
        return _with_labels(request, group, state), CONFIGURE
    if name == "previous":
        return state, SELECT
    if name == "page" and value.isascii() and value.isdigit():
        return replace(state, page=int(value[:6])), step
    if name == "open":
        return state.toggle_opened(value), step
    if name == "show-hidden":
        return replace(state, only_available=False), step
    if name == "select-all":
        found = _candidates(request, group, state)
        matching = [key for row in found for key in _bulk_keys(row, state)]
        return replace(state, selected=tuple(dict.fromkeys([*state.selected, *matching]))), step
    return state, step


# --- adding --------------------------------------------------------------------------------------


def _add(
    request: HtmxHttpRequest, group: ServerGroup, state: PanelState, draft: Draft | None
) -> HttpResponse:
    """Add all rows or none; what is wrong stands at its row and the input stays (E1.5-E1.8)."""
    rows, errors, notes = state.rows, check_rows(state.rows, COLUMNS), list[str]()
    if not rows:
        return _refuse(request, group, state, draft, {}, ["Select at least one server."])
    if not errors and _adds_only_zero(request, group, rows) and not request.POST.get("confirmed"):
        return _refuse(request, group, state, draft, {}, [], asks_zero=True)
    if errors:
        return _refuse(request, group, state, draft, errors, [])
    try:
        added = add_servers(
            actor=actor_of(request), group=group, servers=[_new_server(row) for row in rows]
        )
    except Invalid as error:
        errors, notes = errors_of(error)
        return _refuse(request, group, state, draft, errors, notes)
    except (Conflict, Protected, QuotaExceeded) as error:
        status = status_of(error)
        return _refuse(request, group, state, draft, {}, [error.message], status=status)
    draft_id = draft.public_id if draft is not None else ""
    if draft is not None:
        discard_draft(draft)
    text = f"{len(added)} server{'' if len(added) == 1 else 's'} added"
    add_toast(request, text, undo=undo_addition(group.load_balancer, added))
    return close_panel(request, tab_url(group.load_balancer), draft_id=draft_id)


def _refuse(
    request: HtmxHttpRequest,
    group: ServerGroup,
    state: PanelState,
    draft: Draft | None,
    errors: RowErrors,
    notes: Sequence[str],
    *,
    status: int = UNPROCESSABLE,
    **more: Any,
) -> HttpResponse:
    draft = _keep(request, group, state, draft)
    step = CONFIGURE if state.rows else SELECT
    context = _context(request, group, state, draft, step, errors=errors)
    context |= {"panel_notes": notes, **more}
    if wants_fragment(request):
        return render(request, context["panel_template"], context, status=status)
    context |= instance_context(request, group.load_balancer, active_tab="default-group")
    return render(request, "server_panel/page.html", context, status=status)


def _adds_only_zero(
    request: HtmxHttpRequest, group: ServerGroup, rows: Sequence[PendingRow]
) -> bool:
    """Tell whether nobody in the group would get new requests (E1.4)."""
    if any(int(row.weight) for row in rows):
        return False
    return not list_backend_servers(user=request.user, group=group).filter(weight__gt=0).exists()


def _new_server(row: PendingRow) -> NewServer:
    machine_type, _, rest = row.key.partition(":")
    machine_id, _, address = rest.partition(":")
    return NewServer(
        machine_type=machine_type, machine_id=machine_id, address=address, weight=row.weight
    )


# --- drafts --------------------------------------------------------------------------------------


def _find_draft(request: HtmxHttpRequest, group: ServerGroup, draft_id: str) -> Draft | None:
    """Return the user's draft for this group; an expired or foreign one is none."""
    if not draft_id:
        return None
    try:
        draft = get_draft(request.user, draft_id)
    except NotFound:
        return None
    belongs = (draft.kind, draft.subject_id) == (DraftKind.SERVER_PANEL, group.public_id)
    return draft if belongs else None


def _state_of(draft: Draft | None) -> PanelState:
    return PanelState() if draft is None else PanelState.from_content(draft.content)


def _keep(
    request: HtmxHttpRequest, group: ServerGroup, state: PanelState, draft: Draft | None
) -> Draft:
    return save_draft(
        user=request.user,
        kind=DraftKind.SERVER_PANEL,
        subject_id=group.public_id,
        content=state.to_content(),
        draft=draft,
    )


def _with_labels(request: HtmxHttpRequest, group: ServerGroup, state: PanelState) -> PanelState:
    """Return the state with the rows of the selection and what they say of their machines."""
    found = get_candidates(user=request.user, group=group, keys=state.selected)
    labels = {each.key: Identity.of_candidate(each).to_label() for each in found}
    return replace(state, rows=state.rows_of_selection(), labels={**(state.labels or {}), **labels})


# --- drawing -------------------------------------------------------------------------------------


def _address(group: ServerGroup, step: str, draft: Draft | None) -> str:
    query = {"panel": "servers", "step": step}
    if draft is not None:
        query["draft"] = draft.public_id
    return f"{tab_url(group.load_balancer)}?{urlencode(query)}"


def _context(
    request: HtmxHttpRequest,
    group: ServerGroup,
    state: PanelState,
    draft: Draft | None,
    step: str,
    *,
    errors: RowErrors | None = None,
) -> dict[str, Any]:
    load_balancer = group.load_balancer
    shared = {
        "load_balancer": load_balancer,
        "region_id": load_balancer.region.public_id,
        "group": group,
        "state": state,
        "draft_id": draft.public_id if draft else "",
        "close_url": tab_url(load_balancer),
        "panel_template": f"server_panel/_{step}.html",
        "step": step,
        "step_labels": STEP_LABELS,
    }
    if step == SELECT:
        return shared | _select_context(request, group, state)
    return shared | _configure_context(request, group, state, errors)


def _select_context(
    request: HtmxHttpRequest, group: ServerGroup, state: PanelState
) -> dict[str, Any]:
    found = _candidates(request, group, state)
    offered = [row for row in found if _keys(row, state)]
    hidden = [row for row in found if row not in offered] if state.only_available else []
    page = Paginator(offered if state.only_available else found, PAGE_SIZE).get_page(state.page)
    here = {key for row in page for key in _shown_keys(row, state)}
    selectable = [key for row in offered for key in _bulk_keys(row, state)]
    user = request.user
    may_register = user.is_staff and user.has_perm("balancer.add_ecsinstance")
    return {
        "candidates": page,
        "machine_types": MACHINE_TYPES,
        "hidden_sentence": hidden_sentence([row.reason for row in hidden]),
        "kept": [key for key in state.selected if key not in here],
        "selectable_count": len(selectable),
        "has_more_pages": page.paginator.num_pages > 1,
        "all_selected": bool(selectable) and set(selectable) <= set(state.selected),
        "register_url": reverse("admin:balancer_ecsinstance_add") if may_register else "",
    }


def _configure_context(
    request: HtmxHttpRequest, group: ServerGroup, state: PanelState, errors: RowErrors | None
) -> dict[str, Any]:
    keys = [row.key for row in state.rows]
    found = get_candidates(user=request.user, group=group, keys=list(dict.fromkeys(keys)))
    known = {each.key: Identity.of_candidate(each) for each in found}
    labels = state.labels or {}
    identities: Mapping[str, Identity] = {
        key: known.get(key) or Identity.of_key(key, labels) for key in keys
    }
    table = build_table(
        state.rows, identities, COLUMNS, errors=errors, has_search=len(state.rows) > PAGE_SIZE
    )
    return {"table": table}


def _candidates(request: HtmxHttpRequest, group: ServerGroup, state: PanelState) -> list[Candidate]:
    return list_candidates(
        user=request.user,
        group=group,
        query=state.query,
        machine_type=state.shown_type,
        only_available=False,
    )


def _keys(row: Candidate, state: PanelState) -> list[str]:
    """Return what can be ticked of a machine; with type ENI only its addresses (S155)."""
    own = [row.key] if row.is_available and state.shown_type != "eni" else []
    return [*own, *(each.key for each in row.interfaces if each.is_available)]


def _bulk_keys(row: Candidate, state: PanelState) -> list[str]:
    """Return what the head's checkbox and "select all" mean: servers, or addresses for type ENI."""
    if state.shown_type == "eni":
        return _keys(row, state)
    return [row.key] if row.is_available else []


def _shown_keys(row: Candidate, state: PanelState) -> list[str]:
    return [row.key, *(each.key for each in row.interfaces)]
