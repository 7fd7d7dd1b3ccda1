"""The right to check a shard: one owner at a time, and what it leaves to the next.

A lease is a key with a short life whose value is ``holder:counter``. Whoever looks for a dead
owner goes by the absent key or, should the broker's clock have been set back, by a counter that
stood still for some seconds of the looker's own. No clock of two machines is ever compared. What
an owner writes after it lost its lease is refused by the epoch it carries.
"""

import time
import uuid
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from balancer import feed

LEASE_S = 3.0
RENEW_EVERY_S = 1.0
STANDSTILL_S = 2 * LEASE_S
HANDOVER_LIFETIME_S = 60
ASSIGNED_FOR_S = 2.0
"""A shard that was just offered to the workers is not offered again at once."""

_ACQUIRE = """
local value = redis.call('get', KEYS[1])
if value and value ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 1
"""
_RENEW = """
local value = redis.call('get', KEYS[1])
if not value then return 'absent' end
if string.sub(value, 1, #ARGV[1]) ~= ARGV[1] then return 'lost' end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
return 'held'
"""
_HAND_OVER = """
local value = redis.call('get', KEYS[1])
if not value or string.sub(value, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
redis.call('set', KEYS[2], ARGV[4], 'ex', ARGV[5])
return 1
"""


class Holding(StrEnum):
    """What a renewal found."""

    HELD = "held"
    ABSENT = "absent"
    LOST = "lost"


def lease_key(shard: int) -> str:
    """Return the key that the owner of the shard keeps alive."""
    return f"openclb:lease:{shard}"


def handover_key(shard: int) -> str:
    """Return the key under which an owner leaves its counts to the next."""
    return f"openclb:handover:{shard}"


class ShardLease:
    """One owner's hold on a shard."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._key = lease_key(shard)
        self._holder = uuid.uuid4().hex
        self._counter = 0

    def acquire(self, instead_of: str = "") -> bool:
        """Take the shard if nobody has it, or in place of exactly this lease."""
        return bool(self._run(_ACQUIRE, instead_of))

    def renew(self) -> Holding:
        """Keep the shard for another while."""
        return Holding(self._run(_RENEW, f"{self._holder}:"))

    def hand_over(self, state: str) -> str:
        """Leave the shard and its state to whoever shows the token; return "" if it was lost."""
        token = f"handover:{uuid.uuid4().hex}"
        arguments: list[str | int] = [f"{self._holder}:", token, _milliseconds(LEASE_S)]
        arguments += [state, HANDOVER_LIFETIME_S]
        keys = [self._key, handover_key(self._shard)]
        return token if feed.run_script(_HAND_OVER, keys, arguments) else ""

    def _run(self, script: str, expected: str) -> Any:
        """Run a script that sets the lease anew if it is what is expected."""
        self._counter += 1
        value = f"{self._holder}:{self._counter}"
        return feed.run_script(script, [self._key], [expected, value, _milliseconds(LEASE_S)])


@feed.needs_feed
def read_handover(shard: int) -> str:
    """Return what the last owner left behind, "" when there is nothing."""
    return str(feed.client().get(handover_key(shard)) or "")


class Ownership:
    """What one process has seen of all leases, to tell an owner that stands still."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, float]] = {}

    def find_vacant(self, shards: Sequence[int], now: float) -> dict[int, str]:
        """Return the shards to be taken over, each with the dead lease that is in the way."""
        vacant: dict[int, str] = {}
        for shard, value in _read_leases(shards).items():
            seen_value, seen_at = self._seen.get(shard, ("", now))
            if value != seen_value:
                self._seen[shard] = (value, now)
            elif now - seen_at >= STANDSTILL_S:
                vacant[shard] = value
            if not value:
                vacant[shard] = ""
        return vacant


@feed.needs_feed
def _read_leases(shards: Sequence[int]) -> dict[int, str]:
    values = feed.client().mget([lease_key(shard) for shard in shards])
    return {shard: str(value or "") for shard, value in zip(shards, values, strict=True)}


@feed.needs_feed
def is_first_to_assign(shard: int) -> bool:
    """Tell whether nobody else has offered the shard to the workers just now."""
    key = f"openclb:assigned:{shard}"
    return bool(feed.client().set(key, "1", nx=True, px=_milliseconds(ASSIGNED_FOR_S)))


OWNERSHIP = Ownership()


def find_vacant_shards(shards: int) -> dict[int, str]:
    """Return the shards without a live owner that this process is to offer to the workers."""
    vacant = OWNERSHIP.find_vacant(range(shards), time.monotonic())
    return {shard: lease for shard, lease in vacant.items() if is_first_to_assign(shard)}


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
