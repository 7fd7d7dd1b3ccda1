"""Which roles servers can have in a group of a kind."""

from collections.abc import Mapping
from typing import Final

from balancer.exceptions import Invalid
from proxy.snapshot import GroupKind, ServerRole

ROLES_OF_KIND: Final[Mapping[GroupKind, tuple[ServerRole, ...]]] = {
    GroupKind.DEFAULT: (ServerRole.MEMBER,),
    GroupKind.VSERVER: (ServerRole.MEMBER,),
    GroupKind.PRIMARY_SECONDARY: (ServerRole.PRIMARY, ServerRole.SECONDARY),
}


def check_role(value: object, kind: GroupKind, field: str = "role") -> ServerRole:
    """Return the role; raise Invalid when servers of such a group cannot have it (S36)."""
    allowed = ROLES_OF_KIND[kind]
    if value in allowed:
        return ServerRole(str(value))
    names = " or ".join(allowed)
    message = f"Role must be {names} in a group of this kind; given: {value!s:.40}."
    raise Invalid("bad_role", message, fields={field: [message]})
