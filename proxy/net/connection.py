"""A non-blocking socket on the reactor, with the tail of what the kernel would not take yet.

Whoever relays to a connection sends at once; only what is left over is copied, or waits in a pipe.
As long as there is such a tail the other side is not read, so memory per connection is bounded by
one receive buffer.
"""

import contextlib
import select
import socket
import struct
from fcntl import ioctl
from termios import FIONREAD
from typing import TYPE_CHECKING

from proxy.net.splice import Pipe

if TYPE_CHECKING:
    from proxy.net.reactor import Reactor

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_SIOCOUTQNSD = 0x894B  # how many bytes the kernel has not sent yet (linux/sockios.h)
_COUNT = bytes(struct.calcsize("i"))


class Connection:
    """One socket. Subclasses say what its events mean in ``on_event``."""

    __slots__ = (
        "_holds",
        "_is_watched",
        "_mask",
        "_reads_on",
        "fd",
        "is_open",
        "is_reading",
        "reactor",
        "sock",
        "unsent",
    )

    def __init__(self, reactor: "Reactor", sock: socket.socket, mask: int) -> None:
        self.reactor = reactor
        self.sock = sock
        self.fd = sock.fileno()
        self.unsent: bytearray | Pipe = bytearray()
        self.is_open = True
        self._is_watched = True
        self._holds = 0
        self._reads_on = bool(mask & READ)
        self._mask = mask
        self.is_reading = bool(mask & READ)
        reactor.register(self.fd, mask, self.on_event)

    @property
    def is_held(self) -> bool:
        """Tell whether the connection waits for its turn under a bandwidth limit."""
        return self._holds > 0

    def on_event(self, mask: int) -> None:
        """Handle readiness as epoll reports it."""
        raise NotImplementedError

    def send(self, data: bytes | memoryview) -> bool:
        """Send, keep what is left over, and return whether nothing is; OSError: the peer is gone.

        After an OSError of the first send on a connection the peer has got none of the data.
        """
        if self.unsent:
            self._keep(data)
            return False
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return True
        self._keep(memoryview(data)[sent:])
        self._set_mask(self._mask | WRITE)
        return False

    def send_pipe(self, pipe: Pipe) -> bool:
        """Send what is in the pipe, as ``send`` does with data; what is left stays in the pipe."""
        if self.unsent:
            self._keep(pipe.take_all())
            return False
        self.unsent = pipe
        return self.flush()

    def flush(self) -> bool:
        """Send more of the tail and return whether it is gone; OSError: the peer is gone."""
        unsent = self.unsent
        if isinstance(unsent, Pipe):
            if unsent.empty(self.fd):
                self.unsent = bytearray()
        else:
            with contextlib.suppress(BlockingIOError):
                del unsent[: self.sock.send(unsent)]
        if self.unsent:
            self._set_mask(self._mask | WRITE)
            return False
        self._set_mask(self._mask & ~WRITE)
        return True

    def take_unsent(self) -> bytes:
        """Return the tail, which somebody else will send."""
        unsent, self.unsent = self.unsent, bytearray()
        return bytes(unsent.take_all() if isinstance(unsent, Pipe) else unsent)

    def drop_unsent(self) -> None:
        """Forget the tail: the peer takes nothing any more."""
        self.unsent.clear()
        self.unsent = bytearray()
        self._set_mask(self._mask & ~WRITE)

    def pause_reading(self) -> None:
        """Leave the peer's bytes in the kernel until ``resume_reading``."""
        self._reads_on = False
        self._set_mask(self._mask & ~READ)

    def resume_reading(self) -> None:
        """Ask for the peer's bytes again, at once or when the connection is let go."""
        self._reads_on = True
        if not self._holds:
            self._set_mask(self._mask | READ)

    def hold(self) -> None:
        """Leave the peer's bytes in the kernel until ``let_go``, whatever is asked meanwhile."""
        self._holds += 1
        self._set_mask(self._mask & ~READ)

    def let_go(self) -> None:
        """Read on, unless reading was paused for another reason."""
        self._holds -= 1
        if not self._holds and self._reads_on:
            self.resume_reading()

    def stop_watching(self) -> None:
        """Hear nothing more until the mask changes.

        For a peer that is gone while its last bytes have to wait in the kernel: epoll would report
        the hang-up over and over.
        """
        self._is_watched = False
        self.reactor.unregister(self.fd)

    @property
    def closes_cleanly(self) -> bool:
        """Return whether nothing would be lost by closing now.

        Unread input makes the kernel reset the connection at once; input that comes after the
        close does so too, and takes with it what has not been sent yet.
        """
        return ioctl(self.fd, FIONREAD, _COUNT) == ioctl(self.fd, _SIOCOUTQNSD, _COUNT) == _COUNT

    def shut_down_writing(self) -> None:
        """Tell the peer that nothing more will come."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket; what the kernel has taken is still delivered."""
        if self.is_open:
            self.is_open = False
            self.reactor.forget(self.fd)
            self.sock.close()
            self.unsent.clear()

    def abort(self) -> None:
        """Close with a reset, so that the peer never takes what it has for the whole."""
        if self.is_open:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close()

    def _keep(self, data: bytes | bytearray | memoryview) -> None:
        """Add to the tail."""
        unsent = self.unsent
        if isinstance(unsent, Pipe):
            self.unsent = unsent = unsent.take_all()
        unsent += data

    def _set_mask(self, mask: int) -> None:
        if mask == self._mask or not self.is_open:
            return
        self._mask = mask
        self.is_reading = bool(mask & READ)
        if self._is_watched:
            self.reactor.modify(self.fd, mask)
        else:
            self._is_watched = True
            self.reactor.register(self.fd, mask, self.on_event)
