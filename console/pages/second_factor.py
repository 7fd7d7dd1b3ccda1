"""The page on which people turn their second factor on and off."""

import base64
from typing import Any

import segno
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp.plugins.otp_totp.models import TOTPDevice

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.exceptions import Invalid
from balancer.services.second_factor import (
    begin_second_factor,
    confirm_second_factor,
    count_recovery_codes,
    disable_second_factor,
    has_second_factor,
)
from console.forms.refusals import add_refusal
from console.forms.session import CodeForm
from console.htmx import HtmxHttpRequest, go_to, render_page
from console.toasts import add_toast

QR_SCALE = 4


@never_cache
@login_required
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def show_second_factor(request: HtmxHttpRequest) -> HttpResponse:
    """Show how to turn the second factor on, or how to turn it off again."""
    form = CodeForm(request.POST or None)
    actor = Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]
    if has_second_factor(request.user):  # type: ignore[arg-type]
        return _turn_off(request, actor, form)
    return _turn_on(request, actor, form)


def _turn_on(request: HtmxHttpRequest, actor: Actor, form: CodeForm) -> HttpResponse:
    user: Any = request.user
    if form.is_valid():
        try:
            codes = confirm_second_factor(actor=actor, user=user, code=form.cleaned_data["code"])
        except Invalid as error:
            add_refusal(form, error)
        else:
            return render_page(request, "second_factor/codes.html", {"codes": codes})
    device = begin_second_factor(user)
    context = {"form": form, "secret": _grouped(device), "qr_code": _qr_code(device)}
    return render_page(request, "second_factor/off.html", context)


def _turn_off(request: HtmxHttpRequest, actor: Actor, form: CodeForm) -> HttpResponse:
    user: Any = request.user
    if form.is_valid():
        try:
            disable_second_factor(actor=actor, user=user, code=form.cleaned_data["code"])
        except Invalid as error:
            add_refusal(form, error)
        else:
            add_toast(request, "The second factor is off")
            return go_to(request, "second-factor")
    context = {"form": form, "codes_left": count_recovery_codes(user)}
    return render_page(request, "second_factor/on.html", context)


def _grouped(device: TOTPDevice) -> str:
    """Return the secret in fours, for people who type it."""
    secret = base64.b32encode(device.bin_key).decode()
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _qr_code(device: TOTPDevice) -> SafeString:
    """Return the picture that an app reads, as SVG without any style of its own."""
    picture = segno.make(device.config_url, error="m")
    return mark_safe(
        picture.svg_inline(scale=QR_SCALE, omitsize=True, svgclass="qr-code", lineclass=None)
    )
