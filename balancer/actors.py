"""Who makes a change and through which door: the first argument of every service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from balancer.choices import Entrance

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """The cause of a change; ``user`` is None for the system itself."""

    name: str
    entrance: Entrance
    user: "User | None" = None

    @classmethod
    def person(cls, user: "User", entrance: Entrance) -> Self:
        """Return the actor for a signed-in user."""
        return cls(name=user.get_username(), entrance=entrance, user=user)

    @classmethod
    def system(cls, name: str = "system") -> Self:
        """Return the actor for what happens without a person."""
        return cls(name=name, entrance=Entrance.SYSTEM)
