"""A worker process: takes sockets, configuration and health from its parent, and serves.

It ends with its parent: the kernel kills it when the parent dies, and so does the end of the
channel.
"""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from proxy.core.http.limits import HttpLimits
from proxy.logs import configure_logs
from proxy.net.access_log import FLUSH_INTERVAL_S, AccessLog
from proxy.net.channel import Body, Channel
from proxy.net.ledger import Ledger
from proxy.net.log_file import LogFile
from proxy.net.reactor import Reactor
from proxy.net.server import ProxyServer
from proxy.process import die_with_parent, raise_descriptor_limit
from proxy.snapshot import HealthDelta, HealthStatus, HealthTable, HealthVersion, Snapshot

COUNTERS_INTERVAL_S = 1.0
TEND_INTERVAL_S = 0.25
STOP_BOUND_S = 4.0
"""How long requests in flight may go on when the worker is told to stop."""
STOP_POLL_S = 0.05
TURN_S = 0.001
"""How long configuration keeps traffic waiting at a time."""

logger = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[[Body, list[int]], Awaitable[None] | None]


class Worker:
    """Carries the parent's messages to the server, and answers what is in force."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        phase: float,
        http_limits: HttpLimits,
        access_log: AccessLog | None,
        ledger: Ledger,
    ) -> None:
        self._loop = loop
        self._access_log = access_log
        self.reactor = Reactor()
        self.reactor.attach(loop)
        self.server = ProxyServer(self.reactor, phase, http_limits, access_log, ledger)
        self.stopping = asyncio.Event()
        self._drain_limit_s = 0.0
        self._channel = Channel(loop, sock, self._on_message, self._on_parent_gone)
        self._inbox: asyncio.Queue[tuple[str, Body, list[int]]] = asyncio.Queue()
        self._handlers: Mapping[str, Handler] = {
            "apply": self._apply,
            "listen": self._listen,
            "remove": self._remove,
            "health": self._replace_health,
            "health_delta": self._apply_health,
            "reopen_log": self._reopen_log,
            "clients": self._expect_clients,
            "retire": self._retire,
            "stop": self._stop,
        }

    async def run(self) -> None:
        """Serve until told to stop, then finish what is in flight, within a bound."""
        self._channel.send("ready", {})
        async with asyncio.TaskGroup() as group:
            jobs = [
                group.create_task(self._obey()),
                group.create_task(self._report_counters()),
                group.create_task(self._tend()),
                group.create_task(self._flush_log()),
            ]
            await self.stopping.wait()
            await self._finish()
            for job in jobs:
                job.cancel()
        self.server.abort()
        if self._access_log is not None:
            self._access_log.close()
        self._send_counters()
        self._channel.close()
        self.reactor.close()

    async def _finish(self) -> None:
        """Let what is open end by itself, within the bound."""
        if self._drain_limit_s:
            self.server.retire()
            self._channel.send("retired", {"clients": self.server.servers_of_clients()})
        else:
            self.server.close()
        end = self._loop.time() + (self._drain_limit_s or STOP_BOUND_S)
        while self.server.has_connections and self._loop.time() < end:
            await asyncio.sleep(STOP_POLL_S)

    async def _report_counters(self) -> None:
        while True:
            await asyncio.sleep(COUNTERS_INTERVAL_S)
            self._send_counters()

    def _send_counters(self) -> None:
        body: Body = {"listeners": self.server.counters()}
        if self._access_log is not None:
            body["access_log"] = self._access_log.counts()
        self._channel.send("counters", body)

    async def _flush_log(self) -> None:
        while self._access_log is not None:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self._access_log.flush()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_INTERVAL_S)
            self.server.tend()

    def _on_message(self, kind: str, body: Body, descriptors: list[int]) -> None:
        self._inbox.put_nowait((kind, body, descriptors))

    async def _obey(self) -> None:
        """Do what the parent says, in its order; traffic has its turn after each message."""
        while True:
            kind, body, descriptors = await self._inbox.get()
            try:
                done = self._handlers[kind](body, descriptors)
                if done is not None:
                    await done
            except Exception:
                logger.exception("a message of the parent failed", extra={"kind": kind})
            await asyncio.sleep(0)

    def _on_parent_gone(self) -> None:
        """Without its parent nobody could tell this worker anything any more."""
        if not self.stopping.is_set():
            os._exit(1)

    async def _apply(self, body: Body, descriptors: list[int]) -> None:
        """Put a snapshot in force; one that fails here leaves what was in force before."""
        load_balancer, version = body["load_balancer"], body["version"]
        answer: dict[str, Any] = {"load_balancer": load_balancer, "version": version}
        try:
            snapshot = await do_in_parts(Snapshot.from_json_in_parts(body["snapshot"]))
            book = await do_in_parts(self.server.foresee(snapshot))
            self.server.adopt(snapshot, body["rows"], book)
        except Exception as error:
            logger.exception("a snapshot could not be applied", extra=answer)
            answer["error"] = f"{type(error).__name__}: {error}"
        self.server.stop_listening(load_balancer, set(body["kept"]))
        self._listen(body, descriptors)
        self._channel.send("applied", answer)
        self._loop.call_soon(self._prepare)

    def _prepare(self) -> None:
        """Let schedulers do their work ahead in small parts, between which others are served."""
        if self.server.prepare() and not self.stopping.is_set():
            self._loop.call_soon(self._prepare)

    def _listen(self, body: Body, descriptors: list[int]) -> None:
        for listener, descriptor in zip(body["opened"], descriptors, strict=True):
            sock = socket.socket(fileno=descriptor)
            self.server.listen(body["load_balancer"], listener, sock)

    def _remove(self, body: Body, descriptors: list[int]) -> None:
        self.server.remove(body["load_balancer"])

    def _replace_health(self, body: Body, descriptors: list[int]) -> None:
        self.server.availability.replace(
            HealthTable(
                body["shard"],
                HealthVersion.parse(body["version"]),
                {probe: HealthStatus(status) for probe, status in body["statuses"].items()},
            )
        )

    def _apply_health(self, body: Body, descriptors: list[int]) -> None:
        self.server.availability.apply(HealthDelta.from_json(body["delta"]))

    def _reopen_log(self, body: Body, descriptors: list[int]) -> None:
        if self._access_log is not None:
            self._access_log.reopen()

    def _expect_clients(self, body: Body, descriptors: list[int]) -> None:
        self.server.expect_clients(body["clients"])

    def _retire(self, body: Body, descriptors: list[int]) -> None:
        """Another program serves all that is new; finish what is here within its limit."""
        self._drain_limit_s = body["drain_limit_s"]
        self.stopping.set()

    def _stop(self, body: Body, descriptors: list[int]) -> None:
        self.stopping.set()


async def do_in_parts(work: Generator[None, None, T]) -> T:
    """Do a longer piece of work; traffic has its turn after each millisecond of it."""
    turn_ends = time.monotonic() + TURN_S
    while True:
        try:
            next(work)
        except StopIteration as end:
            return cast("T", end.value)
        if time.monotonic() >= turn_ends:
            await asyncio.sleep(0)
            turn_ends = time.monotonic() + TURN_S


async def _serve(
    channel: socket.socket,
    phase: float,
    http_limits: HttpLimits,
    access_log: AccessLog | None,
    ledger: Ledger,
) -> None:
    loop = asyncio.get_running_loop()
    worker = Worker(loop, channel, phase, http_limits, access_log, ledger)
    loop.add_signal_handler(signal.SIGTERM, worker.stopping.set)
    await worker.run()


def main(arguments: list[str]) -> None:
    """Run a worker: channel, ledger, parent's id, index, number of workers, log format, HTTP
    limits, and the path of the access log where there is one.
    """
    descriptor, memory, parent, index, count = (int(each) for each in arguments[:5])
    die_with_parent(parent)
    # A terminal's signals reach the whole group; the parent decides what they mean.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    configure_logs(arguments[5], worker=index)
    raise_descriptor_limit()
    http_limits = HttpLimits(**json.loads(arguments[6]))
    access_log = AccessLog(LogFile(Path(arguments[7]))) if arguments[7:] else None
    ledger = Ledger(memory, count, index)
    channel = socket.socket(fileno=descriptor)
    # What was imported is never garbage: looking for it would hold up traffic.
    gc.freeze()
    asyncio.run(_serve(channel, index / count, http_limits, access_log, ledger))


if __name__ == "__main__":
    main(sys.argv[1:])
