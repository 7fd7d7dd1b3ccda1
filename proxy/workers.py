"""The worker processes of a node: start one per core, tell them everything, restart the dead."""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits
from proxy.handover import (
    HandedWorker,
    Handover,
    Place,
    RetiringWorker,
    handed_sockets,
)
from proxy.net import metrics
from proxy.net.channel import MAX_DESCRIPTORS, Body, Channel
from proxy.net.ledger import create_ledger, ticket_secret
from proxy.net.ticket_keys import keep_replaced

STOP_BOUND_S = 4.6
"""A little more than a worker takes for its requests in flight."""
SHORT_LIFE_S = 1.0
LONGEST_RESTART_GAP_S = 5.0
QUIET_POLL_S = 0.01
RETIRE_BOUND_S = 2.0
"""How long packets of UDP clients wait for a program before that does not say who they are."""
PACKAGE_ROOT = Path(__file__).resolve().parent.parent

logger = logging.getLogger(__name__)


class WorkerProcess:
    """One worker as its parent sees it."""

    def __init__(self, pool: "WorkerPool", index: int) -> None:
        self._pool = pool
        self.index = index
        self.is_ready = False
        self.applied: dict[str, int] = {}
        self.counters: dict[str, Any] = {}
        self.log_counts: dict[str, int] = {}
        self.started_at = pool.loop.time()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "proxy.worker", str(theirs.fileno()), str(pool.ledger)),
                    *(str(os.getpid()), str(index), str(pool.count), pool.log_format),
                    json.dumps(asdict(pool.http_limits)),
                    *([pool.access_log] if pool.access_log else []),
                ],
                pass_fds=[theirs.fileno(), pool.ledger],
                stdin=subprocess.DEVNULL,
                cwd=PACKAGE_ROOT,
            )
        self.channel = Channel(pool.loop, ours, self._on_message, self._on_closed)

    def send(
        self, kind: str, body: Body, sockets: Mapping[str, socket.socket] | None = None
    ) -> None:
        """Send a message; sockets by listener travel with it, and more behind it if many."""
        if sockets is None:
            self.channel.send(kind, body)
            return
        descriptors = {id_: each.fileno() for id_, each in sockets.items() if self._has(id_, each)}
        listeners = list(descriptors)
        for start in range(0, max(1, len(listeners)), MAX_DESCRIPTORS):
            part = listeners[start : start + MAX_DESCRIPTORS]
            self.channel.send(kind, body | {"opened": part}, [descriptors[each] for each in part])
            kind, body = "listen", {"load_balancer": body["load_balancer"]}

    def _has(self, listener: str, sock: socket.socket) -> bool:
        """Tell whether this worker gets the socket: a UDP socket has one worker.

        The kernel gives a packet to any process that reads the socket, so only one may, or a
        client's packets would meet several sessions and several servers.
        """
        if sock.type != socket.SOCK_DGRAM:
            return True
        if self._pool.waits_for_clients:
            return False
        return zlib.crc32(listener.encode()) % self._pool.count == self.index

    def _on_message(self, kind: str, body: Body, descriptors: Sequence[int]) -> None:
        if kind == "counters":
            self.counters = body["listeners"]
            self.log_counts = body.get("access_log", {})
        elif kind == "ready":
            self.is_ready = True
            self._pool.on_change()
        elif kind == "applied":
            if "error" in body:
                self._pool.on_refused(body["load_balancer"], body["version"], body["error"])
            else:
                self.applied[body["load_balancer"]] = body["version"]
                self._pool.on_change()

    def _on_closed(self) -> None:
        self._pool.on_worker_gone(self)


