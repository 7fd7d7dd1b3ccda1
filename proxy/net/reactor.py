"""One private epoll under the asyncio loop: the data path of a worker.

asyncio watches a single descriptor, the epoll itself, and calls ``drain``; the sockets of the data
path are known to the epoll alone. A batch is bounded, so that feed, timers and reports of the
control surface get their turn. Every callback gets the event mask and must cope with a socket
that turns out not to be ready after all.
"""

import asyncio
import contextlib
import logging
import select
from collections.abc import Callable

from proxy.net.deadlines import DeadlineWheel
from proxy.net.splice import PipePool

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
ERROR, HANGUP = select.EPOLLERR, select.EPOLLHUP
BATCH = 128
BUFFER_BYTES = 256 * 1024

logger = logging.getLogger(__name__)

EventCallback = Callable[[int], None]


class Reactor:
    """Calls back when a registered descriptor is ready; owns shared buffer, pipes and wheel."""

    def __init__(self, deadlines: DeadlineWheel | None = None) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, EventCallback] = {}
        self._stale: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tick: asyncio.TimerHandle | None = None
        self.buffer = bytearray(BUFFER_BYTES)
        self.view = memoryview(self.buffer)
        # How many steps of the batch took long; whoever takes such steps limits them.
        self.heavy_steps = 0
        self.deadlines = deadlines or DeadlineWheel()
        self.pipes = PipePool()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the loop drive this reactor from now on."""
        self._loop = loop
        loop.add_reader(self._epoll.fileno(), self.drain)
        self._turn()

    def register(self, fd: int, mask: int, callback: EventCallback) -> None:
        """Watch the descriptor; errors and hang-ups are reported whatever the mask.

        What is watched already is watched for this callback instead.
        """
        if fd in self._callbacks:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.register(fd, mask)
        self._callbacks[fd] = callback

    def modify(self, fd: int, mask: int) -> None:
        """Watch a registered descriptor for other events."""
        self._epoll.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        """Forget the descriptor, best before it is closed; again is harmless."""
        if fd in self._callbacks:
            with contextlib.suppress(OSError):  # closed before, and so forgotten by epoll already
                self._epoll.unregister(fd)
            self.forget(fd)

    def forget(self, fd: int) -> None:
        """Forget a descriptor that is closed right now, nobody else having it: epoll will know."""
        if self._callbacks.pop(fd, None) is not None:
            # The number may be reused within this batch: what epoll said of it concerns the old.
            self._stale.add(fd)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back after what is running now."""
        if self._loop is None:
            raise RuntimeError("the reactor is not attached to a loop")
        self._loop.call_soon(callback)

    def drain(self) -> None:
        """Handle one batch of events."""
        stale = self._stale
        stale.clear()
        self.heavy_steps = 0
        callbacks = self._callbacks
        for fd, mask in self._epoll.poll(0, BATCH):
            if stale and fd in stale:
                continue
            callback = callbacks.get(fd)
            if callback is None:
                continue
            try:
                callback(mask)
            except Exception:
                self._give_up(fd, callback)

    def close(self) -> None:
        """Stop watching; the sockets belong to those who registered them."""
        if self._tick is not None:
            self._tick.cancel()
        if self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._loop = None
        self._callbacks.clear()
        self._epoll.close()
        self.pipes.close()

    def _turn(self) -> None:
        assert self._loop is not None
        self._tick = self._loop.call_later(self.deadlines.granularity_s, self._turn)
        self.deadlines.advance()

    def _give_up(self, fd: int, callback: EventCallback) -> None:
        """A bug in a handler costs its own connection and nothing else."""
        logger.exception("a connection failed", extra={"fd": fd})
        abort = getattr(getattr(callback, "__self__", None), "abort", None)
        try:
            if abort is not None:
                abort()
        except Exception:
            logger.exception("a connection could not be closed", extra={"fd": fd})
        if self._callbacks.get(fd) is callback:
            self.unregister(fd)
