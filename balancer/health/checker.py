"""Probes the servers of one shard from one event loop, for a turn, and hands the shard on.

Three jobs run beside the probes: one follows the snapshots on the feed, one tells the feed what
was found and keeps the lease, one writes flips to the database. Each has its own thread for the
calls that block, so that neither a broker nor a database that hangs holds up a single probe.
"""

import asyncio
import json
import resource
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog
from django.db import connection
from django.db.utils import Error as DatabaseError

from balancer import feed
from balancer.domain.health import ProbeState
from balancer.feed import FeedUnavailable, HealthGap, HealthStale, SnapshotNotices
from balancer.health.leases import RENEW_EVERY_S, Holding, ShardLease, read_handover
from balancer.health.probes import ProbeImpossible, ProbeResult, probe
from balancer.health.table import ShardTable
from balancer.health.targets import ProbeTarget, TargetBook
from balancer.health.watched import WatchedProbe
from balancer.services import health as records
from balancer.services.health import Flip
from proxy.snapshot import HealthStatus, HealthVersion

T = TypeVar("T")

TURN_S = 30.0
LONGEST_TURN_S = 90.0
TICK_S = 0.2
NOTICE_WAIT_S = 0.5
INDEX_EVERY_S = 2.0
EVIDENCE_EVERY_S = 2.0
FORGET_AFTER_S = 30.0
"""A probe that nobody needs for so long is forgotten; a listener stopped and started keeps it."""
RETRY_DATABASE_S = 1.0
MAX_IN_FLIGHT = 1000
CALM_S = 0.1
COMPLAIN_EVERY_S = 60.0

log = structlog.get_logger(__name__)


class ShardLost(Exception):
    """Somebody else owns the shard now; nothing that this checker knows counts any more."""


def run_shard(
    shard: int,
    *,
    shards: int,
    instead_of: str,
    stopping: threading.Event,
    turn_s: float = TURN_S,
) -> str:
    """Check the shard for one turn if it is free; return the token for the next owner, or ""."""
    try:
        return asyncio.run(ShardChecker(shard, shards, stopping, turn_s).run(instead_of))
    except* ShardLost as lost:
        log.warning("shard_lost", shard=shard, reason=str(lost.exceptions[0]))
    except* FeedUnavailable as error:
        log.warning("shard_without_feed", shard=shard, reason=str(error.exceptions[0]))
    return ""


