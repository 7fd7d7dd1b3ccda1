"""The page on which people change their own password."""

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.services.passwords import set_password
from console.forms.session import PasswordForm
from console.htmx import HtmxHttpRequest, go_to, render_page
from console.toasts import add_toast


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def change_password(request: HtmxHttpRequest) -> HttpResponse:
    """Take the old password and a new one; this session goes on under a new key."""
    user: Any = request.user
    form = PasswordForm(user, request.POST or None)
    if form.is_valid():
        actor = Actor.person(user, Entrance.CONSOLE)
        set_password(actor=actor, user=user, password=form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)
        add_toast(request, "Password changed; everywhere else you are signed out")
        return go_to(request, "root")
    return render_page(request, "password/form.html", {"form": form})
