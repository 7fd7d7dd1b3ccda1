"""Consistent hashing: a client's address, alone or with the ports, says which server is its own.

The table is made of all servers with weight, whether they can serve now or not. A slot whose
server cannot serve takes a detour through other slots, always the same ones, to the first whose
server can. So a failure moves the clients of that server only, spread by weight, its recovery
brings just them back, and no table is made for either. Two proxies with the same configuration
and the same health agree, whatever came before.

When members or weights change, the table before serves on until the new one is complete.
"""

import hashlib
import math
import zlib
from collections.abc import Mapping
from typing import Self

from proxy.core.scheduling.maglev_table import SLOTS, MaglevTable
from proxy.core.scheduling.scheduler import NOBODY, Peer, Scheduler

MOST_DETOURS = 64
"""When that many slots in a row have no server that can serve, few servers are left to compare."""
# Spreads the 32 bits of a checksum over the slots: neighbouring addresses are nothing special.
_MIX = 0x9E3779B97F4A7C15
# Slot -> slot * 75 + 74 leads through all slots but the last, which leads to itself.
_FACTOR, _SHIFT = 75, 74


class ConsistentHash(Scheduler):
    """What hashing on different parts of an address has in common."""

    __slots__ = ("_destination", "_detours", "_next", "_seed", "_table", "_weights")

    def __init__(self, destination: Peer = NOBODY) -> None:
        self._destination = destination
        self._seed = zlib.crc32(b"%b:%d" % (destination[0].encode(), destination[1]))
        self._weights: dict[str, int] = {}
        self._table = self._next = MaglevTable({})
        self._detours: dict[int, str] = {}

    def pick(self, peer: Peer = NOBODY) -> str | None:
        """Return the client's server, or None when there is none with weight."""
        if self._next is not self._table:
            self._advance()
        slot = (self._checksum(peer) * _MIX >> 24) % SLOTS
        server = self._table.servers[slot]
        if server in self._weights:
            return server
        return self._detour(slot) if self._weights else None

    def owner(self, peer: Peer) -> str:
        """Return the client's server while all can serve, "" when there is none with weight."""
        return self._table.servers[(self._checksum(peer) * _MIX >> 24) % SLOTS]

    def can_serve(self, server: str) -> bool:
        """Tell whether the server is among those to choose from."""
        return server in self._weights

    def know_members(self, weights: Mapping[str, int]) -> None:
        """Make the table for these servers, unless it is there or under way."""
        members = {server: weight for server, weight in weights.items() if weight > 0}
        if members != self._next.weights:
            self._next = MaglevTable(members)

    @property
    def is_ready(self) -> bool:
        """Tell whether there is a table: this one, or the one before it."""
        return self._table.is_complete or self._next is self._table

    def prepare(self) -> bool:
        """Make a part of the next table and return whether more of it is left."""
        if self._next is self._table:
            return False
        self._next.advance()
        if self._next.is_complete:
            self._take_over()
        return self._next is not self._table

    def replace(self, weights: Mapping[str, int]) -> None:
        """Choose among these servers from now on; the clients of the others take detours."""
        usable = {server: weight for server, weight in weights.items() if weight > 0}
        if usable != self._weights:
            self._weights = usable
            self._detours = {}

    def successor(self, weights: Mapping[str, int]) -> Self:
        """Return a scheduler for these servers that has the same table, or is making it."""
        heir = type(self)(self._destination)
        heir._table, heir._next = self._table, self._next
        heir.replace(weights)
        return heir

    def _checksum(self, peer: Peer) -> int:
        """Return 32 bits that stand for what counts of a client."""
        raise NotImplementedError

    def _advance(self) -> None:
        """Make a part of the next table; a first one has none before it and is made at once."""
        if self._table.is_complete:
            self._next.advance()
        else:
            self._next.complete()
        if self._next.is_complete:
            self._take_over()

    def _take_over(self) -> None:
        self._table = self._next
        self._detours = {}

    def _detour(self, slot: int) -> str:
        server = self._detours.get(slot)
        if server is None:
            server = self._detours[slot] = self._find_detour(slot)
        return server

    def _find_detour(self, slot: int) -> str:
        servers, usable, other = self._table.servers, self._weights, slot
        for _ in range(MOST_DETOURS):
            other = (other * _FACTOR + _SHIFT) % SLOTS
            if servers[other] in usable:
                return servers[other]
        return min(usable, key=lambda server: (_distance(slot, server, usable[server]), server))


class SourceHash(ConsistentHash):
    """Connections from one address go to one server."""

    __slots__ = ()

    def _checksum(self, peer: Peer) -> int:
        return zlib.crc32(peer[0].encode())


class TupleHash(ConsistentHash):
    """Connections from one address and port to one destination go to one server."""

    __slots__ = ()

    def _checksum(self, peer: Peer) -> int:
        return zlib.crc32(b"%b:%d" % (peer[0].encode(), peer[1]), self._seed)


def _distance(slot: int, server: str, weight: int) -> float:
    """Return how far a slot is from a server: the nearest is each one in the ratio of weights."""
    digest = hashlib.blake2b(f"{slot} {server}".encode(), digest_size=6).digest()
    return -math.log((int.from_bytes(digest, "big") + 1) / (1 << 48)) / weight
