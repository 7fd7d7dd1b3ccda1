"""The address "/": an RPC call goes to balancer.rpc, a browser to its first page."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from balancer.rpc.views import is_call, rpc_endpoint
from balancer.services.preferences import get_preference

GetResponse = Callable[[HttpRequest], HttpResponse]


class RpcMiddleware:
    """Answer calls of the RPC API before sessions, forms' tokens and the check of host names.

    One official client sends ``Host: http://127.0.0.1:8000`` and signs it; the signature vouches
    for a call, so none of what protects browsers applies to it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return rpc_endpoint(request) if is_call(request) else self._get_response(request)


@require_safe
@login_required
def show_first_page(request: HttpRequest) -> HttpResponse:
    """Lead to the Instances page of the region that the person used last."""
    region_id = get_preference(request.user).last_region or settings.OPENCLB_DEFAULT_REGION
    return redirect("load-balancer-list", region_id=region_id)
