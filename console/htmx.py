"""One view, two kinds of answer: a fragment for htmx, a page or a redirect for everybody else."""

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import Model
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from console.frame import Frame

UNPROCESSABLE = 422

Context = Mapping[str, Any]


class HtmxHttpRequest(HttpRequest):
    """A request as the middleware leaves it: with htmx details, frame and number."""

    htmx: HtmxDetails
    frame: Frame
    number: str


def wants_fragment(request: HttpRequest) -> bool:
    """Tell whether htmx asked for a part of the page; going back in history needs all of it."""
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    return htmx is not None and bool(htmx) and not htmx.history_restore_request


def render_page(
    request: HttpRequest,
    template: str,
    context: Context,
    *,
    fragments: Mapping[str, str] | None = None,
    status: int | None = None,
) -> HttpResponse:
    """Return the page, or the one of its fragments whose element htmx wants to replace.

    ``fragments`` maps the id of the target element to the template that draws it.
    """
    chosen = template
    if wants_fragment(request):
        chosen = (fragments or {}).get(request.htmx.target or "", template)  # type: ignore[attr-defined]
    response = render(request, chosen, dict(context), status=status or _status(context))
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_fragment(
    request: HttpRequest,
    fragment: str,
    context: Context,
    *,
    page: Model | str,
    page_template: str = "",
) -> HttpResponse:
    """Answer an act: its fragment to htmx (422 when the form has errors), else go to ``page``.

    Without script a form with errors needs a page around it: ``page_template`` shows it, 422 too.
    """
    if wants_fragment(request):
        response = render(request, fragment, dict(context), status=_status(context))
    elif _status(context) == UNPROCESSABLE and page_template:
        response = render(request, page_template, dict(context), status=UNPROCESSABLE)
    else:
        response = HttpResponseRedirect(resolve_url(page))
    patch_vary_headers(response, ["HX-Request"])
    return response


def go_to(request: HttpRequest, page: Model | str) -> HttpResponse:
    """Leave for another page, also when htmx sent the request."""
    target = resolve_url(page)
    if wants_fragment(request):
        return HttpResponseClientRedirect(target)
    return HttpResponseRedirect(target)


def close_dialog(request: HttpRequest, page: Model | str) -> HttpResponse:
    """Finish the act of a dialog: htmx empties its slot and refreshes regions, others leave."""
    if not wants_fragment(request):
        return HttpResponseRedirect(resolve_url(page))
    response = HttpResponse()
    response["HX-Retarget"] = "#dialog-slot"
    response["HX-Reswap"] = "innerHTML"
    response["HX-Trigger"] = json.dumps({"objectsChanged": None})
    return response


def _status(context: Context) -> int:
    """Return 422 when any form of the context was refused."""
    forms = (value for value in context.values() if isinstance(value, BaseForm))
    return UNPROCESSABLE if any(form.is_bound and form.errors for form in forms) else 200
