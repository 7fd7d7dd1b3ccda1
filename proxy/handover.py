"""A node gives its place to a newer program: same process id, same sockets, nobody refused.

The parent carries no traffic, so it can be replaced where it stands (``execve``): the listening
sockets stay open all the time, the workers of the old program go on, and a supervisor sees the
same process. The new program starts workers of its own and, once they serve everything, tells the
old ones to retire. A program that cannot even start is found out before anything is given up.

What is handed over is one JSON document in an anonymous file whose descriptor is named in the
environment: the sockets by their addresses, the old workers with their channels, the counters.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from proxy.net.channel import Body, Channel
from proxy.snapshot import Protocol

HANDOVER_VARIABLE = "OPENCLB_PROXY_HANDOVER"
CHECK_BOUND_S = 30.0
GRACE_S = 2.0
"""How much longer than its drain limit a retired worker may take before it is killed."""

logger = logging.getLogger(__name__)

Place = tuple[Protocol, str, int]


@dataclass(frozen=True, slots=True)
class HandedSocket:
    """A listening socket: where it is bound, and its descriptor."""

    protocol: str
    address: str
    port: int
    descriptor: int


@dataclass(frozen=True, slots=True)
class HandedWorker:
    """A worker of the old program: its process, the descriptor of its channel, what it did."""

    pid: int
    descriptor: int
    counters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Handover:
    """All that the new program gets from the old one."""

    sockets: tuple[HandedSocket, ...]
    workers: tuple[HandedWorker, ...]
    counters: Mapping[str, Any]

    @classmethod
    def from_environment(cls) -> "Handover | None":
        """Return what the program before this one has left, None for an ordinary start."""
        descriptor = os.environ.pop(HANDOVER_VARIABLE, "")
        if not descriptor:
            return None
        with os.fdopen(int(descriptor)) as file:
            file.seek(0)
            raw = json.load(file)
        return cls(
            tuple(HandedSocket(**each) for each in raw["sockets"]),
            tuple(HandedWorker(**each) for each in raw["workers"]),
            raw["counters"],
        )

    def take_sockets(self) -> dict[Place, socket.socket]:
        """Return the listening sockets by place; they are ours from now on."""
        sockets = {}
        for each in self.sockets:
            os.set_inheritable(each.descriptor, False)
            place = (Protocol(each.protocol), each.address, each.port)
            sockets[place] = socket.socket(fileno=each.descriptor)
        return sockets

    def run(self) -> NoReturn:
        """Become the new program."""
        file = os.memfd_create("openclb-handover", 0)
        os.write(file, json.dumps(asdict(self)).encode())
        handed = [each.descriptor for each in self.sockets]
        handed += [each.descriptor for each in self.workers]
        for descriptor in (file, *handed):
            os.set_inheritable(descriptor, True)
        os.environ[HANDOVER_VARIABLE] = str(file)
        os.execv(sys.executable, [sys.executable, "-m", "proxy"])


async def is_startable() -> bool:
    """Tell whether the program that is installed now starts and understands its settings."""
    check = await asyncio.create_subprocess_exec(sys.executable, "-m", "proxy", "--check")
    try:
        return await asyncio.wait_for(check.wait(), CHECK_BOUND_S) == 0
    except TimeoutError:
        check.kill()
        await check.wait()
        return False


class RetiringWorker:
    """A worker of the program before: serves on as it was, until it is told to retire."""

    def __init__(self, handed: HandedWorker, on_gone: Callable[["RetiringWorker"], None]) -> None:
        self.pid = handed.pid
        self.counters = handed.counters
        # What it knew of UDP clients when it stopped reading their packets.
        self.clients: Mapping[str, Any] = {}
        self.has_retired = False
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        os.set_inheritable(handed.descriptor, False)
        self._channel = Channel(
            self._loop,
            socket.socket(fileno=handed.descriptor),
            self._on_message,
            lambda: None,
        )
        # A child stays one over execve; its descriptor becomes readable when it has ended.
        self._end = os.pidfd_open(self.pid)
        self._loop.add_reader(self._end, self._reap)

    def send(self, kind: str, body: Body) -> None:
        """Pass on what changes; it opens no sockets any more, so none travel with it."""
        self._channel.send(kind, body | {"opened": []} if kind == "apply" else body)

    def retire(self, drain_limit_s: float) -> None:
        """Let it finish what it has, within the limit."""
        self._channel.send("retire", {"drain_limit_s": drain_limit_s})
        self._loop.call_later(drain_limit_s + GRACE_S, self.kill)

    def kill(self) -> None:
        """End it at once, if it is still there."""
        if self._end >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._end, signal.SIGKILL)

    def _on_message(self, kind: str, body: Body, descriptors: list[int]) -> None:
        if kind == "counters":
            self.counters = body["listeners"]
        elif kind == "retired":
            self.clients, self.has_retired = body["clients"], True

    def _reap(self) -> None:
        self._loop.remove_reader(self._end)
        os.close(self._end)
        self._end = -1
        self.has_retired = True
        _, status = os.waitpid(self.pid, 0)
        logger.info(
            "a worker of the program before has ended",
            extra={"pid": self.pid, "status": os.waitstatus_to_exitcode(status)},
        )
        self._channel.close()
        self._on_gone(self)


def handed_sockets(sockets: Mapping[Place, socket.socket]) -> tuple[HandedSocket, ...]:
    """Return the sockets as the new program is told of them."""
    return tuple(
        HandedSocket(protocol, address, port, sock.fileno())
        for (protocol, address, port), sock in sockets.items()
    )
