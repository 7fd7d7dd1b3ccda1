"""Bodies while they are relayed: count, check and cut, without an object per chunk.

Each body takes pieces of input as they come and says which parts of them go to the other side.
A chunked body is relayed in the form it came in, but for chunk extensions and trailers: those are
checked, bounded and left out, because two programs seldom agree on what they mean. For a client
that speaks HTTP/1.0 only the data itself is relayed.

The states of a chunked body (RFC 9112 section 7.1)::

    SIZE --size line--> DATA --all of it--> DATA_END --CRLF--> SIZE
    SIZE --size line 0--> TRAILERS --empty line--> done
"""

import re
from enum import IntEnum
from typing import Protocol

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.events import CHUNKED, UNTIL_CLOSE, BodyPart
from proxy.core.http.headers import parse_request_fields
from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits

# White space may only stand before an extension.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]++)([ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?\r\n")
_SIZE_LINE_BEGIN = re.compile(
    rb"0*+(?:[1-9A-Fa-f][0-9A-Fa-f]{0,14})?+(?<=[0-9A-Fa-f])"
    rb"(?:[ \t]*+(?:;[\t\x20-\x7e\x80-\xff]*+)?)?\r?"
)
LAST_CHUNK = b"0\r\n\r\n"
"""It goes further when the trailers are here, so that a cut before looks like one."""
MAX_SIZE_DIGITS = 15
"""So many hexadecimal digits stay below 2**63."""


class Body(Protocol):
    """A body that is being received."""

    done: bool

    def receive(self, data: memoryview) -> BodyPart:
        """Take the next input; raise RemoteProtocolError when it is malformed."""

    def end(self) -> bytes | None:
        """Return the last bytes when the connection's end is the body's, None when it is cut."""

    @property
    def unseen(self) -> int:
        """Return how many of the next bytes may go to the other side without a look at them."""

    def pass_unseen(self, size: int) -> None:
        """So many bytes went to the other side, unseen."""


class LengthBody:
    """A body of a known number of bytes."""

    __slots__ = ("done", "unseen")

    def __init__(self, length: int) -> None:
        self.unseen = length
        self.done = length == 0

    def receive(self, data: memoryview) -> BodyPart:
        """Take the next input up to the body's end."""
        size = len(data)
        if size > self.unseen:
            size = self.unseen
            data = data[:size]
        self.pass_unseen(size)
        return BodyPart([data] if size else [], size)

    def end(self) -> None:
        """A body that is not complete yet is cut."""

    def pass_unseen(self, size: int) -> None:
        """Count what went on."""
        self.unseen -= size
        self.done = self.unseen == 0


COMPLETE: Body = LengthBody(0)
"""A body that has no more to come."""


class UntilCloseBody:
    """A body that ends with its connection: all input belongs to it."""

    __slots__ = ("done",)
    unseen = 1 << 62
    """There is no end in sight."""

    def __init__(self) -> None:
        self.done = False

    def receive(self, data: memoryview) -> BodyPart:
        """Take all of the input."""
        return BodyPart([data] if data else [], len(data))

    def end(self) -> bytes:
        """The connection's end is the body's; nothing more goes further."""
        return b""

    def pass_unseen(self, size: int) -> None:
        """Nothing has to be counted."""


class _State(IntEnum):
    SIZE = 0
    DATA = 1
    DATA_END = 2
    TRAILERS = 3


