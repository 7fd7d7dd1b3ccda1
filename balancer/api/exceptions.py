"""Turns every refusal into RFC 9457 problem details, once, from a table."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, OperationalError
from django.http import Http404
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response

from balancer.api.etags import etag
from balancer.constants import DATABASE_RETRY_AFTER_S
from balancer.exceptions import (
    BalancerError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Protected,
    QuotaExceeded,
    Stale,
)

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:openclb:problem:"
MAX_MESSAGE_CHARACTERS = 400
MAX_ERRORS = 50

API_NAMES = {"public_id": "id"}
"""Columns that have a shorter name in this API."""

STATUS_OF_ERROR: tuple[tuple[type[BalancerError], HTTPStatus], ...] = (
    (Stale, HTTPStatus.PRECONDITION_FAILED),  # before Conflict, of which it is one
    (NotFound, HTTPStatus.NOT_FOUND),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (Invalid, HTTPStatus.BAD_REQUEST),
    (Conflict, HTTPStatus.CONFLICT),
    (Protected, HTTPStatus.CONFLICT),
    (QuotaExceeded, HTTPStatus.CONFLICT),
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one member of the input; ``field`` is a path such as servers[2].weight."""

    field: str
    messages: list[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal as the API says it."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    facts: Mapping[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """Return the document of media type application/problem+json."""
        return {
            "type": TYPE_PREFIX + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": _short(self.detail),
            "code": self.code,
            "errors": [asdict(error) for error in self.errors],
            "details": dict(self.facts or {}),
        }

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer that carries the document."""
        return Response(self.body(), status=self.status, headers=headers, content_type=PROBLEM_JSON)


def handle_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer to a refusal; None leaves a bug to crash."""
    if isinstance(error, BalancerError):
        return _refusal(error)
    if isinstance(error, APIException):
        return _framework_refusal(error)
    return _django_refusal(error)


def _refusal(error: BalancerError) -> Response:
    status = next(status for kind, status in STATUS_OF_ERROR if isinstance(error, kind))
    fields = error.fields if isinstance(error, Invalid) else {}
    errors = [
        FieldError(API_NAMES.get(path, path), _shortened(texts)) for path, texts in fields.items()
    ]
    problem = Problem(status, error.code, error.message, tuple(errors), error.details)
    headers = {}
    if isinstance(error, Stale) and "current" in error.details:
        headers["ETag"] = etag(error.details["current"])
    return problem.response(headers)


def _framework_refusal(error: APIException) -> Response:
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, ValidationError):
        errors = tuple(list(flatten(error.detail))[:MAX_ERRORS])
        detail = "The input has errors, named below by field; the request had no effect."
        return Problem(error.status_code, "invalid", detail, errors).response(headers)
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    return Problem(error.status_code, code, str(error.detail)).response(headers)


def _django_refusal(error: Exception) -> Response | None:
    match error:
        case Http404():
            return Problem(404, "not_found", "There is nothing at this address.").response()
        case PermissionDenied():
            return Problem(403, "forbidden", "You may not do this.").response()
        case RequestDataTooBig():
            return Problem(413, "body_too_large", "The body is too long.").response()
        case SuspiciousOperation():
            return Problem(400, "bad_request", "The request cannot be read.").response()
        case IntegrityError():
            # Two requests stored the same thing at the same moment; the database let one through.
            detail = "Something else was stored at the same moment that stands in the way."
            return Problem(409, "conflict", detail).response()
        case OperationalError():
            detail = "The database cannot take this now; nothing was stored. Try again."
            headers = {"Retry-After": str(DATABASE_RETRY_AFTER_S)}
            return Problem(503, "database_unavailable", detail).response(headers)
        case _:
            return None


def flatten(detail: Any, path: str = "") -> Iterator[FieldError]:
    """Yield the errors of nested input with their paths, such as servers[2].weight."""
    if isinstance(detail, Mapping):
        for name, below in detail.items():
            yield from flatten(below, _join(path, name))
    elif isinstance(detail, list) and any(isinstance(each, (Mapping, list)) for each in detail):
        for index, below in enumerate(detail):
            yield from flatten(below, _join(path, index))
    elif isinstance(detail, list):
        if detail:
            yield FieldError(path, _shortened(detail))
    else:
        yield FieldError(path, _shortened([detail]))


def _join(path: str, step: str | int) -> str:
    if isinstance(step, int):
        return f"{path}[{step}]"
    if step == "non_field_errors":
        return path
    return f"{path}.{step}" if path else step


def _shortened(messages: list[Any]) -> list[str]:
    return [_short(str(message)) for message in messages]


def _short(text: str) -> str:
    """Keep what was given from coming back in full: a message is for reading."""
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[:MAX_MESSAGE_CHARACTERS] + "…"
