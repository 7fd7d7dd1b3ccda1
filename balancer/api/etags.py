"""Optimistic locking: the ETag of a row is its edit number, If-Match says which one was read."""

from rest_framework.request import Request

from balancer.models.base import EditedModel
from balancer.services.locks import check_fresh

ANY = "*"
NEVER = 0
"""An edit number that no row has: they begin with 1."""


def etag(edit_number: int) -> str:
    """Return the entity tag of a row at this edit number."""
    return f'"{edit_number}"'


def expected_edit_number(request: Request, subject: EditedModel) -> int | None:
    """Return the edit number the caller builds on, None without an If-Match header.

    Raises Stale when the header names no state that the row is in. The service compares once
    more under its lock, so nothing slips in between.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == ANY:
        return None
    if etag(subject.edit_number) not in (tag.strip() for tag in header.split(",")):
        check_fresh(subject, NEVER)
    return subject.edit_number