class ChunkedBody:
    """A chunked body; ``decode`` relays the data alone, else the chunks without extras."""

    unseen = 0
    """Chunks are looked at: they are seldom so large that it would pay not to."""
    __slots__ = ("_decode", "_left", "_limits", "_line", "_state", "_trailer_bytes", "done")

    def __init__(self, *, decode: bool = False, limits: HttpLimits = DEFAULT_LIMITS) -> None:
        self.done = False
        self._decode = decode
        self._limits = limits
        self._state = _State.SIZE
        self._left = 0
        self._line = b""
        self._trailer_bytes = 0

    def receive(self, data: memoryview) -> BodyPart:
        """Take the next input up to the body's end."""
        relay = _Ranges(data)
        at, end = 0, len(data)
        while at < end and not self.done:
            if self._state is _State.DATA:
                size = min(self._left, end - at)
                relay.add(at, at + size)
                self._left -= size
                at += size
                if self._left == 0:
                    self._begin_data_end()
            elif self._state is _State.SIZE:
                at = self._receive_size_line(data, at, relay)
            elif self._state is _State.DATA_END:
                at = self._receive_data_end(data, at, relay)
            else:
                at = self._receive_trailer(data, at, relay)
        return BodyPart(relay.finish(), at)

    def end(self) -> None:
        """A body without its last chunk is cut."""

    def _begin_data_end(self) -> None:
        self._state = _State.DATA_END
        self._left = 2

    def _receive_data_end(self, data: memoryview, at: int, relay: "_Ranges") -> int:
        end = min(at + self._left, len(data))
        if bytes(data[at:end]) != b"\r\n"[2 - self._left : 2 - self._left + end - at]:
            raise RemoteProtocolError("chunk does not end with CRLF")
        if not self._decode:
            relay.add(at, end)
        self._left -= end - at
        if self._left == 0:
            self._state = _State.SIZE
        return end

    def _receive_size_line(self, data: memoryview, at: int, relay: "_Ranges") -> int:
        """Take a size line: at once when it is whole in the input, else collect it."""
        match = None if self._line else _SIZE_LINE.match(data, at)
        if match is None:
            return self._collect_size_line(data, at, relay)
        end = match.end()
        self._check_line(end - at)
        digits = _shorter(match.group(1))
        size = int(digits, 16)
        if data[at : end + 2] == LAST_CHUNK and not self._decode:
            # The usual end stays in one piece with the data before it.
            self.done = True
            relay.add(at, end + 2)
            return end + 2
        if size and not self._decode:
            if len(digits) == match.end(1) - at:
                relay.add(at, match.end(1))
                relay.add(end - 2, end)
            else:
                relay.add_bytes(digits + b"\r\n")
        self._begin_chunk(size)
        return end

    def _collect_size_line(self, data: memoryview, at: int, relay: "_Ranges") -> int:
        line, at = self._collect(data, at, self._limits.max_chunk_line_bytes)
        if line is None:
            if _SIZE_LINE_BEGIN.fullmatch(self._line) is None:
                raise RemoteProtocolError("malformed chunk size")
            return at
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise RemoteProtocolError("malformed chunk size")
        digits = _shorter(match.group(1))
        size = int(digits, 16)
        if size and not self._decode:
            relay.add_bytes(digits + b"\r\n")
        self._begin_chunk(size)
        return at

    def _begin_chunk(self, size: int) -> None:
        self._left = size
        self._state = _State.DATA if size else _State.TRAILERS

    def pass_unseen(self, size: int) -> None:
        """Nothing of it goes unseen."""

    def _receive_trailer(self, data: memoryview, at: int, relay: "_Ranges") -> int:
        if not self._line and bytes(data[at : at + 2]) == b"\r\n":
            line, end = b"\r\n", at + 2
        else:
            collected, end = self._collect(data, at, self._limits.max_trailer_bytes)
            if collected is None:
                return end
            line = collected
        if line != b"\r\n":
            self._check_trailer(line)
            return end
        self.done = True
        if not self._decode:
            relay.add_bytes(LAST_CHUNK)
        return end

    def _check_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if self._trailer_bytes > self._limits.max_trailer_bytes:
            raise RemoteProtocolError("trailers are too long", 431)
        parse_request_fields(line, max_fields=1)

    def _collect(self, data: memoryview, at: int, limit: int) -> tuple[bytes | None, int]:
        """Return the line that ends in the input, or None when more of it has to come."""
        room = limit - len(self._line)
        piece = bytes(data[at : at + room])
        end = piece.find(b"\n") + 1
        if end:
            line, self._line = self._line + piece[:end], b""
            return line, at + end
        if len(piece) == room:
            raise RemoteProtocolError("a line of a chunked body is too long")
        self._line += piece
        return None, at + len(piece)

    def _check_line(self, size: int) -> None:
        if size > self._limits.max_chunk_line_bytes:
            raise RemoteProtocolError("a line of a chunked body is too long")


def _shorter(digits: bytes) -> bytes:
    """Return the size without zeros in front when they are more than any server would read."""
    if len(digits) <= MAX_SIZE_DIGITS:
        return digits
    digits = digits.lstrip(b"0") or b"0"
    if len(digits) > MAX_SIZE_DIGITS:
        raise RemoteProtocolError("chunk is too large")
    return digits


class _Ranges:
    """Parts of one input that go further; neighbours become one part, so most inputs stay whole."""

    __slots__ = ("_begin", "_data", "_end", "_parts")

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._begin = self._end = 0
        self._parts: list[bytes | memoryview] = []

    def add(self, begin: int, end: int) -> None:
        if begin != self._end:
            self._flush()
            self._begin = begin
        self._end = end

    def add_bytes(self, part: bytes) -> None:
        self._flush()
        self._begin = self._end
        self._parts.append(part)

    def finish(self) -> list[bytes | memoryview]:
        self._flush()
        return self._parts

    def _flush(self) -> None:
        if self._end > self._begin:
            self._parts.append(self._data[self._begin : self._end])


def body_of(length: int, *, decode: bool = False, limits: HttpLimits = DEFAULT_LIMITS) -> Body:
    """Return the body for a length as framing tells it."""
    if length == CHUNKED:
        return ChunkedBody(decode=decode, limits=limits)
    if length == UNTIL_CLOSE:
        return UntilCloseBody()
    return LengthBody(length)
