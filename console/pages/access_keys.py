"""The page of access keys, which programs sign calls of the RPC API with."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.models import AccessKey
from balancer.rights import Right, has_right
from balancer.selectors.credentials import (
    get_access_key,
    get_credential_owner,
    list_access_keys,
)
from balancer.services import credentials as services
from console.htmx import HtmxHttpRequest, go_to, render_page
from console.pages.paging import paginate
from console.toasts import add_toast


def _actor(request: HtmxHttpRequest) -> Actor:
    return Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]


def _find(request: HtmxHttpRequest, key_id: str) -> AccessKey:
    return get_access_key(user=request.user, right=Right.CHANGE, key_id=key_id)


@login_required
@require_GET
def list_keys(request: HtmxHttpRequest) -> HttpResponse:
    """Show one's own keys; to administrators everybody's."""
    context = {
        "shows_owners": has_right(request.user, Right.ADMINISTER),
        **paginate(request, list_access_keys(user=request.user)),
    }
    fragments = {"access-key-table": "access_keys/_table.html"}
    return render_page(request, "access_keys/list.html", context, fragments=fragments)


@never_cache
@login_required
@require_POST
def create_key(request: HtmxHttpRequest) -> HttpResponse:
    """Make a key for the person who asks; its secret is on this page and nowhere else."""
    owner = get_credential_owner(user=request.user, username=None)
    key, secret = services.create_access_key(actor=_actor(request), user=owner)
    return render_page(request, "access_keys/created.html", {"key": key, "secret": secret})


@login_required
@require_POST
def disable_key(request: HtmxHttpRequest, key_id: str) -> HttpResponse:
    """Refuse what is signed with the key from now on."""
    key = services.disable_access_key(actor=_actor(request), key=_find(request, key_id))
    add_toast(request, f"Access key {key.key_id} disabled")
    return go_to(request, "access-key-list")


@login_required
@require_POST
def enable_key(request: HtmxHttpRequest, key_id: str) -> HttpResponse:
    """Accept what is signed with the key again."""
    key = services.enable_access_key(actor=_actor(request), key=_find(request, key_id))
    add_toast(request, f"Access key {key.key_id} enabled")
    return go_to(request, "access-key-list")


@login_required
@require_POST
def delete_key(request: HtmxHttpRequest, key_id: str) -> HttpResponse:
    """Delete a key that was disabled before, so that nothing stops working by it."""
    services.delete_access_key(actor=_actor(request), key=_find(request, key_id))
    add_toast(request, f"Access key {key_id} deleted")
    return go_to(request, "access-key-list")
