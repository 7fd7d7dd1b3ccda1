"""The Add IDC Server panel: machines outside the cloud, known by their address (C27)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from balancer.exceptions import Conflict, Invalid, Protected, QuotaExceeded
from balancer.models import IdcServer, ServerGroup
from balancer.rights import Right
from balancer.selectors.backend_servers import list_backend_servers
from balancer.selectors.inventory import list_idc_servers
from balancer.services.idc_servers import add_idc_servers
from console.forms.idc_servers import (
    TypedServer,
    change_servers,
    check_servers,
    read_pasted,
    read_servers,
)
from console.forms.server_table import Column, PendingRow, RowErrors, errors_of
from console.htmx import HtmxHttpRequest, wants_fragment
from console.middleware import status_of
from console.pages.default_group import UNPROCESSABLE, actor_of, find_group, tab_url
from console.pages.instance_frame import instance_context
from console.pages.panel_answers import close_panel
from console.pages.server_table import Identity, ServerTable, TableRow, build_table
from console.pages.server_undo import undo_addition
from console.toasts import add_toast

OK = 200


@dataclass(frozen=True, slots=True)
class IdcTableRow:
    """One row as typed, with its weight field and its problems."""

    server: TypedServer
    row: TableRow
    errors: dict[str, str]
    is_registered: bool


def idc_panel_context(group: ServerGroup, user: Any) -> dict[str, Any]:
    """Return the panel as it opens: one empty row."""
    return _context(group, user, [TypedServer()])


@login_required
@require_POST
def work_idc_panel(request: HtmxHttpRequest, region_id: str, load_balancer_id: str) -> HttpResponse:
    """Do what a button of the panel says: change rows, read pasted lines, or add all."""
    group = find_group(request, Right.CHANGE, region_id, load_balancer_id)
    servers, act = read_servers(request.POST), request.POST.get("action", "")
    if act == "add":
        return _add(request, group, servers)
    changed = change_servers(servers, act)
    if changed is not None:
        return _show(request, group, changed)
    if act == "paste":
        pasted, problems = read_pasted(request.POST.get("pasted", ""))
        kept = [each for each in servers if not each.is_blank]
        return _show(request, group, [*kept, *pasted] or servers, notes=problems)
    if act.startswith("take "):
        return _show(request, group, _take(request, group, servers, act.removeprefix("take ")))
    return _show(request, group, servers)


def _add(request: HtmxHttpRequest, group: ServerGroup, servers: list[TypedServer]) -> HttpResponse:
    """Register and add every row, or none."""
    known = {each.address: each.name for each in _registered(request.user, group)}
    errors = check_servers(servers, known)
    if not servers:
        notes = ["Enter at least one server."]
        return _show(request, group, [TypedServer()], notes=notes, status=UNPROCESSABLE)
    if errors:
        return _show(request, group, servers, errors=errors, status=UNPROCESSABLE)
    if _adds_only_zero(request, group, servers) and not request.POST.get("confirmed"):
        return _show(request, group, servers, status=UNPROCESSABLE, asks_zero=True)
    try:
        added = add_idc_servers(
            actor=actor_of(request), group=group, rows=[each.to_row() for each in servers]
        )
    except Invalid as error:
        errors, notes = errors_of(error)
        return _show(request, group, servers, errors=errors, notes=notes, status=UNPROCESSABLE)
    except (Conflict, Protected, QuotaExceeded) as error:
        notes = [error.message]
        return _show(request, group, servers, notes=notes, status=status_of(error))
    text = f"{len(added)} IDC server{'' if len(added) == 1 else 's'} added"
    add_toast(request, text, undo=undo_addition(group.load_balancer, added))
    return close_panel(request, tab_url(group.load_balancer))


def _adds_only_zero(
    request: HtmxHttpRequest, group: ServerGroup, servers: Sequence[TypedServer]
) -> bool:
    if any(int(each.weight) for each in servers):
        return False
    return not list_backend_servers(user=request.user, group=group).filter(weight__gt=0).exists()


def _take(
    request: HtmxHttpRequest, group: ServerGroup, servers: list[TypedServer], public_id: str
) -> list[TypedServer]:
    """Return the rows with a registered server more."""
    found = [each for each in _registered(request.user, group) if each.public_id == public_id]
    kept = [each for each in servers if not each.is_blank]
    taken = [
        TypedServer(name=each.name, address=each.address, link=each.link, note=each.note)
        for each in found
        if each.address not in {row.address for row in kept}
    ]
    return [*kept, *taken] or servers


def _show(
    request: HtmxHttpRequest,
    group: ServerGroup,
    servers: list[TypedServer],
    *,
    errors: RowErrors | None = None,
    notes: Sequence[str] = (),
    status: int = OK,
    **more: Any,
) -> HttpResponse:
    context = _context(group, request.user, servers, errors=errors)
    context |= {"panel_notes": notes, **more}
    if wants_fragment(request):
        return render(request, context["panel_template"], context, status=status)
    context |= instance_context(request, group.load_balancer, active_tab="default-group")
    return render(request, "server_panel/page.html", context, status=status)


def _context(
    group: ServerGroup,
    user: Any,
    servers: Sequence[TypedServer],
    *,
    errors: RowErrors | None = None,
) -> dict[str, Any]:
    load_balancer = group.load_balancer
    registered = _registered(user, group)
    typed = {each.address for each in servers}
    table = _table(servers, errors or {})
    return {
        "load_balancer": load_balancer,
        "region_id": load_balancer.region.public_id,
        "group": group,
        "close_url": tab_url(load_balancer),
        "panel_template": "idc_servers/_panel.html",
        "table": table,
        "idc_rows": _rows(servers, table, errors or {}, {each.address for each in registered}),
        "idc_blank": IdcTableRow(TypedServer(), table.blank, {}, is_registered=False),
        "registered": [each for each in registered if each.address not in typed],
        "row_count": len(servers),
        "typed_count": sum(not each.is_blank for each in servers),
    }


def _table(servers: Sequence[TypedServer], errors: RowErrors) -> ServerTable:
    rows = [PendingRow(f"new:{at}", "", each.weight) for at, each in enumerate(servers)]
    identities = {
        f"new:{at}": Identity("idc", "", each.name or f"row {at + 1}", "", each.address)
        for at, each in enumerate(servers)
    }
    return build_table(rows, identities, (Column.WEIGHT,), errors=errors)


def _rows(
    servers: Sequence[TypedServer], table: ServerTable, errors: RowErrors, known: set[str]
) -> list[IdcTableRow]:
    return [
        IdcTableRow(
            server,
            row,
            {column: " ".join(texts) for column, texts in errors.get(at, {}).items()},
            is_registered=server.address in known,
        )
        for at, (server, row) in enumerate(zip(servers, table.rows, strict=True))
    ]


def _registered(user: Any, group: ServerGroup) -> list[IdcServer]:
    """Return the region's IDC servers that are not in the group."""
    region_id = group.load_balancer.region.public_id
    rows = list_idc_servers(user=user, region_id=region_id)
    return list(rows.exclude(backend_servers__group=group))
