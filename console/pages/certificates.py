"""Pages of certificates: all of a region, upload and replacement, and the dialogs over them."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.exceptions import BalancerError
from balancer.models import Certificate, Listener, Region
from balancer.rights import Right
from balancer.selectors import certificates as selectors
from balancer.selectors.inventory import get_region
from balancer.services import certificates as services
from console.forms.certificates import ContentForm, RenameForm, UploadForm
from console.forms.listener_tls import validity, validity_tone
from console.forms.refusals import add_refusal
from console.htmx import HtmxHttpRequest, close_dialog, go_to, render_page
from console.middleware import status_of
from console.pages.paging import paginate
from console.toasts import add_toast


def _actor(request: HtmxHttpRequest) -> Actor:
    return Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]


def _find(
    request: HtmxHttpRequest, right: Right, region_id: str, certificate_id: str
) -> Certificate:
    return selectors.get_certificate(
        user=request.user, right=right, certificate_id=certificate_id, region_id=region_id
    )


def _list_url(region_id: str) -> str:
    return reverse("certificate-list", args=[region_id])


def users_of(certificate: Certificate) -> Iterator[tuple[Listener, str]]:
    """Yield each listener that has the certificate, and what for."""
    for listener in certificate.listeners.all():
        yield listener, ""
    for listener in certificate.verified_listeners.all():
        yield listener, "client certificates"
    for each in certificate.domain_certificates.all():
        yield each.listener, each.domain


@login_required
@require_GET
def list_certificates(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Show the certificates of a region, until when they are good and who uses them."""
    region = get_region(user=request.user, right=Right.VIEW, region_id=region_id)
    fragments = {"certificate-table": "certificates/_table.html"}
    context = _list_context(request, region)
    return render_page(request, "certificates/list.html", context, fragments=fragments)


def _list_context(request: HtmxHttpRequest, region: Region) -> dict[str, Any]:
    rows = selectors.list_certificates(user=request.user, region_id=region.public_id)
    text = request.GET.get("q", "").replace("\0", "").strip()  # PostgreSQL refuses a NUL
    if text:
        named = Q(name__icontains=text) | Q(common_name__icontains=text)
        rows = rows.filter(named | Q(domains__icontains=text))
    shown = paginate(request, selectors.with_users(rows))
    for row in shown["page"]:
        row.users = list(users_of(row))
        row.validity, row.tone = validity(row), validity_tone(row)
    return {
        "region": region,
        "region_id": region.public_id,
        "nav_section": "certificates",
        "text": text,
        **shown,
    }


@sensitive_post_parameters("private_key_pem")
@login_required
@require_http_methods(["GET", "POST"])
def upload_certificate(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Take a new certificate."""
    region = get_region(user=request.user, right=Right.CHANGE, region_id=region_id)
    form = UploadForm(request.POST or None)
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            certificate = services.upload_certificate(
                actor=_actor(request), region=region, **form.upload()
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Certificate {certificate.name} uploaded")
            return go_to(request, _list_url(region_id))
    return _form_page(request, region, form, status)


@sensitive_post_parameters("private_key_pem")
@login_required
@require_http_methods(["GET", "POST"])
def replace_certificate(
    request: HtmxHttpRequest, region_id: str, certificate_id: str
) -> HttpResponse:
    """Put other content under the same id, for every listener that has it."""
    certificate = _find(request, Right.CHANGE, region_id, certificate_id)
    form = ContentForm(request.POST or None, initial={"expected": certificate.edit_number})
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            services.replace_certificate(
                actor=_actor(request),
                certificate=certificate,
                expected=form.cleaned_data["expected"],
                **form.content(),
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Certificate {certificate.name} replaced")
            return go_to(request, _list_url(region_id))
    return _form_page(request, certificate.region, form, status, certificate)


def _form_page(
    request: HtmxHttpRequest,
    region: Region,
    form: ContentForm,
    status: int | None,
    certificate: Certificate | None = None,
) -> HttpResponse:
    context = {
        "region": region,
        "form": form,
        "certificate": certificate,
        "validity": validity(certificate) if certificate else "",
        "users": list(users_of(certificate)) if certificate else [],
        "nav_section": "certificates",
    }
    return render_page(request, "certificates/form.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def rename_certificate(
    request: HtmxHttpRequest, region_id: str, certificate_id: str
) -> HttpResponse:
    """Give the certificate another name."""
    certificate = _find(request, Right.CHANGE, region_id, certificate_id)
    form = RenameForm(
        request.POST or None,
        initial={"name": certificate.name, "expected": certificate.edit_number},
    )
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_certificate(
                actor=_actor(request), certificate=certificate, **form.cleaned_data
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Renamed to {form.cleaned_data['name']}")
            return close_dialog(request, _list_url(region_id))
    return _dialog(request, certificate, "certificates/_rename_dialog.html", status, form=form)


@login_required
@require_http_methods(["GET", "POST"])
def delete_certificate(
    request: HtmxHttpRequest, region_id: str, certificate_id: str
) -> HttpResponse:
    """Delete a certificate that no listener uses, after a question."""
    certificate = _find(request, Right.CHANGE, region_id, certificate_id)
    if request.method == "POST":
        services.delete_certificate(actor=_actor(request), certificate=certificate)
        add_toast(request, f"Certificate {certificate.name} deleted")
        return close_dialog(request, _list_url(region_id))
    users = list(users_of(certificate))
    return _dialog(request, certificate, "certificates/_delete_dialog.html", users=users)


def _dialog(
    request: HtmxHttpRequest,
    certificate: Certificate,
    fragment: str,
    status: int | None = None,
    **context: Any,
) -> HttpResponse:
    """Show a dialog: alone to htmx, above the list to everybody else."""
    shown = {
        **_list_context(request, certificate.region),
        "certificate": certificate,
        "dialog_template": fragment,
        "close_url": _list_url(certificate.region.public_id),
        **context,
    }
    return render_page(
        request,
        "certificates/dialog_page.html",
        shown,
        fragments={"dialog-slot": fragment},
        status=status,
    )
