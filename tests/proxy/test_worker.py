"""A worker does what its parent says, in the parent's order, and large documents hold up nobody."""

import asyncio
import json
import os
import socket
import struct

from benchmarks.applying import snapshots
from proxy.core.http.limits import DEFAULT_LIMITS
from proxy.decoding import ITEMS_PER_PART
from proxy.net.ledger import Ledger, create_ledger
from proxy.snapshot import SchedulerName, Snapshot
from proxy.worker import Worker, do_in_parts

PATIENCE_S = 60.0
HEADER = struct.Struct("!II")


def apply_message(snapshot: Snapshot) -> tuple[str, dict[str, object]]:
    return "apply", {
        "load_balancer": snapshot.load_balancer,
        "version": snapshot.version,
        "snapshot": snapshot.to_json(),
        "kept": [],
        "opened": [],
        "rows": {},
    }


async def tell(sock: socket.socket, messages: list[tuple[str, dict[str, object]]]) -> None:
    loop = asyncio.get_running_loop()
    for message in messages:
        payload = json.dumps(message).encode()
        await loop.sock_sendall(sock, HEADER.pack(len(payload), 0) + payload)


async def hear(sock: socket.socket) -> list[list[object]]:
    """Return all that the worker says until it closes."""
    loop, heard = asyncio.get_running_loop(), bytearray()
    while data := await loop.sock_recv(sock, 65536):
        heard += data
    said = []
    while heard:
        end = HEADER.size + HEADER.unpack_from(heard)[0]
        said.append(json.loads(heard[HEADER.size : end]))
        del heard[:end]
    return said


def run(messages: list[tuple[str, dict[str, object]]]) -> tuple[Worker, list[list[object]]]:
    async def scene() -> tuple[Worker, list[list[object]]]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours:
            loop = asyncio.get_running_loop()
            memory = create_ledger(1)
            worker = Worker(loop, theirs, 0.0, DEFAULT_LIMITS, None, Ledger(memory, 1, 0))
            os.close(memory)
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
                heard = group.create_task(hear(ours))
                group.create_task(worker.run())
                await tell(ours, [*messages, ("stop", {})])
        return worker, heard.result()

    return asyncio.run(scene())


def test_messages_behind_a_large_snapshot_wait_for_it():
    """R13: what is made ready in parts is in force before anything that was said later."""
    large = list(snapshots(2000, SchedulerName.WEIGHTED_ROUND_ROBIN, 2))
    worker, said = run([*map(apply_message, large), ("remove", {"load_balancer": "lb-bench"})])
    assert [body["version"] for kind, body in said if kind == "applied"] == [1, 2]
    assert worker.server.counters() == {}


def test_traffic_has_its_turn_while_a_large_snapshot_is_made_ready(monkeypatch):
    monkeypatch.setattr("proxy.worker.TURN_S", 0.0)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scene() -> None:
        traffic = asyncio.get_running_loop().create_task(count_turns())
        large = next(snapshots(2000, SchedulerName.WEIGHTED_ROUND_ROBIN, 1))
        assert await do_in_parts(Snapshot.from_json_in_parts(large.to_json())) == large
        traffic.cancel()

    asyncio.run(scene())
    assert turns > 2000 // ITEMS_PER_PART


def test_large_snapshot_that_is_not_valid_is_answered_with_the_reason():
    kind, body = apply_message(next(snapshots(2000, SchedulerName.ROUND_ROBIN, 1)))
    body["snapshot"] = body["snapshot"].replace('"weight":5}', '"weight":"5"}', 1)
    _, said = run([(kind, body)])
    [answer] = [body for kind, body in said if kind == "applied"]
    assert "weight: int is needed, not '5'" in answer["error"]


def test_message_that_fails_does_not_end_the_worker():
    good = apply_message(next(snapshots(3, SchedulerName.ROUND_ROBIN, 1)))
    _, said = run([("health_delta", {"delta": "nonsense"}), good])
    assert [body["version"] for kind, body in said if kind == "applied"] == [1]
