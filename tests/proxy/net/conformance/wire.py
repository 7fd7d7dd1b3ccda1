"""Reads messages off the wire on behalf of the suite, independent of the proxy's own readers.

Whatever the proxy sends has to pass here: lines end with CRLF, there is one way to tell a body's
length, no control characters. So every case also checks that the other side cannot be confused.
"""

import re
from dataclasses import dataclass

_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21\x22\x24-\x7e]+ HTTP/1\.1")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 [1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its first line, its header lines and the bytes of its body as they came."""

    line: bytes
    lines: tuple[bytes, ...]
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        found = [line.partition(b":") for line in self.lines]
        return [value.strip() for key, _, value in found if key.lower() == name.lower()]

    def raw(self, without: tuple[bytes, ...] = ()) -> bytes:
        """Return the message without the fields of these names."""
        kept = [line for line in self.lines if line.partition(b":")[0].lower() not in without]
        return b"\r\n".join([self.line, *kept, b"", b""]) + self.body

    @property
    def status(self) -> int:
        return int(self.line.split(b" ")[1])


def read_request(buffer: bytes) -> tuple[Message, bytes] | None:
    """Return the first request and what follows it, None when it is not complete."""
    head, end, rest = buffer.partition(b"\r\n\r\n")
    if not end:
        return None
    message = _checked_head(head, _REQUEST_LINE)
    assert len(message.values(b"host")) == 1, head
    lengths, codings = message.values(b"content-length"), message.values(b"transfer-encoding")
    assert len(lengths) + len(codings) <= 1, head
    if codings:
        assert codings == [b"chunked"], head
        return _with_chunks(message, rest)
    return _with_bytes(message, rest, int(lengths[0]) if lengths else 0)


def read_response(buffer: bytes, method: bytes, *, at_end: bool) -> tuple[Message, bytes] | None:
    """Return the first response and what follows it, None when it is not complete."""
    head, end, rest = buffer.partition(b"\r\n\r\n")
    if not end:
        return None
    message = _checked_head(head, _STATUS_LINE)
    lengths, codings = message.values(b"content-length"), message.values(b"transfer-encoding")
    assert len(lengths) + len(codings) <= 1, head
    if message.status < 200 or message.status == 204:
        assert not lengths, head
        assert not codings, head
    if message.status < 200 or message.status in {204, 304} or method == b"HEAD":
        return message, rest
    if codings:
        assert codings == [b"chunked"], head
        return _with_chunks(message, rest)
    if lengths:
        return _with_bytes(message, rest, int(lengths[0]))
    return (Message(message.line, message.lines, rest), b"") if at_end else None


def _checked_head(head: bytes, first: re.Pattern[bytes]) -> Message:
    line, *lines = head.split(b"\r\n")
    assert first.fullmatch(line), head
    for each in lines:
        assert _LINE.fullmatch(each), head
    return Message(line, tuple(lines), b"")


def _with_bytes(message: Message, rest: bytes, size: int) -> tuple[Message, bytes] | None:
    if len(rest) < size:
        return None
    return Message(message.line, message.lines, rest[:size]), rest[size:]


def _with_chunks(message: Message, rest: bytes) -> tuple[Message, bytes] | None:
    at = 0
    while True:
        end = rest.find(b"\r\n", at)
        if end < 0:
            return None
        assert re.fullmatch(rb"[0-9A-Fa-f]{1,15}", rest[at:end]), rest[at:end]
        size = int(rest[at:end], 16)
        at = end + 2 + size + 2
        if len(rest) < at:
            return None
        assert rest[at - 2 : at] == b"\r\n", rest
        if not size:
            return Message(message.line, message.lines, rest[:at]), rest[at:]
