"""Reads the heads of requests from a client's bytes (RFC 9112 sections 2, 3 and 5).

The bytes may come whole, one by one, or several requests at once. What follows a head stays in the
reader: ``take_rest`` hands it to the body, ``put_back`` returns what the body did not need. A head
that cannot become a good one any more is refused at once, not when its end arrives.
"""

import re

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.forwarding import is_host, request_fields
from proxy.core.http.events import CHUNKED, RequestFields, RequestHead
from proxy.core.http.headers import BARE_LINE_FEED, TOKEN, BlockMemo, parse_request_fields
from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits

MAX_EMPTY_BYTES = 64
"""How much of empty lines may stand before a request."""
_LINE = re.compile(rb"(" + TOKEN + rb"+) ([\x21\x22\x24-\x7e]+) HTTP/([0-9])\.([0-9])")
_LINE_BEGIN = re.compile(TOKEN + rb"+(?: [\x21\x22\x24-\x7e]*(?: [HTP/0-9.]*\r?)?)?")
_ABSOLUTE = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?]+)(/[^?]*)?(\?.*)?", re.DOTALL)


class RequestReader:
    """The requests of one client connection, in order."""

    __slots__ = ("_buffer", "_limits", "_line_is_good", "_memo", "_scanned", "_skipped")

    def __init__(
        self, memo: BlockMemo[RequestFields] | None = None, limits: HttpLimits = DEFAULT_LIMITS
    ) -> None:
        self._limits = limits
        self._memo = request_memo(limits) if memo is None else memo
        self._buffer = b""
        self._scanned = 0
        self._skipped = 0
        self._line_is_good = False

    @property
    def has_input(self) -> bool:
        """Return whether there are bytes that no head or body has taken."""
        return bool(self._buffer)

    @property
    def begins_with_head_method(self) -> bool:
        """Return whether the next request is a HEAD, so that not even an error has a body."""
        return self._buffer.startswith(b"HEAD ")

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes wait for a head or a body to take them."""
        return len(self._buffer)

    def receive(self, data: bytes | memoryview) -> None:
        """Take more bytes of the client."""
        self._buffer = self._buffer + bytes(data) if self._buffer else bytes(data)

    def next_head(self) -> RequestHead | None:
        """Return the next request's head, or None when more bytes are needed."""
        buffer = self._buffer
        scanned = self._scanned
        end = buffer.find(b"\r\n\r\n", scanned - 3 if scanned > 3 else 0)
        if end < 0 or buffer.startswith(b"\r\n"):
            return self._without_empty_lines()
        line_end = buffer.find(b"\r\n")
        if line_end > self._limits.max_request_line_bytes:
            raise RemoteProtocolError("request line is too long", 414)
        if end - line_end > self._limits.max_header_bytes:
            raise RemoteProtocolError("header block is too long", 431)
        head = self._head(buffer[:line_end], buffer[line_end + 2 : end + 2])
        self._buffer = buffer[end + 4 :]
        self._scanned = self._skipped = 0
        self._line_is_good = False
        return head

    def take_rest(self) -> bytes:
        """Return the bytes after the last head and forget them."""
        rest = self._buffer
        self.put_back(b"")
        return rest

    def put_back(self, data: bytes) -> None:
        """Replace what is buffered: bytes that a body did not need are the next head's."""
        self._buffer = data
        self._scanned = 0
        self._line_is_good = False

    def _head(self, line: bytes, block: bytes) -> RequestHead:
        method, target, is_http_11 = parse_request_line(line)
        fields = self._memo.look_up(block)
        authority = None
        if not target.startswith(b"/"):
            target, authority = _read_target(method, target)
        if is_http_11 and fields.host is None:
            raise RemoteProtocolError("HTTP/1.1 request without Host")
        if not is_http_11 and fields.length == CHUNKED:
            raise RemoteProtocolError("Transfer-Encoding in an HTTP/1.0 request")
        keep_alive = (is_http_11 or fields.keep_alive) and not fields.close
        return RequestHead(method, target, is_http_11, keep_alive, fields.length, authority, fields)

    def _without_empty_lines(self) -> RequestHead | None:
        """Skip empty lines before a request (RFC 9112 section 2.2), then try again or wait."""
        if not self._buffer.startswith(b"\r\n"):
            self._check_unfinished()
            return None
        at = 2
        while self._buffer.startswith(b"\r\n", at):
            at += 2
        self._skipped += at
        if self._skipped > MAX_EMPTY_BYTES:
            raise RemoteProtocolError("nothing but empty lines")
        self.put_back(self._buffer[at:])
        return self.next_head()

    def _check_unfinished(self) -> None:
        """Refuse a head that has gone wrong already, or that is longer than any head may be."""
        buffer, limits = self._buffer, self._limits
        if BARE_LINE_FEED.search(buffer, self._scanned):
            raise RemoteProtocolError("line does not end with CRLF")
        self._scanned = len(buffer)
        if not self._line_is_good:
            self._check_unfinished_line(buffer)
        if len(buffer) > limits.max_request_line_bytes + limits.max_header_bytes:
            raise RemoteProtocolError("header block is too long", 431)

    def _check_unfinished_line(self, buffer: bytes) -> None:
        line_end = buffer.find(b"\r\n")
        line = buffer if line_end < 0 else buffer[:line_end]
        if len(line) > self._limits.max_request_line_bytes:
            raise RemoteProtocolError("request line is too long", 414)
        if line_end >= 0:
            parse_request_line(line)
            self._line_is_good = True
        elif line not in {b"", b"\r"} and _LINE_BEGIN.fullmatch(line) is None:
            raise RemoteProtocolError("malformed request line")


def request_memo(limits: HttpLimits = DEFAULT_LIMITS) -> BlockMemo[RequestFields]:
    """Return a memo of request header blocks; one serves all connections of a process."""

    def read(block: bytes) -> RequestFields:
        return request_fields(parse_request_fields(block, limits.max_header_fields))

    return BlockMemo(read)


def parse_request_line(line: bytes) -> tuple[bytes, bytes, bool]:
    """Return method, target and whether the version is 1.1; raise when the line is no good."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise RemoteProtocolError("malformed request line")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise RemoteProtocolError("HTTP version is not supported", 505)
    if method == b"CONNECT":
        raise RemoteProtocolError("CONNECT is not supported", 501)
    # A later 1.x is read as 1.1 (RFC 9110 section 2.5).
    return method, target, minor != b"0"


def _read_target(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """Return the target in origin form, and the host that an absolute form names.

    That host wins over the Host field (RFC 9112 section 3.2.2).
    """
    if target == b"*":
        if method != b"OPTIONS":
            raise RemoteProtocolError("only OPTIONS may have the target *")
        return target, None
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not is_host(match.group(1)) or match.group(1).startswith(b":"):
        raise RemoteProtocolError("malformed request target")
    authority, path, query = match.groups()
    if path is None and query is None and method == b"OPTIONS":
        return b"*", authority
    return (path or b"/") + (query or b""), authority
