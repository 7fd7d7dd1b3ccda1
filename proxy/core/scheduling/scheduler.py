"""What every scheduler can do, so that a listener's plan need not know which one it has."""

from collections.abc import Mapping
from typing import ClassVar, Self

Peer = tuple[str, int]
NOBODY: Peer = ("", 0)


class Scheduler:
    """Chooses the next server. Each kind overrides what it needs; the rest does nothing."""

    __slots__ = ()

    counts_work: ClassVar = False
    """Whether it wants to hear of open work, which costs each request something."""

    def pick(self, peer: Peer = NOBODY) -> str | None:
        """Return the next server for this client, or None when there is none with weight."""
        raise NotImplementedError

    def replace(self, weights: Mapping[str, int]) -> None:
        """Choose among these servers, which can serve now, from now on."""
        raise NotImplementedError

    def successor(self, weights: Mapping[str, int]) -> Self:
        """Return a scheduler for these servers that goes on where this one stands."""
        raise NotImplementedError

    def know_members(self, weights: Mapping[str, int]) -> None:
        """All servers of the group, whether they can serve now or not."""

    @property
    def is_ready(self) -> bool:
        """Tell whether a pick would not have to do much work first."""
        return True

    def prepare(self) -> bool:
        """Do a small part of the work ahead and return whether more of it is left."""
        return False

    def begin(self, server: str) -> None:
        """The server's open work has grown."""

    def end(self, server: str) -> None:
        """The server's open work has shrunk."""
