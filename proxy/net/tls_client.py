"""Clients of HTTPS listeners: a handshake, bounded in time and in what it takes from others, then
an ``HttpClient`` that receives and sends through the session.

The tail of a connection is ciphertext here, so everything that waits, flushes and bounds stays as
it is for plain connections.
"""

import contextlib
import socket
from collections.abc import Collection
from typing import TYPE_CHECKING

from proxy.core.access_line import tls_part
from proxy.core.reasons import Reason
from proxy.core.targets import Place
from proxy.net.connection import READ, WRITE, Connection
from proxy.net.http_client import HttpClient
from proxy.net.tls_session import CIPHERTEXT_BYTES, TlsSession

if TYPE_CHECKING:
    from proxy.net.listeners import ListenerService
    from proxy.net.reactor import Reactor

HANDSHAKE_TIMEOUT_S = 10.0
"""How long a client may take until both sides agree, counted from its connection."""
HANDSHAKES_PER_DRAIN = 8
"""Each costs up to a millisecond; the others of the batch stay readable and come again."""
MAX_TAIL_BYTES = 1024 * 1024
"""More than the tail of any response: a client that makes us say more and never listens."""


class TlsHandshake(Connection):
    """A client of an HTTPS listener that has not agreed on keys yet."""

    __slots__ = ("_deadline", "_session", "peer", "service")

    def __init__(
        self,
        reactor: "Reactor",
        sock: socket.socket,
        peer: tuple[str, int],
        service: "ListenerService",
    ) -> None:
        assert service.tls is not None
        self.peer = peer
        self.service = service
        self._session = TlsSession(service.tls, sock)
        super().__init__(reactor, sock, READ)
        self._deadline = reactor.deadlines.schedule(HANDSHAKE_TIMEOUT_S, self.abort)
        service.connections.add(self)

    def on_event(self, mask: int) -> None:
        """Send what is waiting, then go on with what the client says."""
        try:
            if mask & WRITE and self.unsent:
                self.flush()
            if mask & ~WRITE and self.reactor.heavy_steps < HANDSHAKES_PER_DRAIN:
                self.reactor.heavy_steps += 1
                self._go_on()
        except BlockingIOError:
            return
        except OSError:
            self._fail()

    def _go_on(self) -> None:
        data = self.sock.recv(CIPHERTEXT_BYTES)
        if not data:
            self.close()
            return
        session = self._session
        is_agreed = session.shake_hands(data)
        if session.has_answer:
            self.send(session.take_answer())
        if is_agreed:
            self._hand_over()

    def _hand_over(self) -> None:
        """Let an HTTP client have the socket, with whatever came or waits already."""
        client = TlsClient(self.reactor, self.sock, self.peer, self.service, self._session)
        unsent = self.take_unsent()
        self._leave()
        if unsent:
            client.send_raw(unsent)
        if self.service.closing:
            client.close_after_next()
        if self._session.has_more:
            client.on_event(READ)

    def _leave(self) -> None:
        self.is_open = False
        self._deadline.cancel()
        self.service.connections.discard(self)

    def _fail(self) -> None:
        """Tell the client why there is no agreement, as far as it listens, and close."""
        if self.is_open:
            with contextlib.suppress(OSError):
                self.sock.send(self._session.take_answer())
            self.close()

    def close_when_idle(self) -> None:
        """Nothing is in flight as long as there is no agreement."""
        self.close()

    def close_after_next(self) -> None:
        """The client of it will do so, as soon as there is one."""

    def release_removed(self) -> None:
        """No server has to do with it yet."""

    def leave(self, places: Collection[Place]) -> None:
        """No server has to do with it yet."""

    def turn_away(self, reason: Reason) -> None:
        """Nothing can be said before there is agreement."""
        self.abort()

    def close(self) -> None:
        """Close the connection."""
        if self.is_open:
            super().close()
            self._leave()


class TlsClient(HttpClient):
    """A client of an HTTPS listener."""

    __slots__ = ("_session",)

    def __init__(
        self,
        reactor: "Reactor",
        sock: socket.socket,
        peer: tuple[str, int],
        service: "ListenerService",
        session: TlsSession,
    ) -> None:
        self._session = session
        super().__init__(reactor, sock, peer, service)
        self.source = session
        if service.access_log is not None:
            self.log_part += tls_part(*session.agreement)

    def on_event(self, mask: int) -> None:
        """Handle the event, and then what the session has that no event will announce."""
        super().on_event(mask)
        session = self._session
        while session.has_more and self.is_reading and self.is_open:
            super().on_event(READ)
        if session.has_answer and self.is_open:
            self._answer(session)

    def _answer(self, session: TlsSession) -> None:
        """Send what the session has to say by itself."""
        try:
            self.send_raw(session.take_answer())
        except OSError:
            self.abort()
            return
        if len(self.unsent) > MAX_TAIL_BYTES:
            self.abort()

    def resume_reading(self) -> None:
        """Ask for the client's bytes again, those among them that are here already too."""
        super().resume_reading()
        if self._session.has_more:
            self.reactor.call_soon(self._on_more)

    def _on_more(self) -> None:
        if self.is_open and self.is_reading and self._session.has_more:
            self.on_event(READ)

    def send(self, data: bytes | memoryview) -> bool:
        """Send encrypted; what is left over is ciphertext."""
        return super().send(self._session.encrypt(data))

    def send_raw(self, data: bytes) -> bool:
        """Send what is encrypted already, or is part of the session itself."""
        return super().send(data)

    def shut_down_writing(self) -> None:
        """End the session, so that the client knows that nothing was cut, then the stream."""
        self._send_end()
        super().shut_down_writing()

    def close(self) -> None:
        """Close the connection; the client is told unless something was cut."""
        if self.is_open and not self.unsent:
            self._send_end()
        super().close()

    def abort(self) -> None:
        """Close with a reset and without a word, so that nobody takes this for the end."""
        self._session.shut_down()
        super().abort()

    def _send_end(self) -> None:
        data = self._session.shut_down()
        if data:
            with contextlib.suppress(OSError):
                self.sock.send(data)
