"""The servers of a group as a use of it reaches them, made before the use begins.

A group may have thousands of servers, so they are made in parts, between which traffic goes on.
Uses that reach a group alike share what was made.
"""

from collections.abc import Generator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from proxy.core.health import UNCHECKED, Target
from proxy.snapshot import HealthCheck, Server, ServerRole, probe_id

if TYPE_CHECKING:
    from proxy.core.route import Route, RouteSettings

SERVERS_PER_PART = 64
"""How many servers are made ready in one part: a third of a millisecond."""
MOST_EARLIER_PROBES = 4
"""Enough for a form that is saved a few times within one check interval."""

Place = tuple[str, str, int]
"""A server at an address: its id, address and port."""
_Key = tuple[str, int | None, HealthCheck | None, int, bool]


def place_of(target: Target) -> Place:
    """Return what tells the target from the same server at another address."""
    return target.server_id, target.address, target.port


@dataclass(frozen=True, slots=True, eq=False)
class TargetSet:
    """The servers of a group in its order, by id, and where they are.

    ``places`` is the object that it was before as long as nobody comes, goes or moves.
    """

    targets: tuple[Target, ...] = ()
    by_id: Mapping[str, Target] = field(default_factory=dict)
    places: AbstractSet[Place] = frozenset()


NO_TARGETS = TargetSet()


class TargetBook:
    """The targets of one snapshot, by how they are reached and what they were before."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[_Key, TargetSet] = {}

    def make(
        self, settings: "RouteSettings", before: "Route | None"
    ) -> Generator[None, None, TargetSet]:
        """Return the group's servers as this use reaches them; unchanged ones are kept."""
        group, check = settings.group, settings.health_check
        if not group.servers:
            return NO_TARGETS
        same_check = before is not None and before.settings.health_check == check
        known = before.members if before else NO_TARGETS
        # The sets before are there until all is made, so no other has the id of one of them.
        key = (group.id, settings.backend_port, check, id(known), same_check)
        if key not in self._made:
            self._made[key] = yield from _make(settings, known, same_check=same_check)
        return self._made[key]

    def find(self, settings: "RouteSettings", before: "Route | None") -> TargetSet:
        """Return them at once: they were made, or are now."""
        parts = self.make(settings, before)
        while True:
            try:
                next(parts)
            except StopIteration as end:
                return cast("TargetSet", end.value)


def _make(
    settings: "RouteSettings", known: TargetSet, *, same_check: bool
) -> Generator[None, None, TargetSet]:
    by_id: dict[str, Target] = {}
    places: set[Place] = set()
    for server in settings.group.servers:
        was = known.by_id.get(server.id)
        target = by_id[server.id] = _target(server, settings, was, same_check=same_check)
        places.add(place_of(target))
        if len(by_id) % SERVERS_PER_PART == 0:
            yield
    return TargetSet(
        tuple(by_id.values()), by_id, known.places if places == known.places else places
    )


def _target(
    server: Server, settings: "RouteSettings", known: Target | None, *, same_check: bool
) -> Target:
    port = server.port if server.port is not None else settings.backend_port
    assert port is not None  # Snapshot.validate has seen to it
    is_secondary = server.role is ServerRole.SECONDARY
    if known and (known.address, known.port) != (server.address, port):
        known = None
    same_check = same_check and known is not None and known.is_secondary == is_secondary
    if known and same_check and known.weight == server.weight:
        return known
    if known and same_check:
        probe, earlier = known.probe, known.earlier_probes
    else:
        check = settings.health_check
        probe = probe_id(server.address, port, check) if check and not is_secondary else None  # S37
        earlier = (
            (known.probe or UNCHECKED, *known.earlier_probes)[:MOST_EARLIER_PROBES] if known else ()
        )
    return Target(server.id, server.address, port, server.weight, probe, earlier, is_secondary)
