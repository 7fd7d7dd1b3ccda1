"""Signing in and out: the password, then the code of those who have a second factor."""

import time
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model, login
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from balancer.exceptions import NotAllowed
from balancer.services.second_factor import check_code, has_second_factor
from console.forms.session import CodeForm, SignInForm

KEPT_SESSION_S = 12 * 60 * 60
CODE_PATIENCE_S = 10 * 60
"""How long after the password the code may come."""
_PENDING = "sign_in_pending"


class SignIn(LoginView):
    """The login page; it returns to the page that was asked for, its panel included."""

    template_name = "session/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the hint for a fresh installation."""
        return super().get_context_data(**kwargs, first_start=_is_first_start())

    def form_valid(self, form: Any) -> HttpResponse:
        """Start the session, or ask for the code first."""
        user, keep = form.get_user(), form.cleaned_data["keep"]
        if not has_second_factor(user):
            response = super().form_valid(form)
            _set_end(self.request, keep=keep)
            return response
        self.request.session.cycle_key()
        self.request.session[_PENDING] = {
            "user": user.pk,
            "backend": user.backend,
            "keep": keep,
            "next": self.get_success_url(),
            "until": time.time() + CODE_PATIENCE_S,
        }
        return HttpResponseRedirect(reverse("login-code"))


@never_cache
@require_http_methods(["GET", "POST"])
def enter_code(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of somebody whose password was right."""
    pending = request.session.get(_PENDING, {})
    user = User.objects.filter(pk=pending.get("user"), is_active=True).first()
    if user is None or pending["until"] < time.time():
        request.session.pop(_PENDING, None)
        return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if check_code(user, form.cleaned_data["code"]):
            return _finish(request, user, pending)
        form.add_error("code", "This code is wrong, was used before, or came too soon after one.")
    return render(request, "session/code.html", {"form": form})


def _finish(request: HttpRequest, user: User, pending: dict[str, Any]) -> HttpResponse:
    login(request, user, backend=pending["backend"])
    request.session.pop(_PENDING, None)
    _set_end(request, keep=pending["keep"])
    target = pending["next"]
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return HttpResponseRedirect(target if is_ours else "/")


@require_http_methods(["GET", "HEAD", "POST"])
def enter_admin(request: HttpRequest) -> HttpResponse:
    """The Django admin has no login of its own, which would pass by the second factor.

    Somebody who is signed in and sent here may not enter; the login page would send them back.
    """
    if request.user.is_authenticated and not admin.site.has_permission(request):
        raise NotAllowed(
            "forbidden", "Your user may not enter the administration; ask an administrator."
        )
    query = request.GET.urlencode() or f"next={reverse('admin:index')}"
    return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")


def _set_end(request: HttpRequest, *, keep: bool) -> None:
    """Without the tick the session ends with the browser."""
    request.session.set_expiry(KEPT_SESSION_S if keep else 0)


def _is_first_start() -> bool:
    """Tell whether nobody has signed in yet with the passwords made at the first start."""
    if not (settings.DATA_DIR / "credentials.json").exists():
        return False
    return not get_user_model().objects.filter(last_login__isnull=False).exists()


sign_in = require_http_methods(["GET", "HEAD", "POST"])(SignIn.as_view())
sign_out = require_POST(LogoutView.as_view())
