"""How a server's response is handed to its client: head, framing, body, and what ends it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from proxy.core.http.bodies import COMPLETE, Body, body_of
from proxy.core.http.compression import GzipBody, choose_compression, pack
from proxy.core.http.events import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead
from proxy.core.http.framing import response_framing_line, response_length
from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits

_CHUNKED_LINE = b"Transfer-Encoding: chunked\r\n"


class Delivery(NamedTuple):
    """A response from its head on. ``relay`` is the first of its body, of ``consumed`` bytes."""

    head: ResponseHead
    framing_line: bytes
    body: Body
    relay: Sequence[bytes | memoryview]
    consumed: int
    ends_with_connection: bool


def plan_delivery(
    request: RequestHead,
    head: ResponseHead,
    rest: bytes,
    *,
    gzip: bool = False,
    limits: HttpLimits = DEFAULT_LIMITS,
) -> Delivery:
    """Return how to deliver a response whose body begins with ``rest``."""
    length = response_length(head.status, head.fields, request.method)
    if gzip and (compression := choose_compression(request, head)) is not None:
        head = head._replace(fields=replace(head.fields, lines=compression.lines))
        if compression.is_packed and length:
            return _packed(request, head, length, rest, limits)
    framing_line = response_framing_line(head.status, head.fields, length)
    if length == len(rest):
        # The usual case: small answers come whole.
        return Delivery(head, framing_line, COMPLETE, (rest,), length, False)
    is_decoded = length == CHUNKED and not request.is_http_11
    body = body_of(length, decode=is_decoded, limits=limits)
    relay, consumed = body.receive(memoryview(rest))
    ends = is_decoded or length == UNTIL_CLOSE
    return Delivery(head, b"" if is_decoded else framing_line, body, relay, consumed, ends)


def _packed(
    request: RequestHead, head: ResponseHead, length: int, rest: bytes, limits: HttpLimits
) -> Delivery:
    """Return a packed delivery; a body that came whole keeps a length."""
    if length == len(rest):
        data = pack(rest)
        return Delivery(
            head, b"Content-Length: %d\r\n" % len(data), COMPLETE, (data,), length, False
        )
    is_chunked = request.is_http_11
    source = body_of(length, decode=True, limits=limits)
    body = GzipBody(source, is_chunked=is_chunked, is_hurried=length < 0)
    relay, consumed = body.receive(memoryview(rest))
    framing_line = _CHUNKED_LINE if is_chunked else b""
    return Delivery(head, framing_line, body, relay, consumed, not is_chunked)
