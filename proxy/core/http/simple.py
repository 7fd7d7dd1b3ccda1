"""The messages that most of the traffic consists of, recognised by one match and one look-up.

A simple request is a GET of HTTP/1.1 that came whole and has no body; a simple response came whole,
tells its length and leaves its connection open. What such a head becomes on the other side is
remembered: only the request line, the client's address and the request id differ. Each head was
read by the strict readers before it is remembered, and whatever is not simple is left to them, so
nothing is decided here that they would decide otherwise.
"""

import re
from typing import Generic, NamedTuple, TypeVar

from proxy.core.access_line import json_text
from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.events import RequestFields, RequestHead, ResponseFields, ResponseHead
from proxy.core.http.framing import response_framing_line, response_length
from proxy.core.http.headers import BlockMemo
from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits
from proxy.core.http.request_reader import RequestReader
from proxy.core.http.response_reader import ResponseReader
from proxy.core.http.writer import CLOSE

REQUEST_BYTES = 8 * 1024
"""The most that a simple request has; less than any limit of a head or of its first line."""
RESPONSE_BYTES = 64 * 1024
"""The most that a simple response has, so that a page comes whole and a download goes by parts."""
MAX_REMEMBERED = 1024
MAX_REMEMBERED_BYTES = 2048

# Quotes and backslashes would need care in the access log, and hardly any client sends them.
_LINE = re.compile(rb"GET /[\x21\x24-\x5b\x5d-\x7e]*+ HTTP/1\.1\r\n")
_END = b"\r\n\r\n"
_REQUEST_ID = b"X-Request-Id: "

T = TypeVar("T")


class _Known(dict[bytes, T | None], Generic[T]):
    """A bounded memory of heads; None stands for one that is not simple."""

    def remember(self, head: bytes, meaning: T | None) -> None:
        if len(head) <= MAX_REMEMBERED_BYTES:
            if len(self) >= MAX_REMEMBERED:
                self.clear()
            self[head] = meaning


class SimpleBlock(NamedTuple):
    """A simple request after its first line. ``lines`` end where the client's address goes.

    ``host_text`` is its host as the access log writes it.
    """

    lines: bytes
    keep_alive: bool
    request_id: bytes | None
    host_text: bytes


class SimpleRequests:
    """Recognises simple requests; one serves all connections of a process."""

    __slots__ = ("_known", "_limits", "_memo")

    def __init__(self, memo: BlockMemo[RequestFields], limits: HttpLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._memo = memo
        self._known: _Known[SimpleBlock] = _Known()

    def read(self, data: bytes) -> tuple[bytes, SimpleBlock] | None:
        """Return the request line and what follows it."""
        match = _LINE.match(data)
        if match is None:
            return None
        end = match.end()
        rest = data[end:]
        block = self._known.get(rest)
        if block is None:
            block = None if rest in self._known else self._learn(data, rest)
            if block is None:
                return None
        return data[:end], block

    def head_of(self, data: bytes) -> RequestHead:
        """Return the head of a request that was recognised."""
        head = self._read_strictly(data)
        assert head is not None
        return head

    def _learn(self, data: bytes, rest: bytes) -> SimpleBlock | None:
        try:
            head = self._read_strictly(data)
        except RemoteProtocolError:
            return None
        if head is None:
            return None
        block = _simple_block(head)
        self._known.remember(rest, block)
        return block

    def _read_strictly(self, data: bytes) -> RequestHead | None:
        """Return the head when there is exactly one and nothing behind it."""
        reader = RequestReader(self._memo, self._limits)
        reader.receive(data)
        head = reader.next_head()
        return None if reader.has_input else head


def _simple_block(head: RequestHead) -> SimpleBlock | None:
    fields = head.fields
    if head.length or fields.upgrade or fields.expect:
        return None
    forwarded_for = b"%b, " % fields.forwarded_for if fields.forwarded_for else b""
    lines = b"%bX-Forwarded-For: %b" % (fields.spliced, forwarded_for)
    return SimpleBlock(lines, head.keep_alive, fields.request_id, json_text(fields.host))


class SimpleResponse(NamedTuple):
    """A simple response's head, up to where the request id goes, and how long its body is.

    ``closing_lines`` are for a client whose connection ends with it.
    """

    status: int
    lines: bytes
    closing_lines: bytes
    length: int
    has_date: bool


class SimpleResponses:
    """Recognises simple responses to a GET; one serves all connections of a process."""

    __slots__ = ("_known", "_limits", "_memo")

    def __init__(
        self, memo: BlockMemo[ResponseFields], limits: HttpLimits = DEFAULT_LIMITS
    ) -> None:
        self._limits = limits
        self._memo = memo
        self._known: _Known[SimpleResponse] = _Known()

    def read(self, data: bytes) -> tuple[SimpleResponse, bytes] | None:
        """Return the response and its body with the empty line before it."""
        end = data.find(_END)
        if end < 0:
            return None
        head = data[:end]
        response = self._known.get(head)
        if response is None:
            response = None if head in self._known else self._learn(head)
            if response is None:
                return None
        if len(data) - end - 4 != response.length:
            return None
        return response, data[end:]

    def _learn(self, head: bytes) -> SimpleResponse | None:
        reader = ResponseReader(self._memo, self._limits)
        reader.receive(head + _END)
        try:
            read = reader.next_head()
        except RemoteProtocolError:
            return None
        response = None if read is None else _simple_response(read)
        self._known.remember(head, response)
        return response


def _simple_response(head: ResponseHead) -> SimpleResponse | None:
    if head.status < 200 or head.fields.upgrade or not head.keep_alive:
        return None
    length = response_length(head.status, head.fields, b"GET")
    if length < 0:
        return None
    framing_line = response_framing_line(head.status, head.fields, length)
    lines = b"HTTP/1.1 %b\r\n%b%b" % (head.status_text, head.fields.lines, framing_line)
    return SimpleResponse(
        head.status,
        lines + _REQUEST_ID,
        b"%b%b%b" % (lines, CLOSE, _REQUEST_ID),
        length,
        head.fields.has_date,
    )
