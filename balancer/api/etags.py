"""Optimistic locking: the ETag of a row is its edit number, If-Match says which one was read."""

from rest_framework.request import Request

from balancer.models import ServerGroup
from balancer.models.base import EditedModel
from balancer.services.locks import GroupState, check_fresh, check_group_fresh, state_of_group

ANY = "*"
NEVER = 0
"""An edit number that no row has: they begin with 1."""


def etag(state: int | str | GroupState) -> str:
    """Return the entity tag of a row at this edit number, or of a group's list of servers."""
    return f'"{state}"'


def expected_edit_number(request: Request, subject: EditedModel) -> int | None:
    """Return the edit number the caller builds on, None without an If-Match header.

    Raises Stale when the header names no state that the row is in. The service compares once
    more under its lock, so nothing slips in between.
    """
    tags = _tags(request.headers.get("If-Match", ANY))
    if ANY in tags:
        return None
    if etag(subject.edit_number) not in tags:
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
