"""The address "/": a browser goes on to its first page."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe


@require_safe
@login_required
def show_first_page(request: HttpRequest) -> HttpResponse:
    """Lead to the Instances page of the default region."""
    return redirect("load-balancer-list", region_id=settings.OPENCLB_DEFAULT_REGION)
