"""Messages with descriptors between the parent process and one worker, over a socket pair.

A message is a header (length, number of descriptors) and a JSON array ``[kind, body]``. Its
descriptors travel with its first byte (SCM_RIGHTS), so they are here when the message is whole.
"""

import array
import asyncio
import collections
import json
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

MAX_DESCRIPTORS = 200
"""Per message; the kernel takes 253."""
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""A peer that lets this much wait is stuck."""
RECEIVE_BYTES = 256 * 1024
_HEADER = struct.Struct("!II")

Body = dict[str, Any]
OnMessage = Callable[[str, Body, list[int]], None]
OnClosed = Callable[[], None]


class Channel:
    """One end of the socket pair, driven by the asyncio loop; nothing in it ever waits."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_message: OnMessage,
        on_closed: OnClosed,
    ) -> None:
        sock.setblocking(False)
        self._loop = loop
        self._sock = sock
        self._on_message = on_message
        self._on_closed = on_closed
        self._received = bytearray()
        self._descriptors: list[int] = []
        self._waiting: collections.deque[tuple[memoryview, list[int]]] = collections.deque()
        self._waiting_bytes = 0
        self.is_open = True
        loop.add_reader(sock.fileno(), self._receive)

    def send(self, kind: str, body: Body, descriptors: Sequence[int] = ()) -> None:
        """Send a message; the descriptors stay the caller's."""
        if not self.is_open:
            return
        payload = json.dumps([kind, body]).encode()
        frame = memoryview(_HEADER.pack(len(payload), len(descriptors)) + payload)
        self._waiting.append((frame, [os.dup(each) for each in descriptors]))
        self._waiting_bytes += len(frame)
        if len(self._waiting) == 1:
            self._flush()
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self.close()

    @property
    def is_quiet(self) -> bool:
        """Tell whether no message is under way: somebody else could go on from here."""
        return self.is_open and not (self._waiting or self._received or self._descriptors)

    @property
    def sock(self) -> socket.socket:
        """Return this end of the socket pair."""
        return self._sock

    def close(self) -> None:
        """Close this end; the owner is told once, whichever side began."""
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for _, descriptors in self._waiting:
            _close_all(descriptors)
        self._waiting.clear()
        _close_all(self._descriptors)
        self._loop.call_soon(self._on_closed)

    def _flush(self) -> None:
        while self._waiting:
            frame, descriptors = self._waiting[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
            try:
                sent = self._sock.sendmsg([frame], rights if descriptors else [])
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._flush)
                return
            except OSError:
                self.close()
                return
            _close_all(descriptors)
            self._waiting_bytes -= sent
            if sent < len(frame):
                self._waiting[0] = (frame[sent:], [])
            else:
                self._waiting.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _receive(self) -> None:
        space = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self._sock.recvmsg(
                RECEIVE_BYTES, space, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        for level, kind, raw in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fresh = array.array("i")
                fresh.frombytes(raw[: len(raw) - len(raw) % fresh.itemsize])
                self._descriptors += fresh
        if not data:
            self.close()
            return
        self._received += data
        self._take_messages()

    def _take_messages(self) -> None:
        while self.is_open and len(self._received) >= _HEADER.size:
            length, count = _HEADER.unpack_from(self._received)
            end = _HEADER.size + length
            if len(self._received) < end:
                return
            kind, body = json.loads(self._received[_HEADER.size : end])
            del self._received[:end]
            descriptors = self._descriptors[:count]
            del self._descriptors[:count]
            self._on_message(kind, body, descriptors)


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    descriptors.clear()
