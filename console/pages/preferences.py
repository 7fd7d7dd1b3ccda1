"""What users set for themselves: theme, folded navigation, closed banners."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBadRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from balancer.services.preferences import get_preference, update_preference
from console.forms.preferences import PreferenceForm
from console.htmx import HtmxHttpRequest, go_to, wants_fragment


@login_required
@require_POST
def update_preferences(request: HtmxHttpRequest) -> HttpResponse:
    """Keep one preference; a plain request returns to the page it came from."""
    form = PreferenceForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("This preference does not exist.")
    values = {name: value for name, value in form.cleaned_data.items() if name in request.POST}
    update_preference(request.user, **_as_fields(request, values))
    return HttpResponse(status=200) if wants_fragment(request) else go_to(request, _back(request))


def _as_fields(request: HtmxHttpRequest, values: dict[str, Any]) -> dict[str, Any]:
    closed = values.pop("closed_banner", "")
    if closed:
        known = get_preference(request.user).closed_banners
        values["closed_banners"] = sorted({*known, closed})
    return values


def _back(request: HtmxHttpRequest) -> str:
    target = request.POST.get("next", "")
    return target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else "/"
