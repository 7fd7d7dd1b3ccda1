"""Connections to servers: opened when needed, lent to one exchange at a time, kept for the next.

Idle connections wait per server in a stack, so that the one used last is used next and the others
may expire. An idle connection that becomes readable was closed by its server or has something to
say that nobody asked for: either way it is dropped.
"""

import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Protocol

from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits
from proxy.core.http.response_reader import ResponseReader, response_memo
from proxy.core.http.simple import SimpleResponses
from proxy.net.connection import READ, WRITE, Connection

if TYPE_CHECKING:
    from proxy.net.deadlines import Deadline
    from proxy.net.reactor import Reactor

MAX_IDLE_PER_SERVER = 256
IDLE_TIMEOUT_S = 15.0
_SWEEP_INTERVAL_S = 5.0
_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}


class UpstreamOwner(Protocol):
    """The exchange that a connection is lent to."""

    def on_upstream_event(self, mask: int) -> None:
        """Handle readiness of the connection."""

    def on_upstream_aborted(self) -> None:
        """The connection is gone because of a bug of ours."""


class Upstream(Connection):
    """One connection to a server, idle in its pool or lent to an exchange."""

    __slots__ = (
        "_shuts_down",
        "idle_since",
        "is_connecting",
        "key",
        "owner",
        "pool",
        "reader",
        "was_idle",
    )

    def __init__(
        self,
        pool: "UpstreamPool",
        sock: socket.socket,
        key: tuple[str, int],
        owner: UpstreamOwner,
        *,
        is_connecting: bool,
    ) -> None:
        super().__init__(pool.reactor, sock, WRITE if is_connecting else READ)
        self.pool = pool
        self.key = key
        self.owner: UpstreamOwner | None = owner
        self.reader = ResponseReader(pool.memo, pool.limits)
        self.is_connecting = is_connecting
        self.was_idle = False
        self.idle_since = 0.0
        self._shuts_down = False

    def on_event(self, mask: int) -> None:
        """Pass the event to the exchange; an idle connection has no good event."""
        owner = self.owner
        if owner is None:
            self.pool.discard(self)
        else:
            owner.on_upstream_event(mask)

    def abort(self) -> None:
        """Give the connection up, and with it what its exchange was about."""
        owner, self.owner = self.owner, None
        super().abort()
        if owner is not None:
            owner.on_upstream_aborted()

    def finish_connecting(self) -> OSError | None:
        """Return why the connection could not be made, or None when it is there."""
        self.is_connecting = False
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return OSError(code, "connect failed")
        self._reads_on = True
        self._set_mask(READ)
        return None

    def shut_down_after_unsent(self) -> None:
        """Tell the server that nothing more will come, after what still has to be sent."""
        if self.unsent:
            self._shuts_down = True
        else:
            self.shut_down_writing()

    def flush(self) -> bool:
        """Send more of the tail, then the end when it was asked for."""
        is_empty = super().flush()
        if is_empty and self._shuts_down:
            self.shut_down_writing()
        return is_empty

    def is_stale(self) -> bool:
        """Return whether the server has closed the idle connection or sent something."""
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


class UpstreamPool:
    """All connections to servers of one worker process.

    ``limits`` bound the messages on both sides: of servers, and of the clients that they are for.
    """

    def __init__(
        self,
        reactor: "Reactor",
        *,
        max_idle_per_server: int = MAX_IDLE_PER_SERVER,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        limits: HttpLimits = DEFAULT_LIMITS,
    ) -> None:
        self.reactor = reactor
        self.limits = limits
        self.memo = response_memo(limits)
        self.responses = SimpleResponses(self.memo, limits)
        self._idle: dict[tuple[str, int], list[Upstream]] = {}
        self._max_idle_per_server = max_idle_per_server
        self._idle_timeout_s = idle_timeout_s
        self._sweep_deadline: Deadline | None = None

    def acquire(
        self,
        address: str,
        port: int,
        owner: UpstreamOwner,
        *,
        is_fresh: bool = False,
        is_checked: bool = False,
    ) -> Upstream:
        """Return a connection to the server, perhaps one that is still being made.

        ``is_fresh`` passes over idle ones; ``is_checked`` looks whether an idle one is still
        alive, for requests that must not be sent twice. Raises OSError when it fails at once.
        """
        key = (address, port)
        while not is_fresh and (upstream := self.take_idle(key, owner)):
            if not (is_checked and upstream.is_stale()):
                return upstream
            upstream.close()
        return self._connect(key, owner)

    def take_idle(self, key: tuple[str, int], owner: UpstreamOwner) -> Upstream | None:
        """Return the connection to the server that became idle last, if there is one."""
        idle = self._idle.get(key)
        if not idle:
            return None
        upstream = idle.pop()
        upstream.owner = owner
        upstream.was_idle = True
        return upstream

    def release(self, upstream: Upstream) -> None:
        """Take back a connection whose last response is complete."""
        idle = self._idle.get(upstream.key)
        if idle is None:
            idle = self._idle[upstream.key] = []
        if len(idle) >= self._max_idle_per_server:
            upstream.close()
            return
        upstream.owner = None
        upstream.idle_since = self.reactor.deadlines.now
        if not upstream.is_reading:
            upstream.resume_reading()
        idle.append(upstream)
        if self._sweep_deadline is None:
            self._sweep_deadline = self.reactor.deadlines.schedule(_SWEEP_INTERVAL_S, self._sweep)

    def discard(self, upstream: Upstream) -> None:
        """Close an idle connection and forget it."""
        idle = self._idle.get(upstream.key, [])
        with contextlib.suppress(ValueError):
            idle.remove(upstream)
        upstream.close()

    def idle_count(self, address: str, port: int) -> int:
        """Return how many idle connections wait for the server."""
        return len(self._idle.get((address, port), ()))

    def close_target(self, address: str, port: int) -> None:
        """Close the idle connections to a server that left."""
        for upstream in self._idle.pop((address, port), ()):
            upstream.close()

    def close(self) -> None:
        """Close every idle connection; those that are lent stay with their exchanges."""
        for key in list(self._idle):
            self.close_target(*key)
        if self._sweep_deadline is not None:
            self._sweep_deadline.cancel()
            self._sweep_deadline = None

    async def aclose(self) -> None:
        """Close every idle connection, for owners that close asynchronously."""
        self.close()

    def _connect(self, key: tuple[str, int], owner: UpstreamOwner) -> Upstream:
        sock = self._open_socket()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = sock.connect_ex(key)
            if code not in {0, errno.EINPROGRESS}:
                raise OSError(code, "connect failed")
            return Upstream(self, sock, key, owner, is_connecting=code != 0)
        except OSError:
            sock.close()
            raise

    def _open_socket(self) -> socket.socket:
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        try:
            return socket.socket(socket.AF_INET, kind)
        except OSError as error:
            if error.errno not in _OUT_OF_DESCRIPTORS or not self._idle:
                raise
        for key in list(self._idle):
            self.close_target(*key)
        return socket.socket(socket.AF_INET, kind)

    def _sweep(self) -> None:
        """Close what has been idle for too long; the oldest are at the bottom of each stack."""
        self._sweep_deadline = None
        oldest = self.reactor.deadlines.now - self._idle_timeout_s
        for key, idle in list(self._idle.items()):
            expired = [upstream for upstream in idle if upstream.idle_since <= oldest]
            for upstream in expired:
                self.discard(upstream)
            if not idle:
                del self._idle[key]
        if self._idle:
            self._sweep_deadline = self.reactor.deadlines.schedule(_SWEEP_INTERVAL_S, self._sweep)
