"""Reads the heads of responses from a server's bytes (RFC 9112 sections 2, 4 and 5).

A server that breaks the protocol raises RemoteProtocolError whatever the rule was; its client gets
502, because the error is not the client's.
"""

import re

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.forwarding import response_fields
from proxy.core.http.events import ResponseFields, ResponseHead
from proxy.core.http.headers import BARE_LINE_FEED, BlockMemo, parse_response_fields
from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits

_LINE = re.compile(rb"HTTP/1\.([01]) (([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?)")
_LINE_BEGIN = b"HTTP/1."


class ResponseReader:
    """The responses of one server connection, in order."""

    __slots__ = ("_buffer", "_limits", "_memo", "_scanned")

    def __init__(
        self, memo: BlockMemo[ResponseFields] | None = None, limits: HttpLimits = DEFAULT_LIMITS
    ) -> None:
        self._limits = limits
        self._memo = response_memo(limits) if memo is None else memo
        self._buffer = b""
        self._scanned = 0

    @property
    def has_input(self) -> bool:
        """Return whether there are bytes that belong to no response yet."""
        return bool(self._buffer)

    def receive(self, data: bytes | memoryview) -> None:
        """Take more bytes of the server."""
        self._buffer = self._buffer + bytes(data) if self._buffer else bytes(data)

    def next_head(self) -> ResponseHead | None:
        """Return the next response's head, or None when more bytes are needed."""
        buffer = self._buffer
        scanned = self._scanned
        end = buffer.find(b"\r\n\r\n", scanned - 3 if scanned > 3 else 0)
        if end < 0:
            self._check_unfinished()
            return None
        line_end = buffer.find(b"\r\n")
        if end > self._limits.max_header_bytes:
            raise RemoteProtocolError("response head is too long")
        head = self._head(buffer[:line_end], buffer[line_end + 2 : end + 2])
        self._buffer = buffer[end + 4 :]
        self._scanned = 0
        return head

    def take_rest(self) -> bytes:
        """Return the bytes after the last head and forget them."""
        rest, self._buffer, self._scanned = self._buffer, b"", 0
        return rest

    def _head(self, line: bytes, block: bytes) -> ResponseHead:
        match = _LINE.fullmatch(line)
        if match is None:
            raise RemoteProtocolError("malformed status line")
        minor, status_text, status = match.groups()
        if len(status_text) == len(status):
            status_text += b" "  # the space belongs to the line even without a phrase
        fields = self._memo.look_up(block)
        is_http_11 = minor == b"1"
        # RFC 9112 section 6.1: chunks of HTTP/1.0 are read, but nothing after them is trusted.
        keep_alive = (is_http_11 or (fields.keep_alive and not fields.chunked)) and not fields.close
        return ResponseHead(int(status), status_text, is_http_11, keep_alive, fields)

    def _check_unfinished(self) -> None:
        buffer = self._buffer
        if not _LINE_BEGIN.startswith(buffer[: len(_LINE_BEGIN)]):
            raise RemoteProtocolError("malformed status line")
        if BARE_LINE_FEED.search(buffer, self._scanned):
            raise RemoteProtocolError("line does not end with CRLF")
        if len(buffer) > self._limits.max_header_bytes:
            raise RemoteProtocolError("response head is too long")
        self._scanned = len(buffer)


def response_memo(limits: HttpLimits = DEFAULT_LIMITS) -> BlockMemo[ResponseFields]:
    """Return a memo of response header blocks; one serves all connections of a process."""

    def read(block: bytes) -> ResponseFields:
        return response_fields(parse_response_fields(block, limits.max_header_fields))

    return BlockMemo(read)
