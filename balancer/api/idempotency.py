"""``Idempotency-Key``: the same key gets the same answer, and its change happens once.

The key's row, the change and the stored answer are committed together, so an answer that the
client never got is there for it when it asks again. A second request with the key waits until the
first is over.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.exceptions import Conflict, Invalid
from balancer.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
SCOPE = "rest"
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
KEPT_HEADERS = ("ETag", "Location")
NOT_KEPT = frozenset({401, 403, 408, 412, 413, 415, 429})
"""Answers that say more of the moment than of the request."""


class Replayed(APIException):
    """The request was answered before; carries that answer."""

    def __init__(self, row: IdempotencyKey) -> None:
        super().__init__()
        kept: dict[str, Any] = row.answer or {}
        self.response = Response(
            kept.get("body"),
            status=row.status_code or status.HTTP_200_OK,
            headers=kept.get("headers", {}) | {REPLAYED_HEADER: "true"},
            content_type=kept.get("content_type"),
        )


def run_once(act: Callable[[], Response], view: Any) -> Response:
    """Carry the act out and keep its answer, or undo all when the answer is not to be kept."""
    with transaction.atomic():
        answer = act()
        row: IdempotencyKey | None = view.idempotency
        if row is None:  # refused before the key was looked at, or replayed
            return answer
        if answer.status_code >= 500 or answer.status_code in NOT_KEPT:
            transaction.set_rollback(True)
            return answer
        row.status_code = answer.status_code
        headers = {name: answer[name] for name in KEPT_HEADERS if name in answer.headers}
        row.answer = {
            "body": answer.data,
            "headers": headers,
            "content_type": answer.content_type,
        }
        row.save(update_fields=["status_code", "answer"])
    return answer


def begin(request: Request) -> IdempotencyKey:
    """Return the new row of the request's key; raise Replayed with the answer of a known one."""
    key = request.headers[HEADER]
    digest = _digest(request._request)
    row, is_new = IdempotencyKey.objects.get_or_create(
        user=cast("User", request.user), scope=SCOPE, key=key, defaults={"request_digest": digest}
    )
    if is_new:
        return row
    if row.request_digest != digest:
        raise Conflict(
            "idempotency_key_reused",
            f"This {HEADER} came with another request before; take a fresh one for each act.",
        )
    raise Replayed(row)


def check_key(request: Request, *, answers_secrets: bool) -> None:
    """Raise Invalid for a key that is none, or where an answer cannot be kept."""
    key, message = request.headers[HEADER], ""
    if answers_secrets:
        message = f"{HEADER} cannot be used here: the answer holds a secret, which is not kept."
    elif not _KEY.fullmatch(key):
        message = f"{HEADER} must have 1 to 128 visible ASCII characters."
    if message:
        raise Invalid("invalid_header", message, fields={HEADER: [message]})


def _digest(request: HttpRequest) -> str:
    named = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(named + request.body).hexdigest()
