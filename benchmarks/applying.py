"""How long traffic has to wait while configuration is applied, and what many listeners take.

A worker runs as it does in a node, told what to do through its channel by another process. A timer
on its loop fires every millisecond and has a server chosen, as a connection would; the most
processor time that the worker takes between two of them is the longest stall. (By the clock it
would be what else the machine does that is measured.)
"""

import argparse
import asyncio
import gc
import json
import os
import socket
import statistics
import struct
import time
from collections.abc import Iterator

from proxy.core.http.limits import DEFAULT_LIMITS
from proxy.net.ledger import Ledger, create_ledger
from proxy.net.sockets import ListeningSockets
from proxy.snapshot import (
    CheckKind,
    GroupKind,
    HealthCheck,
    HealthStatus,
    HealthTable,
    HealthVersion,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    Snapshot,
    probe_id,
)
from proxy.worker import Worker

CHECK = HealthCheck(
    kind=CheckKind.TCP, interval_s=2, timeout_s=5, healthy_threshold=3, unhealthy_threshold=3
)
TICK_S = 0.001
PAUSE_S = 0.25
SCHEDULERS = (
    SchedulerName.WEIGHTED_ROUND_ROBIN,
    SchedulerName.WEIGHTED_LEAST_CONNECTIONS,
    SchedulerName.SOURCE_HASH,
)


def listener(at: int, scheduler: SchedulerName, check: HealthCheck | None) -> Listener:
    return Listener(
        id=f"lsn-{at}",
        protocol=Protocol.TCP,
        port=20000 + at,
        group="rsp-bench",
        backend_port=None,
        scheduler=scheduler,
        health_check=check,
        connect_timeout_s=5,
        idle_timeout_s=30,
        request_timeout_s=60,
    )


def snapshots(servers: int, scheduler: SchedulerName, count: int) -> Iterator[Snapshot]:
    """Yield versions of one large group, each with other weights."""
    for version in range(1, count + 1):
        members = tuple(
            Server(f"i-{at:06}", f"10.0.{at >> 8}.{at & 255}", 80, 1 + (at * 7 + version) % 100)
            for at in range(servers)
        )
        group = ServerGroup("rsp-bench", GroupKind.DEFAULT, members)
        yield Snapshot("lb-bench", version, "127.0.0.1", (listener(0, scheduler, CHECK),), (group,))


def healthy_table(servers: int) -> HealthTable:
    """Return the word of the checks that each of them is up."""
    group = next(snapshots(servers, SCHEDULERS[0], 1)).groups[0]
    statuses = {probe_id(each.address, 80, CHECK): HealthStatus.HEALTHY for each in group.servers}
    return HealthTable(0, HealthVersion(1, 1), statuses)


def tell(sock: socket.socket, documents: Iterator[Snapshot]) -> None:
    """Be the parent: send one snapshot after the other, then the word to stop."""
    time.sleep(PAUSE_S)
    for each in documents:
        body = {
            "load_balancer": each.load_balancer,
            "version": each.version,
            "snapshot": each.to_json(),
            "kept": [],
            "opened": [],
            "rows": {},
        }
        send(sock, "apply", body)
        time.sleep(PAUSE_S)
    send(sock, "stop", {})
    while sock.recv(65536):
        pass


def send(sock: socket.socket, kind: str, body: dict[str, object]) -> None:
    payload = json.dumps([kind, body]).encode()
    sock.sendall(struct.pack("!II", len(payload), 0) + payload)


async def serve(sock: socket.socket, healthy: HealthTable) -> float:
    """Run the worker until it is told to stop; return its loop's longest stall in milliseconds."""
    loop, clock = asyncio.get_running_loop(), time.process_time
    # As in a worker, whose imports are never looked through for garbage.
    gc.collect()
    gc.freeze()
    stalls: list[float] = []
    worker = Worker(loop, sock, 0.0, DEFAULT_LIMITS, None, Ledger(create_ledger(1), 1, 0))
    server = worker.server
    server.availability.replace(healthy)

    def tick(before: float) -> None:
        service = server._services.get(("lb-bench", "lsn-0"))
        if service is not None and service.plan.is_ready:
            service.plan.route.pick(server.availability, 0.0)
        now = clock()
        stalls.append(now - before)
        if not worker.stopping.is_set():
            loop.call_later(TICK_S, tick, now)

    tick(clock())
    await worker.run()
    return max(stalls) * 1000


def longest_stall(servers: int, scheduler: SchedulerName, changes: int) -> float:
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        tell(theirs, snapshots(servers, scheduler, changes))
        os._exit(0)
    theirs.close()
    try:
        return asyncio.run(serve(ours, healthy_table(servers)))
    finally:
        os.waitpid(child, 0)


def bind_listeners(count: int) -> float:
    """Return how long so many listeners take to open, in milliseconds."""
    sockets = ListeningSockets()
    entries = tuple(listener(at, SchedulerName.WEIGHTED_ROUND_ROBIN, None) for at in range(count))
    group = ServerGroup("rsp-bench", GroupKind.DEFAULT, ())
    began = time.perf_counter()
    sockets.reconcile(Snapshot("lb-bench", 1, "127.31.7.1", entries, (group,)))
    took = time.perf_counter() - began
    faults = sockets.faults
    sockets.close()
    if faults:
        raise SystemExit(f"{len(faults)} listeners could not be opened: {faults[0].detail}")
    return took * 1000


def main(servers: int, listeners: int, rounds: int) -> None:
    """Print the median and the worst of some rounds."""
    for scheduler in SCHEDULERS:
        stalls = [longest_stall(servers, scheduler, 4) for _ in range(rounds)]
        print(
            f"longest stall, {servers} servers, {scheduler}: "
            f"{statistics.median(stalls):.1f} ms, worst of {rounds}: {max(stalls):.1f} ms"
        )
    binds = [bind_listeners(listeners) for _ in range(rounds)]
    print(f"{listeners} listeners bound: {statistics.median(binds):.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=2000)
    parser.add_argument("--listeners", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    main(given.servers, given.listeners, given.rounds)
