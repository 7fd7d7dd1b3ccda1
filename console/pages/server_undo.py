"""Taking back an act on the servers of a group: what a toast's Undo sends, signed."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from balancer.actors import Actor
from balancer.exceptions import Conflict
from balancer.models import BackendServer, LoadBalancer, ServerGroup
from balancer.rights import Right
from balancer.selectors.backend_servers import list_backend_servers
from balancer.services.backend_servers import (
    NewServer,
    add_servers,
    remove_servers,
    set_server_weights,
)
from console.htmx import HtmxHttpRequest, wants_fragment
from console.pages.default_group import actor_of, find_group, finish, tab_url
from console.toasts import Undo, add_toast

_SALT = "console.server-undo"
_LIFETIME_S = 3600


def undo_weights(
    load_balancer: LoadBalancer, before: dict[str, int], after: dict[str, int]
) -> Undo:
    """Return the way back from new weights, by public id."""
    changed = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    return _undo(load_balancer, {"weights": changed})


def undo_addition(load_balancer: LoadBalancer, added: Sequence[BackendServer]) -> Undo:
    """Return the way back from added servers."""
    return _undo(load_balancer, {"added": [each.public_id for each in added]})


def undo_removal(load_balancer: LoadBalancer, removed: Sequence[BackendServer]) -> Undo:
    """Return the way back from removed servers."""
    rows = [
        {
            "machine_type": each.machine_type,
            "machine_id": each.machine_id,
            "address": each.address if each.machine_type == "eni" else "",
            "weight": each.weight,
            "description": each.description,
        }
        for each in removed
    ]
    return _undo(load_balancer, {"removed": rows})


def _undo(load_balancer: LoadBalancer, act: dict[str, Any]) -> Undo:
    token = signing.dumps(
        {"load_balancer": load_balancer.public_id, **act}, salt=_SALT, compress=True
    )
    return Undo(tab_url(load_balancer, "default-group-undo"), {"token": token})


@login_required
@require_POST
def undo_change(request: HtmxHttpRequest, region_id: str, load_balancer_id: str) -> HttpResponse:
    """Take an act back, as far as nobody has changed the same since."""
    group = find_group(request, Right.CHANGE, region_id, load_balancer_id)
    act = _read(request.POST.get("token", ""), load_balancer_id)
    actor = actor_of(request)
    if "weights" in act:
        text = _restore_weights(request, actor, group, act["weights"])
    elif "added" in act:
        gone = remove_servers(actor=actor, group=group, server_ids=act["added"])
        text = f"{_count(gone)} removed again"
    else:
        back = [NewServer(**row) for row in act["removed"]]
        text = f"{_count(add_servers(actor=actor, group=group, servers=back))} back in the group"
    add_toast(request, text)
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure())
    if is_ours and not wants_fragment(request):
        return HttpResponseRedirect(page)
    return finish(request, group.load_balancer)


def _read(token: str, load_balancer_id: str) -> dict[str, Any]:
    try:
        act: dict[str, Any] = signing.loads(token, salt=_SALT, max_age=_LIFETIME_S)
    except signing.BadSignature:
        act = {}
    if act.get("load_balancer") != load_balancer_id:
        raise Conflict("undo_expired", "This can no longer be taken back.")
    return act


def _restore_weights(
    request: HtmxHttpRequest, actor: Actor, group: ServerGroup, changed: dict[str, list[int]]
) -> str:
    """Set the old weights where the new ones still stand."""
    servers = {
        each.public_id: each for each in list_backend_servers(user=request.user, group=group)
    }
    same = {
        key: before
        for key, (before, after) in changed.items()
        if key in servers and servers[key].weight == after
    }
    if not same:
        raise Conflict("changed_since", "The weights were changed again since; nothing is undone.")
    expected = {key: servers[key].edit_number for key in same}
    set_server_weights(actor=actor, group=group, weights=same, expected=expected)
    if len(same) == 1:
        [(key, weight)] = same.items()
        return f"Weight of {servers[key].name} is {weight} again"
    return f"{len(same)} weights are as before"


def _count(servers: Sequence[BackendServer]) -> str:
    return f"{len(servers)} server{'' if len(servers) == 1 else 's'}"
