"""Optimistic locking: the ETag of a row is its edit number, If-Match says which one was read.

Where a row is shown with values of other rows, such as a server's with the name of its machine, a
digest of the answer stands behind the number: it tells whether a copy is still good, and is nothing
that If-Match asks about. Rows that are not edited have the digest alone.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from rest_framework.request import Request

from balancer.exceptions import Stale
from balancer.models import ServerGroup
from balancer.models.base import EditedModel
from balancer.services.locks import GroupState, check_fresh, check_group_fresh, state_of_group

ANY = "*"
NOT_EDITED = frozenset({"last_used_at"})
"""What changes without anybody's edit."""
DIGEST_CHARACTERS = 16
NEVER = 0
"""An edit number that no row has: they begin with 1."""


def etag(state: int | str | GroupState) -> str:
    """Return the entity tag of a row at this edit number, or of a group's list of servers."""
    return f'"{state}"'


def tag_of(subject: Model, body: Mapping[str, Any], *, tells_of_others: bool = False) -> str:
    """Return the entity tag of an answer that shows a row."""
    if isinstance(subject, EditedModel) and not tells_of_others:
        return etag(subject.edit_number)
    told = {name: value for name, value in body.items() if name not in NOT_EDITED}
    text = json.dumps(told, sort_keys=True, cls=DjangoJSONEncoder)
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]
    return etag(f"{subject.edit_number}-{digest}" if isinstance(subject, EditedModel) else digest)


def check_same(request: Request, subject: Model, tag: str) -> None:
    """Raise Stale when If-Match names another state of a row that has no edit number."""
    tags = _tags(request.headers.get("If-Match", ANY))
    if ANY not in tags and tag not in tags:
        raise Stale(
            "stale",
            f"{subject} was changed since you read it; look at it again, then repeat your change.",
            current=tag.strip('"'),
        )


def expected_edit_number(request: Request, subject: EditedModel) -> int | None:
    """Return the edit number the caller builds on, None without an If-Match header.

    Raises Stale when the header names no state that the row is in. The service compares once
    more under its lock, so nothing slips in between.
    """
    tags = _tags(request.headers.get("If-Match", ANY))
    if ANY in tags:
        return None
    numbers = {tag.strip('"').partition("-")[0] for tag in tags if not tag.startswith("W/")}
    if str(subject.edit_number) not in numbers:
        check_fresh(subject, NEVER)
    return subject.edit_number


def expected_group_state(request: Request, group: ServerGroup) -> GroupState | None:
    """Return which state of a group and its servers the caller builds on, None for any.

    The tag of the group itself stands for its name and which servers it has; that of its list of
    servers stands for their weights and descriptions, too.
    """
    tags = _tags(request.headers.get("If-Match", ANY))
    if ANY in tags:
        return None
    state = state_of_group(group)
    alone = GroupState(group.edit_number)
    found = next((each for each in (state, alone) if etag(each) in tags), GroupState(NEVER))
    check_group_fresh(group, found)
    return found


def is_known(request: Request, tag: str) -> bool:
    """Tell whether the caller of a GET says that it has this state already (RFC 9110, 13.1.2)."""
    tags = [each.removeprefix("W/") for each in _tags(request.headers.get("If-None-Match", ""))]
    return ANY in tags or tag in tags


def _tags(header: str) -> list[str]:
    """Return the tags of a header; none of them has a comma inside."""
    return [tag.strip() for tag in header.split(",")]
