"""Follows the feed: fetches what differs, takes in health deltas, and writes the node's report.

A missed notice, a restart and a new node are one case: on connect, and now and then, the whole
index is read and whatever differs is fetched. A notice only makes it quick. The node runs on
without the feed; it is asked again with growing, jittered gaps.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable
from typing import Any, Protocol, cast

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from proxy.snapshot import (
    FEED_CHANNEL,
    FEED_HEALTH_INDEX_KEY,
    FEED_INDEX_KEY,
    REPORT_TTL_S,
    HealthDelta,
    HealthStatus,
    HealthTable,
    HealthVersion,
    IndexEntry,
    SnapshotInvalid,
    counters_key,
    health_key,
    report_key,
    snapshot_key,
)

FIRST_GAP_S = 0.1
LONGEST_GAP_S = 5.0
CALL_TIMEOUT_S = 5.0
RESYNC_INTERVAL_S = 10.0
REPORT_INTERVAL_S = 3.0
COUNTERS_INTERVAL_S = 1.0
COALESCE_S = 0.02
"""Changes that come together are reported together."""

logger = logging.getLogger(__name__)


class Follower(Protocol):
    """The node that the feed is for."""

    report_wanted: asyncio.Event

    def wants(self, load_balancer: str, entry: IndexEntry) -> bool:
        """Tell whether the entry's version is news."""

    def offer(self, load_balancer: str, version: int, text: bytes) -> None:
        """Take a snapshot's text, or refuse it."""

    def remove(self, load_balancer: str, version: int) -> None:
        """Take a tombstone."""

    def adopt_health(self, delta: HealthDelta) -> bool:
        """Take a delta; False when the whole table is needed instead."""

    def replace_health(self, table: HealthTable) -> None:
        """Take a shard's whole table."""

    def health_version(self, shard: int) -> HealthVersion | None:
        """Return which table of the shard is known."""

    def report_text(self) -> str:
        """Return the node's report."""

    def counters_text(self) -> str:
        """Return the node's traffic counters."""


