"""The address "/": a browser goes on to its first page."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from balancer.services.preferences import get_preference


@require_safe
@login_required
def show_first_page(request: HttpRequest) -> HttpResponse:
    """Lead to the Instances page of the region that the person used last."""
    region_id = get_preference(request.user).last_region or settings.OPENCLB_DEFAULT_REGION
    return redirect("load-balancer-list", region_id=region_id)
