"""How every selector finds one row: the right first, then the row or NotFound."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from balancer.exceptions import NotFound
from balancer.rights import Right, check_right

Row = TypeVar("Row", bound=Model)


def visible(rows: QuerySet[Row], *, user: Any) -> QuerySet[Row]:
    """Return the rows for a user who may look at all."""
    check_right(user, Right.VIEW)
    return rows


def find(rows: QuerySet[Row], *, user: Any, right: Right, public_id: str, noun: str) -> Row:
    """Return the row with this public id; raise NotAllowed without the right, else NotFound."""
    check_right(user, right)
    # PostgreSQL refuses a NUL in any text; no id has one.
    row = None if "\0" in public_id else rows.filter(public_id=public_id).first()
    if row is None:
        code = f"{noun.lower().replace(' ', '_')}_not_found"
        raise NotFound(code, f"There is no {noun} {public_id[:80]} here.", id=public_id[:80])
    return row