class ConfigFeed:
    """The connection of one node to the feed."""

    def __init__(self, url: str, node: str, follower: Follower) -> None:
        self._node = node
        self._follower = follower
        self._redis = redis.asyncio.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=CALL_TIMEOUT_S,
            socket_connect_timeout=CALL_TIMEOUT_S,
            # The client must not reconnect by itself: notices may have been missed meanwhile.
            retry=Retry(NoBackoff(), 0),
        )
        self._gap_s = FIRST_GAP_S
        self._is_stopping = False

    async def run(self) -> None:
        """Follow the feed until stopped."""
        while True:
            try:
                # In a task of its own, whose count of cancellations starts at none.
                await asyncio.create_task(self._follow())
            except* (RedisError, OSError) as group:
                error = group.exceptions[0]
                logger.warning("the feed is away", extra={"reason": f"{error!r:.200}"})
            if self._is_stopping:
                return
            with contextlib.suppress(RedisError, OSError):
                await self._redis.connection_pool.disconnect()
            await asyncio.sleep(self._gap_s * random.uniform(0.5, 1.0))
            self._gap_s = min(2 * self._gap_s, LONGEST_GAP_S)

    def stop(self) -> None:
        """Make ``run`` end at its next step; cancel its task as well, so that the step is now."""
        self._is_stopping = True

    async def aclose(self) -> None:
        """Withdraw the report, so that this node stops counting at once, and disconnect."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(0.5):
                await self._redis.delete(report_key(self._node), counters_key(self._node))
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def _follow(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await self._call(pubsub.subscribe(FEED_CHANNEL))
            await self._resync()
            self._gap_s = FIRST_GAP_S
            logger.info("the feed is followed")
            async with asyncio.TaskGroup() as group:
                group.create_task(self._take_notices(pubsub))
                group.create_task(self._resync_often())
                group.create_task(self._write_reports())
                group.create_task(self._write_counters())

    # --- configuration ---------------------------------------------------------------------------

    async def _resync(self) -> None:
        """Read both indexes and fetch whatever differs."""
        index = await self._call(self._redis.hgetall(FEED_INDEX_KEY))
        for name, text in index.items():
            await self._fetch(name.decode(), text)
        versions = await self._call(self._redis.hgetall(FEED_HEALTH_INDEX_KEY))
        for shard, text in versions.items():
            known = self._follower.health_version(int(shard))
            if known is None or str(known) != text.decode():
                await self._fetch_health(int(shard))

    async def _fetch(self, load_balancer: str, entry_text: bytes | None) -> None:
        if entry_text is None:
            return
        try:
            entry = IndexEntry.from_json(entry_text)
        except SnapshotInvalid as error:
            logger.error(
                "an index entry is not readable",
                extra={"load_balancer": load_balancer, "reason": str(error)},
            )
            return
        if not self._follower.wants(load_balancer, entry):
            return
        if entry.deleted:
            self._follower.remove(load_balancer, entry.version)
            return
        text = await self._call(self._redis.get(snapshot_key(load_balancer)))
        if text is not None:
            self._follower.offer(load_balancer, entry.version, text)

    async def _fetch_health(self, shard: int) -> None:
        """Read a shard's table together with its version."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hget(FEED_HEALTH_INDEX_KEY, str(shard))
            pipeline.hgetall(health_key(shard))
            version, statuses = await self._call(pipeline.execute())
        if version is None:
            return
        try:
            table = HealthTable(
                shard,
                HealthVersion.parse(version.decode()),
                {probe.decode(): HealthStatus(text.decode()) for probe, text in statuses.items()},
            )
        except ValueError as error:
            logger.error(
                "a health table is not readable", extra={"shard": shard, "reason": str(error)}
            )
            return
        self._follower.replace_health(table)

    async def _resync_often(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_INTERVAL_S)
            await self._resync()

    async def _take_notices(self, pubsub: Any) -> None:
        while True:
            # That the broker falls silent is noticed by those who write the reports.
            message = await self._call(pubsub.get_message(True, timeout=None))
            if message is None:
                continue
            kind, _, argument = message["data"].partition(b" ")
            if kind == b"snapshot":
                entry = await self._call(self._redis.hget(FEED_INDEX_KEY, argument.decode()))
                await self._fetch(argument.decode(), entry)
            elif kind == b"health":
                await self._take_delta(argument)

    async def _take_delta(self, text: bytes) -> None:
        try:
            delta = HealthDelta.from_json(text)
        except SnapshotInvalid as error:
            logger.error("a health delta is not readable", extra={"reason": str(error)})
            return
        if not self._follower.adopt_health(delta):
            await self._fetch_health(delta.shard)

    async def _call(self, answer: Any) -> Any:
        """Await a command of the client, whose annotations also allow for its synchronous twin.

        Now and then the client swallows the cancellation of the task that waits for it, which
        then would never end.
        """
        value = await cast("Awaitable[Any]", answer)
        task = asyncio.current_task()
        if self._is_stopping or (task is not None and task.cancelling()):
            raise asyncio.CancelledError
        return value

    # --- reports ---------------------------------------------------------------------------------

    async def _write_reports(self) -> None:
        wanted = self._follower.report_wanted
        while True:
            wanted.clear()
            text = self._follower.report_text()
            await self._call(self._redis.set(report_key(self._node), text, ex=REPORT_TTL_S))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wanted.wait(), REPORT_INTERVAL_S)
                await asyncio.sleep(COALESCE_S)

    async def _write_counters(self) -> None:
        while True:
            text = self._follower.counters_text()
            await self._call(self._redis.set(counters_key(self._node), text, ex=REPORT_TTL_S))
            await asyncio.sleep(COUNTERS_INTERVAL_S)
