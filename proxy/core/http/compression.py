"""Compression of responses for clients that accept gzip (RFC 9110 sections 8.4 and 12.5.3).

Whether a response may be packed depends on the response alone. One that may says ``Vary:
Accept-Encoding`` in both forms, so that no cache gives the packed form to a client that cannot read
it. The packed form is another sequence of bytes: its entity tag is weak from here on, it offers no
ranges, and a response whose bytes are vouched for by a digest is left as it is.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxy.core.http.bodies import Body
from proxy.core.http.events import BodyPart, RequestHead, ResponseHead
from proxy.core.http.headers import list_members

MIN_PACKED_BYTES = 256
"""Shorter ones would hardly shrink."""
LEVEL = 5
"""Most of the gain for a third of the time of the highest level."""
PACKED_TYPES = frozenset(
    {
        b"application/atom+xml",
        b"application/javascript",
        b"application/json",
        b"application/rss+xml",
        b"application/x-javascript",
        b"application/xml",
        b"text/css",
        b"text/html",
        b"text/javascript",
        b"text/plain",
        b"text/xml",
    }
)
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_CODINGS = frozenset({b"gzip", b"x-gzip"})
_UNPACKED_STATUSES = frozenset({101, 204, 205, 206, 304})
_FORBIDDING = frozenset(
    {
        b"content-encoding",
        b"content-range",
        b"content-md5",
        b"digest",
        b"content-digest",
        b"repr-digest",
    }
)
_ACCEPTED = re.compile(rb"([^; \t]+)[ \t]*(?:;[ \t]*[qQ]=([01](?:\.[0-9]{0,3})?))?")


class Compression(NamedTuple):
    """How a response that may be packed is sent: its header lines, and whether it is packed."""

    lines: bytes
    is_packed: bool


def accepts_gzip(values: Iterable[bytes]) -> bool:
    """Return whether Accept-Encoding with these values takes gzip; its own weight wins over *."""
    others = False
    for member in list_members(values):
        match = _ACCEPTED.fullmatch(member)
        if match is None:
            continue
        is_accepted = match.group(2) is None or float(match.group(2)) > 0
        if match.group(1).lower() in _CODINGS:
            return is_accepted
        others = others or (match.group(1) == b"*" and is_accepted)
    return others


def choose_compression(request: RequestHead, response: ResponseHead) -> Compression | None:
    """Return how to send the response; None: as it came, since it may not be packed."""
    fields = [_split(line) for line in response.fields.lines.split(b"\r\n")[:-1]]
    if not _may_be_packed(response, fields):
        return None
    is_packed = request.fields.accepts_gzip and request.method != b"HEAD"
    return Compression(_lines(fields, is_packed=is_packed), is_packed)


class _Line(NamedTuple):
    name: bytes
    value: bytes
    line: bytes


def _split(line: bytes) -> _Line:
    name, _, value = line.partition(b":")
    return _Line(name.lower(), value.strip(b" \t"), line)


def _may_be_packed(response: ResponseHead, fields: Sequence[_Line]) -> bool:
    length = response.fields.content_length
    if response.status in _UNPACKED_STATUSES or (length is not None and length < MIN_PACKED_BYTES):
        return False
    if any(field.name in _FORBIDDING for field in fields):
        return False
    if b"no-transform" in (
        each.lower() for each in list_members(_values(fields, b"cache-control"))
    ):
        return False
    types = _values(fields, b"content-type")
    return len(types) == 1 and types[0].partition(b";")[0].strip().lower() in PACKED_TYPES


def _lines(fields: Sequence[_Line], *, is_packed: bool) -> bytes:
    """Return the lines with Vary, and what else is different in the packed form."""
    left_out = {b"vary", b"accept-ranges"} if is_packed else {b"vary"}
    lines = [
        b"ETag: W/" + field.value
        if is_packed and field.name == b"etag" and field.value.startswith(b'"')
        else field.line
        for field in fields
        if field.name not in left_out
    ]
    lines.append(b"Vary: " + _vary(_values(fields, b"vary")))
    if is_packed:
        lines.append(b"Content-Encoding: gzip")
    return b"".join(line + b"\r\n" for line in lines)


def _vary(values: Iterable[bytes]) -> bytes:
    """Return everything that the response depends on, Accept-Encoding among it."""
    members = list_members(values)
    if not {b"*", b"accept-encoding"} & {each.lower() for each in members}:
        members.append(b"Accept-Encoding")
    return b", ".join(members)


def _values(fields: Sequence[_Line], name: bytes) -> list[bytes]:
    return [field.value for field in fields if field.name == name]


def pack(data: bytes) -> bytes:
    """Return a whole body in its packed form."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    return packer.compress(data) + packer.flush()


class GzipBody:
    """Packs what another body relays, in bounded memory.

    ``is_chunked`` writes chunks, else the packed form ends with its connection. ``is_hurried`` lets
    no byte wait for the next ones: a response of unknown length may pause for good reason.
    """

    unseen = 0
    """Every byte is packed."""
    __slots__ = ("_is_chunked", "_is_hurried", "_packer", "_source", "done")

    def __init__(self, source: Body, *, is_chunked: bool, is_hurried: bool) -> None:
        self._source = source
        self._is_chunked = is_chunked
        self._is_hurried = is_hurried
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
        self.done = False

    def receive(self, data: memoryview) -> BodyPart:
        """Take the next input up to the body's end."""
        part = self._source.receive(data)
        packed = [self._packer.compress(each) for each in part.relay]
        if self._source.done:
            return BodyPart([self._finish(packed)], part.consumed)
        if part.relay and self._is_hurried:
            packed.append(self._packer.flush(zlib.Z_SYNC_FLUSH))
        framed = self._framed(b"".join(packed))
        return BodyPart([framed] if framed else [], part.consumed)

    def pass_unseen(self, size: int) -> None:
        """Nothing of it goes unseen."""

    def end(self) -> bytes | None:
        """Return the last bytes when the connection's end is the body's, None when it is cut."""
        return None if self._source.end() is None else self._finish([])

    def _finish(self, packed: list[bytes]) -> bytes:
        self.done = True
        packed.append(self._packer.flush())
        last = b"0\r\n\r\n" if self._is_chunked else b""
        return self._framed(b"".join(packed)) + last

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if data and self._is_chunked else data
