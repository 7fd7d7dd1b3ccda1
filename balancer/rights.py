"""What roles may do; every selector asks here, so all entrances answer alike."""

from enum import StrEnum
from typing import Any

from balancer.exceptions import NotAllowed


class Right(StrEnum):
    """What is asked for when an object is looked up."""

    VIEW = "view"
    CHANGE = "change"
    ADMINISTER = "administer"


class Role(StrEnum):
    """The groups of users; a superuser has the rights of an admin."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


RIGHTS_OF_ROLE: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right),
    Role.OPERATOR: frozenset({Right.VIEW, Right.CHANGE}),
    Role.VIEWER: frozenset({Right.VIEW}),
}


def rights_of(user: Any) -> frozenset[Right]:
    """Return what the user may do; nobody's rights are empty. One query a user object."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return RIGHTS_OF_ROLE[Role.ADMIN]
    known: frozenset[Right] | None = getattr(user, "_openclb_rights", None)
    if known is None:
        names = set(user.groups.values_list("name", flat=True))
        known = frozenset().union(
            *(rights for role, rights in RIGHTS_OF_ROLE.items() if role.value in names)
        )
        user._openclb_rights = known
    return known


def has_right(user: Any, right: Right) -> bool:
    """Tell whether the user has the right."""
    return right in rights_of(user)


def check_right(user: Any, right: Right) -> None:
    """Raise NotAllowed unless the user has the right."""
    if not has_right(user, right):
        raise NotAllowed(
            "forbidden",
            f"You need the right to {right.value} for this; ask an administrator.",
            right=right.value,
        )
