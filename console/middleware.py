"""What stands around every view: a request number, refusals as pages, answers htmx can use."""

import json
import uuid
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import structlog
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers

from balancer.exceptions import (
    BalancerError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Protected,
    QuotaExceeded,
)
from console.frame import Frame
from console.htmx import wants_fragment
from console.toasts import take_toasts

GetResponse = Callable[[HttpRequest], HttpResponse]

STATUS_OF_ERROR: dict[type[BalancerError], int] = {
    Invalid: 422,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    QuotaExceeded: 409,
    Protected: 423,
}
TITLE_OF_STATUS = {
    403: "You may not do this",
    404: "There is nothing here",
    409: "Not now",
    422: "That is not possible",
    423: "Protected against this change",
    500: "Something went wrong on our side",
}


def status_of(error: BalancerError) -> int:
    """Return the HTTP status of a refusal."""
    return next(
        (status for kind, status in STATUS_OF_ERROR.items() if isinstance(error, kind)), 400
    )


class RequestNumberMiddleware:
    """Give each request a number that stands in the answer, the log and on error pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.number = uuid.uuid4().hex  # type: ignore[attr-defined]
        request.frame = Frame(request)  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request.number):  # type: ignore[attr-defined]
            response = self._get_response(request)
        response.headers.setdefault("X-Request-Id", request.number)  # type: ignore[attr-defined]
        return response


class HtmxAnswerMiddleware:
    """Move queued toasts into a header for htmx, and send it to the login page as a whole page."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if not wants_fragment(request):
            return response
        login = _login_redirect(request, response)
        if login is not None:
            return login
        leaves = "HX-Redirect" in response or "HX-Refresh" in response or "Location" in response
        if not leaves:
            _carry_toasts(request, response)
        patch_vary_headers(response, ["HX-Request"])
        return response


class BalancerErrorMiddleware:
    """Turn a refusal into a page for a plain request and into a toast for htmx."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a BalancerError; any other exception is a bug and stays one."""
        if isinstance(error, IntegrityError):
            # Two requests stored the same at one moment; the database let one through.
            error = Conflict(
                "conflict", "Something else was stored at the same moment that stands in the way."
            )
        if not isinstance(error, BalancerError):
            return None
        status = status_of(error)
        if not wants_fragment(request):
            context = {"status": status, "title": TITLE_OF_STATUS.get(status), "error": error}
            return render(request, "errors/refused.html", context, status=status)
        response = HttpResponse(status=status)
        response["HX-Reswap"] = "none"
        response["HX-Trigger"] = json.dumps({"toast": [_toast(messages_of(error))]})
        return response


def messages_of(error: BalancerError) -> str:
    """Return the refusal as one text: its message and what each field says."""
    fields = getattr(error, "fields", {})
    return " ".join([error.message, *(text for texts in fields.values() for text in texts)])


def _toast(text: str) -> dict[str, str]:
    return {"level": "error", "text": text}


def _carry_toasts(request: HttpRequest, response: HttpResponse) -> None:
    queued = len(messages.get_messages(request)) if hasattr(request, "_messages") else 0
    if not queued:
        return
    events = json.loads(response.get("HX-Trigger", "{}"))
    for toast in take_toasts(request):
        entry: dict[str, object] = {"level": toast.level, "text": toast.text}
        if toast.undo is not None:
            undo = toast.undo
            entry["undo"] = {"url": undo.url, "fields": dict(undo.fields), "label": undo.label}
        events.setdefault("toast", []).append(entry)
    response["HX-Trigger"] = json.dumps(events)


def _login_redirect(request: HttpRequest, response: HttpResponse) -> HttpResponse | None:
    """Return an answer that loads the login page, when the session ended under an open page."""
    login_path = resolve_url(settings.LOGIN_URL)
    if urlsplit(response.get("Location", "")).path != login_path:
        return None
    current = urlsplit(request.htmx.current_url_abs_path or "/")  # type: ignore[attr-defined]
    back = current.path + (f"?{current.query}" if current.query else "")
    answer = HttpResponse(status=200)
    answer["HX-Redirect"] = f"{login_path}?{urlencode({'next': back})}"
    return answer
