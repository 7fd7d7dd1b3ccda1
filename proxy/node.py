"""The parent process of a proxy node: feed in, sockets and workers out, report back.

It owns every listening socket, the documents in force, the last-good files and the node's report.
Traffic never passes through it. A snapshot counts as applied when every worker has it in force.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from proxy.core.health import Availability
from proxy.handover import Handover, is_startable
from proxy.net.channel import Body
from proxy.net.last_good import LastGood
from proxy.net.ledger import LedgerRows
from proxy.net.log_rotation import LogRotation
from proxy.net.sockets import ListeningSockets
from proxy.net.tls_contexts import TlsContexts
from proxy.settings import ProxySettings
from proxy.snapshot import (
    AppliedSnapshot,
    ApplyReport,
    HealthDelta,
    HealthTable,
    HealthVersion,
    IndexEntry,
    Refusal,
    Snapshot,
    SnapshotInvalid,
)
from proxy.workers import WorkerPool, WorkerProcess

QUICK_RETRIES = 20
QUICK_RETRY_S = 0.1
RETRY_S = 5.0
SAVE_INTERVAL_S = 0.5
ROTATION_INTERVAL_S = 0.5
FEED_DELAY_S = 1.0
TAKEOVER_BOUND_S = 30.0
TAKEOVER_POLL_S = 0.02

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Balancer:
    """What the node knows of one load balancer."""

    wanted: Snapshot | None = None
    text: str = ""
    contexts: Mapping[str, ssl.SSLContext] = field(default_factory=dict)
    in_force: AppliedSnapshot | None = None
    refusal: Refusal | None = None
    deleted_at: int = 0

    @property
    def seen_version(self) -> int:
        """Return the highest version that needs no second look."""
        return max(
            self.wanted.version if self.wanted else 0,
            self.refusal.version if self.refusal else 0,
            self.deleted_at,
        )


@dataclass(slots=True)
class _Unsaved:
    """What the last-good files do not have yet."""

    snapshots: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    tables: dict[int, HealthTable] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.removed or self.tables)


class ProxyNode:
    """Follows the feed on behalf of its workers."""

    def __init__(self, settings: ProxySettings, predecessor: Handover | None = None) -> None:
        self._settings = settings
        self._started_at = time.time()
        self._balancers: dict[str, _Balancer] = {}
        self._predecessor = predecessor
        self._rows = LedgerRows()
        self._sockets = ListeningSockets(predecessor.take_sockets() if predecessor else None)
        self._tls_contexts = TlsContexts()
        self._health = Availability()
        self._last_good = LastGood(settings.data_dir / "proxy")
        self._unsaved = _Unsaved()
        self._workers = WorkerPool(
            settings.workers,
            settings.log_format,
            self._greet,
            self._on_change,
            self._on_refused,
            settings.http_limits,
            str(settings.access_log.path) if settings.access_log else None,
        )
        self._retries_left = 0
        self._fault_appeared = asyncio.Event()
        self._serves = asyncio.Event()
        self.report_wanted = asyncio.Event()
        self.stopping = asyncio.Event()
        self.upgrading = asyncio.Event()

    async def run(self) -> None:
        """Serve what was last applied at once, then follow the feed until told to stop."""
        if self._predecessor:
            self._workers.adopt(self._predecessor)
        self._load_last_good()
        self._workers.start()
        await self._wait_for_traffic()
        # The Redis client takes longer to import than everything else: traffic goes first.
        from proxy.net.config_feed import ConfigFeed  # noqa: PLC0415

        feed = ConfigFeed(self._settings.redis_url, self._settings.node, self)
        async with asyncio.TaskGroup() as group:
            jobs = [
                group.create_task(feed.run()),
                group.create_task(self._retry_faults()),
                group.create_task(self._save_often()),
                group.create_task(self._rotate_log()),
                group.create_task(self._give_place()),
                group.create_task(self._take_place()),
            ]
            await self.stopping.wait()
            logger.info("the node stops")
            feed.stop()
            for job in jobs:
                job.cancel()
        self._sockets.close()
        await self._workers.stop()
        self._save(self._unsaved)
        await feed.aclose()

    async def _wait_for_traffic(self) -> None:
        """Leave the processor to the first worker, when there is something for it to serve."""
        if self._balancers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._serves.wait(), FEED_DELAY_S)

    # --- one program after another ---------------------------------------------------------------

    async def _take_place(self) -> None:
        """Retire the program before as soon as this one serves all that it knows of."""
        if self._predecessor is None:
            return
        end = asyncio.get_running_loop().time() + TAKEOVER_BOUND_S
        while not self._serves_all() and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(TAKEOVER_POLL_S)
        self._sockets.drop_inherited()
        self._workers.retire_predecessors(self._settings.drain_limit_s)
        await self._workers.take_clients()
        for load_balancer in self._balancers:
            self._workers.read_packets(load_balancer, self._sockets.open_sockets(load_balancer))
        logger.info("the node has taken the place of the program before")

    def _serves_all(self) -> bool:
        return self._workers.ready_count == self._settings.workers and all(
            known.in_force is not None for known in self._balancers.values() if known.wanted
        )

    async def _give_place(self) -> None:
        """At each SIGUSR2, become the program that is installed now, if that can start."""
        while True:
            await self.upgrading.wait()
            self.upgrading.clear()
            if not self._workers.is_alone:
                logger.error("no upgrade: the program before the present one still drains")
            elif not await is_startable():
                logger.error("no upgrade: the installed program does not start")
            else:
                await self._workers.when_quiet()
                self._save(self._unsaved)
                logger.info("the node gives its place to the installed program")
                self._workers.handed_over(self._sockets.by_place()).run()

    # --- what the feed says ----------------------------------------------------------------------

    def wants(self, load_balancer: str, entry: IndexEntry) -> bool:
        """Tell whether the version is above everything applied, refused or deleted here."""
        known = self._balancers.get(load_balancer)
        return known is None or entry.version > known.seen_version

    def offer(self, load_balancer: str, version: int, text: bytes) -> None:
        """Take a snapshot's text; an invalid one is refused whole and not looked at again."""
        try:
            snapshot = Snapshot.from_json(text)
            if snapshot.load_balancer != load_balancer:
                raise SnapshotInvalid(f"it is the snapshot of {snapshot.load_balancer}")
            # Workers make their own; here a certificate that cannot be used is refused early.
            contexts = self._tls_contexts.build(snapshot)
        except SnapshotInvalid as error:
            self._on_refused(load_balancer, version, str(error))
            return
        known = self._balancers.get(load_balancer)
        if known is None or snapshot.version > known.seen_version:
            self._adopt(snapshot, text.decode())
            self._balancers[load_balancer].contexts = contexts

    def remove(self, load_balancer: str, version: int) -> None:
        """Stop serving a load balancer, and remember that it is gone."""
        self._balancers[load_balancer] = _Balancer(deleted_at=version)
        self._sockets.remove(load_balancer)
        self._rows.release(load_balancer)
        self._workers.broadcast("remove", {"load_balancer": load_balancer})
        self._workers.forget(load_balancer)
        self._unsaved.snapshots.pop(load_balancer, None)
        self._unsaved.removed.add(load_balancer)
        logger.info(
            "load balancer removed", extra={"load_balancer": load_balancer, "version": version}
        )
        self.report_wanted.set()

    def adopt_health(self, delta: HealthDelta) -> bool:
        """Pass a delta on; False when the whole table is needed to make sense of it."""
        known = self.health_version(delta.shard)
        if known is not None and delta.version <= known:
            return True
        if not self._health.apply(delta):
            return False
        self._workers.broadcast("health_delta", {"delta": delta.to_json()})
        self._unsaved.tables[delta.shard] = self._health.table(delta.shard)
        self.report_wanted.set()
        return True

    def replace_health(self, table: HealthTable) -> None:
        """Pass a whole table on."""
        self._health.replace(table)
        self._workers.broadcast("health", _health_body(table))
        self._unsaved.tables[table.shard] = table
        self.report_wanted.set()

    def health_version(self, shard: int) -> HealthVersion | None:
        """Return which table of the shard is known."""
        return self._health.versions.get(shard)

    # --- what the node says ----------------------------------------------------------------------

    def report_text(self) -> str:
        """Return the node's report as it stands."""
        known = self._balancers.items()
        return ApplyReport(
            node=self._settings.node,
            at=time.time(),
            started_at=self._started_at,
            workers=self._workers.ready_count,
            applied={id_: each.in_force for id_, each in known if each.in_force},
            refused={id_: each.refusal for id_, each in known if each.refusal},
            faults=self._sockets.faults,
            health={str(shard): str(version) for shard, version in self._health.versions.items()},
        ).to_json()

    def counters_text(self) -> str:
        """Return the traffic counters as they stand."""
        counters = self._workers.counters(set(self._listener_ids()))
        body = {"at": time.time(), "listeners": counters}
        if self._settings.access_log:
            body["access_log"] = self._workers.log_counts()
        return json.dumps(body)

    def _listener_ids(self) -> Iterator[str]:
        for known in self._balancers.values():
            if known.wanted:
                yield from (listener.id for listener in known.wanted.listeners)

    # --- applying --------------------------------------------------------------------------------

    def _adopt(self, snapshot: Snapshot, text: str) -> None:
        """Open and close sockets, then tell every worker. What came before stays reported."""
        known = self._balancers.setdefault(snapshot.load_balancer, _Balancer())
        known.wanted, known.text = snapshot, text
        known.refusal, known.deleted_at = None, 0
        opened = self._sockets.reconcile(snapshot)
        self._workers.broadcast(
            "apply",
            self._apply_body(snapshot, text),
            opened,
        )
        self._note_faults()
        self.report_wanted.set()

    def _apply_body(self, snapshot: Snapshot, text: str) -> Body:
        return {
            "load_balancer": snapshot.load_balancer,
            "version": snapshot.version,
            "snapshot": text,
            "rows": self._rows.assign(snapshot),
            "kept": list(self._sockets.open_sockets(snapshot.load_balancer)),
        }

    def _greet(self, worker: WorkerProcess) -> None:
        """Tell a new worker everything: health first, so that its first choice is a good one."""
        for table in self._health.tables:
            worker.send("health", _health_body(table))
        for load_balancer, known in self._balancers.items():
            if known.wanted:
                worker.send(
                    "apply",
                    self._apply_body(known.wanted, known.text),
                    self._sockets.open_sockets(load_balancer),
                )

    def _on_change(self) -> None:
        """See which snapshots have come into force in every worker."""
        for load_balancer, known in self._balancers.items():
            snapshot = known.wanted
            if snapshot is None or (known.in_force and known.in_force.version == snapshot.version):
                continue
            if self._workers.is_applied(load_balancer, snapshot.version):
                self._serves.set()
                known.in_force = AppliedSnapshot(snapshot.version, snapshot.content_hash)
                self._unsaved.removed.discard(load_balancer)
                self._unsaved.snapshots[load_balancer] = known.text
                logger.info(
                    "snapshot applied",
                    extra={"load_balancer": load_balancer, "version": snapshot.version},
                )
        self.report_wanted.set()

    def _on_refused(self, load_balancer: str, version: int, error: str) -> None:
        known = self._balancers.setdefault(load_balancer, _Balancer())
        known.refusal = Refusal(version, error)
        logger.error(
            "snapshot refused",
            extra={"load_balancer": load_balancer, "version": version, "reason": error},
        )
        self.report_wanted.set()

    # --- sockets that could not be opened --------------------------------------------------------

    def _note_faults(self) -> None:
        if self._sockets.faults:
            self._retries_left = QUICK_RETRIES
            self._fault_appeared.set()

    async def _retry_faults(self) -> None:
        """Try faulty listeners again, quickly at first: a process just killed may still let go."""
        while True:
            await self._fault_appeared.wait()
            await asyncio.sleep(QUICK_RETRY_S if self._retries_left else RETRY_S)
            self._retries_left = max(0, self._retries_left - 1)
            for load_balancer, listener, sock in self._sockets.retry():
                self._workers.broadcast(
                    "listen", {"load_balancer": load_balancer}, {listener: sock}
                )
                self.report_wanted.set()
            if not self._sockets.faults:
                self._fault_appeared.clear()

    # --- the access log --------------------------------------------------------------------------

    def reopen_log(self) -> None:
        """Have the workers open the access log anew: something else has rotated it (SIGHUP)."""
        self._workers.broadcast("reopen_log", {})

    async def _rotate_log(self) -> None:
        settings = self._settings.access_log
        if settings is None:
            return
        rotation = LogRotation(settings.path, settings.max_bytes, settings.kept)
        while True:
            await asyncio.sleep(ROTATION_INTERVAL_S)
            if await asyncio.to_thread(rotation.check):
                self.reopen_log()

    # --- last-good files -------------------------------------------------------------------------

    def _load_last_good(self) -> None:
        for table in self._last_good.health():
            self._health.replace(table)
        for snapshot in self._last_good.snapshots():
            self._adopt(snapshot, snapshot.to_json())

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(SAVE_INTERVAL_S)
            unsaved, self._unsaved = self._unsaved, _Unsaved()
            if unsaved:
                await asyncio.to_thread(self._save, unsaved)

    def _save(self, unsaved: _Unsaved) -> None:
        """Write what has changed; a full disk is logged and costs only these files."""
        try:
            for load_balancer, text in unsaved.snapshots.items():
                self._last_good.save_snapshot(load_balancer, text)
            for load_balancer in unsaved.removed:
                self._last_good.remove_snapshot(load_balancer)
            for table in unsaved.tables.values():
                self._last_good.save_health(table)
        except OSError as error:
            logger.error("last-good files cannot be written", extra={"reason": str(error)})


def _health_body(table: HealthTable) -> Body:
    return {
        "shard": table.shard,
        "version": str(table.version),
        "statuses": dict(table.statuses),
    }


async def _serve(settings: ProxySettings, predecessor: Handover | None) -> None:
    node = ProxyNode(settings, predecessor)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, node.stopping.set)
    loop.add_signal_handler(signal.SIGUSR2, node.upgrading.set)
    loop.add_signal_handler(signal.SIGHUP, node.reopen_log)
    logger.info("the node starts", extra={"workers": settings.workers, "pid": os.getpid()})
    await node.run()


def run_node(settings: ProxySettings, predecessor: Handover | None = None) -> None:
    """Run a node until SIGTERM or SIGINT, perhaps in the place of a program before it."""
    asyncio.run(_serve(settings, predecessor))
