"""What every selector does: look the row up among what the user sees, then ask for the right."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from balancer.exceptions import NotFound
from balancer.rights import Right, check_right, has_right

Row = TypeVar("Row", bound=Model)


def visible(rows: QuerySet[Row], user: Any) -> QuerySet[Row]:
    """Return the rows that the user may see; whoever may view sees all of them."""
    return rows if has_right(user, Right.VIEW) else rows.none()


def find(rows: QuerySet[Row], *, user: Any, right: Right, public_id: object, what: str) -> Row:
    """Return the row with the public id.

    Raises NotFound (``what`` names the noun) for what is not there or not to be seen, and
    NotAllowed for what may be seen but not changed.
    """
    text = str(public_id)
    # PostgreSQL refuses a NUL in any text; no id has one.
    found = None if "\0" in text else visible(rows, user).filter(public_id=text).first()
    if found is None:
        raise NotFound(
            f"{what.lower().replace(' ', '_')}_not_found",
            f"There is no {what} {public_id!s:.80}.",
            given=f"{public_id!s:.80}",
        )
    check_right(user, right)
    return found