class WorkerPool:
    """All workers of the node. The callbacks say when a worker starts or something is in force."""

    def __init__(
        self,
        count: int,
        log_format: str,
        greet: Callable[[WorkerProcess], None],
        on_change: Callable[[], None],
        on_refused: Callable[[str, int, str], None],
        http_limits: HttpLimits = DEFAULT_LIMITS,
        access_log: str | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.count = count
        self.ledger = create_ledger(count)
        self.log_format = log_format
        self.http_limits = http_limits
        self.access_log = access_log
        self._greet = greet
        self.on_change = on_change
        self.on_refused = on_refused
        self._workers: dict[int, WorkerProcess] = {}
        self._restart_gap_s = 0.1
        # What workers that are gone did, so that sums never go back.
        self._retired: dict[str, Any] = {}
        self._retired_log: dict[str, Any] = {}
        self._retiring: set[RetiringWorker] = set()
        self._ticket_job: asyncio.Task[None] | None = None
        self.waits_for_clients = False
        self._is_stopping = False
        self._all_gone = asyncio.Event()

    def start(self) -> None:
        """Start every worker."""
        for index in range(self.count):
            self._start_worker(index)
        secret = ticket_secret(self.ledger, self.count)
        self._ticket_job = self.loop.create_task(keep_replaced(secret))

    def adopt(self, handover: Handover) -> None:
        """Look after the workers of the program before, which go on until they are retired."""
        metrics.add(self._retired, handover.counters)
        self._retiring = {RetiringWorker(each, self._on_retired) for each in handover.workers}
        self.waits_for_clients = bool(self._retiring)

    def retire_predecessors(self, drain_limit_s: float) -> None:
        """The workers of the program before are not needed any more."""
        for worker in self._retiring:
            worker.retire(drain_limit_s)

    async def take_clients(self) -> None:
        """Learn which UDP clients were with which servers; their packets may be read then."""
        predecessors, end = set(self._retiring), self.loop.time() + RETIRE_BOUND_S
        while self.loop.time() < end and not all(each.has_retired for each in predecessors):
            await asyncio.sleep(QUIET_POLL_S)
        for clients in [each.clients for each in predecessors if each.clients]:
            for worker in self._workers.values():
                worker.send("clients", {"clients": clients})
        self.waits_for_clients = False

    def read_packets(self, load_balancer: str, sockets: Mapping[str, socket.socket]) -> None:
        """Let the workers have their UDP sockets."""
        datagrams = {id_: each for id_, each in sockets.items() if each.type == socket.SOCK_DGRAM}
        for worker in self._workers.values() if datagrams else ():
            worker.send("listen", {"load_balancer": load_balancer}, datagrams)

    async def when_quiet(self) -> None:
        """Wait until no message to or from a worker is half done."""
        while not all(each.is_ready and each.channel.is_quiet for each in self._workers.values()):
            await asyncio.sleep(QUIET_POLL_S)

    @property
    def is_alone(self) -> bool:
        """Tell whether no worker of a program before is left."""
        return not self._retiring

    def handed_over(self, sockets: Mapping[Place, socket.socket]) -> Handover:
        """Return what a newer program needs to go on, with these sockets."""
        workers = tuple(
            HandedWorker(each.process.pid, each.channel.sock.fileno(), each.counters)
            for each in self._workers.values()
        )
        return Handover(handed_sockets(sockets), workers, self._retired)

    @property
    def ready_count(self) -> int:
        """Return how many workers serve."""
        return sum(worker.is_ready for worker in self._workers.values())

    def is_applied(self, load_balancer: str, version: int) -> bool:
        """Tell whether the version is in force in every worker, and there is one."""
        workers = self._workers.values()
        return bool(workers) and all(
            worker.applied.get(load_balancer) == version for worker in workers
        )

    def broadcast(
        self, kind: str, body: Body, sockets: Mapping[str, socket.socket] | None = None
    ) -> None:
        """Send a message to every worker, with the sockets that it is to use."""
        for worker in list(self._workers.values()):
            worker.send(kind, body, sockets)
        for predecessor in self._retiring:
            predecessor.send(kind, body)

    def forget(self, load_balancer: str) -> None:
        """A load balancer is gone: no worker's word on it counts any more."""
        for worker in self._workers.values():
            worker.applied.pop(load_balancer, None)

    def counters(self, listeners: set[str]) -> dict[str, Any]:
        """Return the sums of these listeners over all workers since the node started."""
        self._retired = {id_: each for id_, each in self._retired.items() if id_ in listeners}
        total: dict[str, Any] = metrics.add({}, self._retired)
        for worker in self._workers.values():
            metrics.add(total, worker.counters)
        for predecessor in self._retiring:
            metrics.add(total, predecessor.counters)
        return {id_: total[id_] for id_ in total if id_ in listeners}

    def log_counts(self) -> dict[str, int]:
        """Return how many lines of the access log were written and lost since the node started."""
        total = metrics.add({}, self._retired_log)
        for worker in self._workers.values():
            metrics.add(total, worker.log_counts)
        return total

    async def stop(self) -> None:
        """Let every worker finish what is in flight; kill those that take too long."""
        self._is_stopping = True
        if self._ticket_job is not None:
            self._ticket_job.cancel()
        for predecessor in self._retiring:
            predecessor.kill()
        self.broadcast("stop", {})
        if self._workers:
            try:
                await asyncio.wait_for(self._all_gone.wait(), STOP_BOUND_S)
            except TimeoutError:
                logger.warning("workers are killed", extra={"count": len(self._workers)})
                for worker in self._workers.values():
                    worker.process.kill()
                    worker.process.wait()

    def on_worker_gone(self, worker: WorkerProcess) -> None:
        """Start another in its place: at once, unless they keep dying young."""
        if not self._is_stopping:
            worker.process.kill()
        status = worker.process.wait()
        if self._workers.get(worker.index) is not worker:
            return
        del self._workers[worker.index]
        metrics.add(self._retired, metrics.without_gauges(worker.counters))
        metrics.add(self._retired_log, worker.log_counts)
        if self._is_stopping:
            if not self._workers:
                self._all_gone.set()
            return
        logger.error("a worker died", extra={"worker": worker.index, "status": status})
        if self.loop.time() - worker.started_at > SHORT_LIFE_S:
            self._restart_gap_s = 0.1
            self._start_worker(worker.index)
        else:
            self.loop.call_later(self._restart_gap_s, self._start_worker, worker.index)
            self._restart_gap_s = min(2 * self._restart_gap_s, LONGEST_RESTART_GAP_S)
        self.on_change()

    def _on_retired(self, worker: RetiringWorker) -> None:
        self._retiring.discard(worker)
        metrics.add(self._retired, metrics.without_gauges(worker.counters))

    def _start_worker(self, index: int) -> None:
        if self._is_stopping:
            return
        worker = WorkerProcess(self, index)
        self._workers[index] = worker
        self._greet(worker)
        logger.info("worker started", extra={"worker": index, "pid": worker.process.pid})