class ShardChecker:
    """One owner's turn with a shard."""

    def __init__(self, shard: int, shards: int, stopping: threading.Event, turn_s: float) -> None:
        self._shard, self._shards = shard, shards
        self._stopping = stopping
        self._began = time.monotonic()
        self._turn_s = turn_s
        self._lease = ShardLease(shard)
        self._renewed = self._began
        self._book = TargetBook(shard, shards)
        self._table = ShardTable(shard, HealthVersion(0, 0))
        self._probes: dict[str, WatchedProbe] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._idle: dict[str, tuple[float, HealthStatus, float]] = {}
        self._handed_over: dict[str, dict[str, Any]] = {}
        self._flips: list[Flip] = []
        self._unrecorded: set[str] = set()
        self._unshown: set[str] = set()
        self._checked: set[str] = set()
        self._evidence_due = self._began
        self._news = asyncio.Event()
        self._is_over = False
        self._is_feed_away = False
        self._complained = -COMPLAIN_EVERY_S
        self._slots = asyncio.Semaphore(_in_flight_limit())

    async def run(self, instead_of: str) -> str:
        """Own the shard until the turn ends; return the token for the next owner, or ""."""
        if not await asyncio.to_thread(self._lease.acquire, instead_of):
            return ""
        await self._take_over(instead_of)
        async with asyncio.TaskGroup() as self._jobs:
            self._jobs.create_task(self._follow_feed())
            self._jobs.create_task(self._write_records())
            token = await self._keep_shard()
            self._is_over = True
            self._pause()
        return token

    # --- taking over and handing over ------------------------------------------------------------

    async def _take_over(self, instead_of: str) -> None:
        """Go on where the last owner left off, or from what the feed or the database remembers."""
        handover = ""
        if instead_of.startswith("handover:"):
            handover = await asyncio.to_thread(read_handover, self._shard)
        if handover:
            self._continue_from(json.loads(handover))
            return
        remembered = await self._remembered()
        self._idle = {key: (self._began, *known) for key, known in remembered.items()}
        self._table.load({key: status for key, (status, _) in remembered.items()})
        await self._begin_epoch()

    def _continue_from(self, state: Mapping[str, Any]) -> None:
        version = HealthVersion(state["epoch"], state["sequence"])
        self._table = ShardTable(self._shard, version)
        self._handed_over = state["probes"]
        for probe_id, (status, since) in state["idle"].items():
            self._idle[probe_id] = (self._began, HealthStatus(status), since)
        self._table.load({key: HealthStatus(each) for key, each in state["statuses"].items()})
        self._table.needs_whole = state["needs_whole"]

    async def _remembered(self) -> Mapping[str, tuple[HealthStatus, float]]:
        try:
            stored = await _in_database(records.list_states, shard=self._shard, shards=self._shards)
        except DatabaseError as error:
            log.warning("health_states_unreadable", shard=self._shard, reason=str(error))
            stored = {}
        table = await asyncio.to_thread(feed.read_health_table, self._shard)
        if table is None:
            return stored
        now = time.time()
        return {
            key: (status, stored[key][1] if key in stored else now)
            for key, status in table.statuses.items()
        }

    async def _begin_epoch(self) -> None:
        """Fence off every earlier owner; without the database, by the feed's own number."""
        versions = await asyncio.to_thread(feed.read_health_versions)
        on_feed = versions.get(self._shard, HealthVersion(0, 0))
        above = max(on_feed.epoch, self._table.epoch)
        try:
            epoch = await _in_database(records.claim_epoch, shard=self._shard, above=above)
        except DatabaseError as error:
            log.warning("epoch_without_database", shard=self._shard, reason=str(error))
            epoch = above + 1
        self._table.begin_epoch(epoch)
        log.info("shard_taken", shard=self._shard, epoch=epoch)

    def _is_time_to_end(self) -> bool:
        """Tell whether the turn may end now; it waits for a moment that loses no probe's work."""
        if self._stopping.is_set():
            return True
        age_s = time.monotonic() - self._began
        if age_s < self._turn_s or self._flips:
            return False
        return age_s > max(LONGEST_TURN_S, self._turn_s) or self._is_calm()

    def _is_calm(self) -> bool:
        """Tell whether no healthy server is in the middle of a check that may take it out."""
        now = time.monotonic()
        return not any(
            each.is_in_flight
            and each.state.status is HealthStatus.HEALTHY
            and each.started is not None
            and now - each.started > CALM_S
            for each in self._probes.values()
        )

    async def _hand_over(self) -> str:
        """Leave everything to the next owner; return its token, or "" when nobody answers."""
        self._pause()
        try:
            await self._send_table()
            return await asyncio.to_thread(self._lease.hand_over, json.dumps(self._to_state()))
        except FeedUnavailable:
            self._table.needs_whole = True
            return ""

    def _to_state(self) -> dict[str, Any]:
        now = time.monotonic()
        return {
            "epoch": self._table.version.epoch,
            "sequence": self._table.version.sequence,
            "needs_whole": self._table.has_news,
            "statuses": self._table.statuses,
            # A turn may end before it has read which probes it has: what it was given goes on.
            "probes": {
                **self._handed_over,
                **{key: each.to_state(now) for key, each in self._probes.items()},
            },
            "idle": {key: (status, since) for key, (_, status, since) in self._idle.items()},
        }

    # --- which probes ----------------------------------------------------------------------------

    async def _follow_feed(self) -> None:
        """Start and stop probes as snapshots come and go."""
        notices, looked = SnapshotNotices(), float("-inf")
        try:
            while not self._is_over:
                try:
                    is_due = await asyncio.to_thread(notices.wait, NOTICE_WAIT_S)
                    if is_due or time.monotonic() - looked >= INDEX_EVERY_S:
                        targets = await asyncio.to_thread(self._book.refresh)
                        looked = time.monotonic()
                        if targets is not None and not self._is_over:
                            self._adopt(targets)
                except FeedUnavailable:
                    await asyncio.sleep(NOTICE_WAIT_S)
        finally:
            notices.close()

    def _adopt(self, targets: Mapping[str, ProbeTarget]) -> None:
        """Probe exactly these targets from now on."""
        now = time.monotonic()
        for probe_id in self._probes.keys() - targets.keys():
            self._stop(probe_id)
            gone = self._probes.pop(probe_id)
            self._idle[probe_id] = (now, gone.state.status, gone.since)
        for probe_id, target in targets.items():
            if probe_id not in self._probes:
                self._probes[probe_id] = self._recall(target)
                self._start(probe_id)

    def _recall(self, target: ProbeTarget) -> WatchedProbe:
        """Return the probe with all that is known of it."""
        self._unrecorded.discard(target.probe_id)
        self._unshown.discard(target.probe_id)
        raw = self._handed_over.pop(target.probe_id, None)
        if raw is not None:
            return WatchedProbe.from_state(target, raw, self._began)
        _, status, since = self._idle.pop(target.probe_id, (0.0, HealthStatus.UNKNOWN, time.time()))
        return WatchedProbe(target, ProbeState(status), since)

    def _forget_unneeded(self) -> None:
        """Drop what no snapshot has asked for in a while."""
        now = time.monotonic()
        if self._handed_over and now - self._began > FORGET_AFTER_S:
            for probe_id, raw in self._handed_over.items():
                self._idle[probe_id] = (self._began, HealthStatus(raw["status"]), raw["since"])
            self._handed_over.clear()
        for probe_id, (since, _, _) in list(self._idle.items()):
            if now - since > FORGET_AFTER_S:
                del self._idle[probe_id]
                self._table.forget(probe_id)
                self._unrecorded.add(probe_id)
                self._unshown.add(probe_id)

    def _start(self, probe_id: str) -> None:
        watching = self._watch(self._probes[probe_id])
        self._tasks[probe_id] = self._jobs.create_task(watching)

    def _stop(self, probe_id: str) -> None:
        task = self._tasks.pop(probe_id, None)
        if task is not None:
            task.cancel()

    def _pause(self) -> None:
        for probe_id in list(self._tasks):
            self._stop(probe_id)

    def _resume(self) -> None:
        for probe_id in self._probes:
            self._start(probe_id)

    # --- probing ---------------------------------------------------------------------------------

    async def _watch(self, watched: WatchedProbe) -> None:
        """Check one server again and again, start to start, never twice at once."""
        due = watched.first_due(time.monotonic())
        while True:
            await asyncio.sleep(due - time.monotonic())
            async with self._slots:
                is_first = watched.started is None
                watched.started, watched.is_in_flight = time.monotonic(), True
                result = await self._ask(watched.target)
                watched.is_in_flight = False
            if result is not None:
                self._learn(watched, result)
            due = watched.next_due(time.monotonic(), is_first=is_first)

    async def _ask(self, target: ProbeTarget) -> ProbeResult | None:
        try:
            return await probe(target.address, target.port, target.check)
        except ProbeImpossible as error:
            now = time.monotonic()
            if now - self._complained >= COMPLAIN_EVERY_S:
                self._complained = now
                log.error("probe_impossible", shard=self._shard, reason=str(error))
            return None

    def _learn(self, watched: WatchedProbe, result: ProbeResult) -> None:
        flip = watched.learn(result, time.time())
        self._checked.add(watched.target.probe_id)
        if flip is None:
            return
        self._table.put(flip.probe_id, flip.after)
        self._flips.append(flip)
        self._evidence_due = time.monotonic()
        self._news.set()
        log.info(
            "health_flip",
            server=f"{flip.address}:{flip.port}",
            before=flip.before.value,
            after=flip.after.value,
            reason=result.detail,
        )

    # --- telling the feed ------------------------------------------------------------------------

    async def _keep_shard(self) -> str:
        """Send what is new, keep the lease, and end the turn when it is time."""
        while True:
            await self._tell_feed()
            if self._is_time_to_end():
                token = await self._hand_over()
                if token or self._stopping.is_set():
                    return token
                self._resume()
            await self._wait_for_news()

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(TICK_S):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _tell_feed(self) -> None:
        self._forget_unneeded()
        try:
            await self._send_table()
            await self._renew_lease()
            await self._send_evidence()
        except FeedUnavailable as error:
            self._table.needs_whole = True
            if not self._is_feed_away:
                log.warning("health_feed_away", shard=self._shard, reason=str(error))
            self._is_feed_away = True
        else:
            self._is_feed_away = False

    async def _send_table(self) -> None:
        """Send the changes, or the whole table when the feed may have another one."""
        try:
            if self._table.has_news and not self._table.needs_whole:
                await asyncio.to_thread(feed.put_health, self._table.take_delta())
        except HealthGap:
            self._table.needs_whole = True
        except HealthStale as error:
            raise ShardLost(str(error)) from error
        if self._table.needs_whole:
            await self._send_whole_table()

    async def _send_whole_table(self) -> None:
        try:
            await asyncio.to_thread(feed.put_health_table, self._table.take_whole())
        except HealthStale as error:
            raise ShardLost(str(error)) from error
        self._table.needs_whole = False

    async def _renew_lease(self) -> None:
        """Keep the lease; where it has vanished with all the broker's memory, take it anew."""
        if time.monotonic() - self._renewed < RENEW_EVERY_S:
            return
        holding = await asyncio.to_thread(self._lease.renew)
        self._renewed = time.monotonic()
        if holding is Holding.HELD:
            return
        if holding is Holding.LOST or not await asyncio.to_thread(self._lease.acquire):
            raise ShardLost("another owner holds the lease")
        await self._begin_epoch()
        self._checked.update(self._probes)
        await self._send_table()

    async def _send_evidence(self) -> None:
        now = time.monotonic()
        if now < self._evidence_due or not (self._checked or self._unshown):
            return
        self._evidence_due = now + EVIDENCE_EVERY_S
        checked, self._checked = self._checked & self._probes.keys(), set()
        gone, self._unshown = self._unshown, set()
        evidence = {probe_id: self._probes[probe_id].evidence for probe_id in checked}
        try:
            await asyncio.to_thread(feed.put_evidence, self._shard, evidence, gone)
        except FeedUnavailable:
            self._checked |= checked
            self._unshown |= gone
            raise

    # --- telling the database --------------------------------------------------------------------

    async def _write_records(self) -> None:
        """Write flips as they come; a database that does not take them gets them later."""
        while not self._is_over or self._flips:
            flips, gone = list(self._flips), list(self._unrecorded)
            try:
                if flips:
                    await _in_database(records.record_flips, shard=self._shard, flips=flips)
                if gone:
                    await _in_database(records.forget_states, probe_ids=gone)
            except DatabaseError as error:
                log.warning("flips_not_recorded", waiting=len(flips), reason=str(error))
                if self._is_over:
                    return
                await asyncio.sleep(RETRY_DATABASE_S)
            else:
                del self._flips[: len(flips)]
                self._unrecorded.difference_update(gone)
                await asyncio.sleep(TICK_S)


async def _in_database(act: Callable[..., T], **arguments: Any) -> T:
    """Run the act in a thread whose connection does not outlive it."""

    def run() -> T:
        try:
            return act(**arguments)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


def _in_flight_limit() -> int:
    """Return how many probes may be open at once; the process needs descriptors for more."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(MAX_IN_FLIGHT, soft // 4))
