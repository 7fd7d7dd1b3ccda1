"""Brings one installation up, in the order that the parts need, and down again as a whole."""

import asyncio
import contextlib
import fcntl
import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Iterator
from typing import TextIO

import redis
from django.conf import settings
from django.db import OperationalError, connections

from balancer import feed
from console import env, status
from console.parent import Parent
from console.preparation import prepare_installation
from console.processes import broker_process, control_processes, demo_process, proxy_process
from console.supervisor import Supervisor

STOP_GRACE_S = 7.0
IMPATIENT_AFTER_S = 0.5
BROKER_START_S = 20.0
LOOK_EVERY_S = 0.1
TELL_EVERY_S = 10.0
PARENT_EVERY_S = 0.25
LONGEST_SOCKET_PATH = 107
EXIT_CANNOT_START = 1
STALE_KEYS = ("openclb:heartbeat:*", "openclb:report:*", "openclb:counters:*", "openclb:beat")
"""Signs of life that a broker kept from before: nobody who wrote them lives any more."""


class CannotStart(Exception):
    """The installation cannot start; the message is for the person at the terminal."""


def tell(message: str) -> None:
    """Write one line for the person at the terminal; a closed terminal is no fault."""
    with contextlib.suppress(OSError, ValueError):
        print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


class Installation:
    """All processes of one data dir."""

    def __init__(self, *, with_parent: bool = False) -> None:
        self._with_parent = with_parent
        self._stop_asked = asyncio.Event()
        self._started_at = time.monotonic()

    async def run(self) -> int:
        """Start, announce, stay until a signal comes, stop; return the exit status."""
        try:
            with _hold_data_dir(), _open_web_socket() as web_socket:
                await self._keep_up(web_socket)
        except CannotStart as reason:
            print(f"openclb: {reason}", file=sys.stderr)
            return EXIT_CANNOT_START
        return 0

    async def _keep_up(self, web_socket: socket.socket) -> None:
        supervisor = Supervisor(settings.DATA_DIR, tell=tell)
        self._follow_signals(supervisor)
        if self._with_parent:
            self._follow(Parent())
        try:
            await self._start(supervisor, web_socket)
            await self._stop_asked.wait()
        finally:
            tell("stopping")
            await supervisor.stop(grace_s=STOP_GRACE_S)
            tell("stopped")

    def _follow_signals(self, supervisor: Supervisor) -> None:
        asked_at = 0.0

        def stop() -> None:
            nonlocal asked_at
            # Make passes a SIGTERM on that we may have got already; only a later one is impatience.
            if asked_at and time.monotonic() - asked_at > IMPATIENT_AFTER_S:
                supervisor.kill()
            asked_at = asked_at or time.monotonic()
            self._stop_asked.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    def _follow(self, parent: Parent) -> None:
        if parent.wants_our_end():
            self._stop_asked.set()
        else:
            asyncio.get_running_loop().call_later(PARENT_EVERY_S, self._follow, parent)

    async def _start(self, supervisor: Supervisor, web_socket: socket.socket) -> None:
        if not env.env_str("REDIS_URL"):
            supervisor.start(broker_process())
        if not await self._unless_stopped(_wait_for_broker()):
            return
        supervisor.start(proxy_process())
        if not await self._unless_stopped(asyncio.to_thread(_prepare)):
            return
        for spec in control_processes(web_socket.fileno()):
            supervisor.start(spec)
        if settings.OPENCLB_DEMO:
            supervisor.start(demo_process())
        if await self._unless_stopped(self._wait_until_ready()):
            self._announce()

    async def _unless_stopped(self, work: Awaitable[bool]) -> bool:
        """Return what the work returns, or False as soon as a stop is asked for."""
        stop = asyncio.ensure_future(self._stop_asked.wait())
        task = asyncio.ensure_future(work)
        done, _ = await asyncio.wait([stop, task], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task in done:
            return task.result()
        task.cancel()
        return False

    async def _wait_until_ready(self) -> bool:
        next_word = time.monotonic() + TELL_EVERY_S
        while missing := await asyncio.to_thread(_missing_parts):
            if time.monotonic() > next_word:
                next_word += TELL_EVERY_S
                tell(f"waiting for {', '.join(missing)}; logs are in {settings.DATA_DIR}/logs")
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    def _announce(self) -> None:
        tell(f"ready after {time.monotonic() - self._started_at:.1f} s")
        tell(f"console:     {settings.CONSOLE_URL}")
        tell(f"credentials: {settings.CREDENTIALS_FILE}")
        tell(f"logs:        {settings.DATA_DIR / 'logs'}")
        tell("Ctrl-C stops everything")


@contextlib.contextmanager
def _hold_data_dir() -> Iterator[None]:
    """Take the data dir for ourselves; the kernel lets go when we end, in whatever way."""
    if len(str(settings.BROKER_SOCKET)) > LONGEST_SOCKET_PATH:
        raise CannotStart(
            f"the data dir {settings.DATA_DIR} has too long a name for the broker's Unix socket; "
            "choose a shorter one with OPENCLB_DATA_DIR"
        )
    with open(settings.DATA_DIR / "up.lock", "a+") as lock:
        _lock_or_name_holder(lock)
        yield


def _lock_or_name_holder(lock: TextIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip()
        raise CannotStart(f"{settings.DATA_DIR} is in use by pid {holder}, another `up`") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _open_web_socket() -> socket.socket:
    """Listen for the web process; the socket stays ours, so its restarts refuse nobody."""
    address = settings.HTTP_ADDRESS
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(address, family=family, backlog=512)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else error
        raise CannotStart(
            f"cannot listen on {address}: {reason}; choose another with OPENCLB_HTTP=HOST:PORT"
        ) from error


async def _wait_for_broker() -> bool:
    deadline = time.monotonic() + BROKER_START_S
    while True:
        try:
            await asyncio.to_thread(_forget_signs_of_life)
        except redis.RedisError as error:
            if time.monotonic() > deadline:
                raise CannotStart(f"the broker at {settings.REDIS_URL} is away: {error}") from error
            await asyncio.sleep(0.02)
        else:
            return True


def _forget_signs_of_life() -> None:
    client = feed.client()
    client.ping()
    if not env.env_str("REDIS_URL"):
        stale = [key for pattern in STALE_KEYS for key in client.scan_iter(pattern, count=1000)]
        if stale:
            client.delete(*stale)


def _prepare() -> bool:
    try:
        prepare_installation()
    except OperationalError as error:
        reason = " ".join(str(error).split())
        raise CannotStart(f"the database cannot be prepared: {reason}") from error
    return True


def _missing_parts() -> list[str]:
    """Return the names of the parts that are not ready yet."""
    try:
        missing = [name for name, check in status.check_all(grace_s=0).items() if not check.ok]
    finally:
        connections.close_all()
    return missing if missing else [] if _web_answers() else ["web"]


def _web_answers() -> bool:
    connection = http.client.HTTPConnection(*settings.HTTP_ADDRESS.reachable, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
