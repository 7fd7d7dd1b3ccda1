"""Does a thing once for a name that the client gives it: same name, same answer, one change."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from balancer.exceptions import Conflict
from balancer.models import IdempotencyKey

MAX_KEY_CHARACTERS = 128


def answer_once(
    *,
    user: User,
    scope: str,
    key: str,
    request: Mapping[str, str],
    make: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Return the answer that ``make`` gave for the key, calling it the first time only.

    The row of the key and what ``make`` changes are stored together or not at all. Raises
    Conflict when the same key came with another request.
    """
    digest = hashlib.sha256(json.dumps(sorted(request.items())).encode()).hexdigest()
    with transaction.atomic():
        row, is_new = IdempotencyKey.objects.get_or_create(
            user=user, scope=scope, key=key, defaults={"request_digest": digest}
        )
        if is_new:
            row.answer = make()
            row.save(update_fields=["answer"])
    if row.request_digest != digest:
        raise Conflict(
            "idempotency_key_reused",
            "This token was used for a request with other parameters before; take a fresh one.",
        )
    return dict(row.answer or {})
