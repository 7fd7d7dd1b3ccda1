"""The encryption of one connection, between its socket and whoever speaks over it.

Ciphertext is read from the socket, plaintext goes out; what is to be sent comes back as ciphertext,
for the connection to send like anything else. Memory is bounded: OpenSSL holds at most one
record that is not whole, besides one read of ours.
"""

import contextlib
import socket
import ssl
from typing import cast

CIPHERTEXT_BYTES = 32 * 1024
"""One read of the socket. Small, since what passed through OpenSSL's memory stays allocated."""
RECORD_BYTES = 16 * 1024


class TlsSession:
    """Looks like a socket to those who receive.

    ``has_more``: there may be plaintext, or an end, that no readiness of the socket will announce.
    """

    __slots__ = ("_has_ended", "_incoming", "_is_shut", "_object", "_outgoing", "_sock", "has_more")

    def __init__(self, context: ssl.SSLContext, sock: socket.socket) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._has_ended = False
        self._is_shut = False
        self.has_more = False

    def shake_hands(self, data: bytes) -> bool:
        """Go on with what the client said and return whether both sides agree now.

        Raises OSError when they cannot; ``take_answer`` then holds what the client is to know.
        """
        self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.has_more = self._incoming.pending > 0
        return True

    def take_answer(self) -> bytes:
        """Return what has to be sent besides the data of the connection."""
        return self._outgoing.read()

    @property
    def agreement(self) -> tuple[str | None, str | None]:
        """Return the version and the cipher that both sides use."""
        cipher = self._object.cipher()
        return self._object.version(), cipher[0] if cipher else None

    @property
    def has_answer(self) -> bool:
        """Tell whether there is something to be sent besides the data of the connection."""
        return self._outgoing.pending > 0

    # --- receiving -------------------------------------------------------------------------------

    def recv(self, limit: int) -> bytes:
        """Return up to so many bytes, none at the end; BlockingIOError: nothing is here."""
        if not self.has_more:
            self._fill(self._sock.recv(CIPHERTEXT_BYTES))
        if self._has_ended:
            self.has_more = False
            return b""
        try:
            data = self._object.read(limit)
        except ssl.SSLWantReadError:
            self.has_more = False
            raise BlockingIOError from None
        self._has_ended = not data
        self.has_more = bool(data and (self._incoming.pending or self._object.pending()))
        return data

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        """Fill the buffer as far as possible, else like ``recv``.

        What comes after our own end of the session is not looked at, it only counts.
        """
        if self._is_shut:
            return len(self._sock.recv(CIPHERTEXT_BYTES))
        if not self.has_more:
            self._fill(self._sock.recv(CIPHERTEXT_BYTES))
        size, view = 0, memoryview(buffer)
        self.has_more = True
        while size < len(view) and not self._has_ended:
            try:
                read = cast("int", self._object.read(len(view) - size, view[size:]))
            except ssl.SSLWantReadError:
                self.has_more = False
                break
            size += read
            self._has_ended = not read
            if not self._incoming.pending and not self._object.pending():
                self.has_more = self._has_ended and size > 0
                break
        if not size and not self._has_ended:
            raise BlockingIOError
        return size

    def _fill(self, data: bytes) -> None:
        """Take ciphertext; an end of the stream is one of the session, announced or not."""
        if data:
            self._incoming.write(data)
        else:
            self._has_ended = True

    # --- sending ---------------------------------------------------------------------------------

    def encrypt(self, data: bytes | memoryview) -> bytes:
        """Return what to send for the data, in order with everything before."""
        if len(data) <= RECORD_BYTES:
            self._object.write(data)
            return self._outgoing.read()
        view, parts = memoryview(data), []
        while view:
            view = view[self._object.write(view[:RECORD_BYTES]) :]
            parts.append(self._outgoing.read())
        return b"".join(parts)

    def shut_down(self) -> bytes:
        """Return the end of the session (close_notify), once."""
        if self._is_shut:
            return b""
        self._is_shut = True
        self.has_more = False
        with contextlib.suppress(OSError):
            self._object.unwrap()
        return self._outgoing.read()
