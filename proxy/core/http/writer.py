"""Writes heads: requests to servers, responses to clients, and answers of our own.

Every request goes out as HTTP/1.1 with exactly one Host, one framing line and one request id,
whatever came in. Every response goes out as HTTP/1.1 with the request id, and says ``Connection:
close`` when the connection ends with it.
"""

import re
from http import HTTPStatus

from proxy.core.added_fields import AddedFields
from proxy.core.forwarding import host_line, upgrade_lines
from proxy.core.http.events import RequestHead, ResponseHead

CLOSE = b"Connection: close\r\n"
KEEP_ALIVE = b"Connection: keep-alive\r\n"

_MAX_FORWARDS = re.compile(rb"^Max-Forwards:[^\n]*\n", re.IGNORECASE | re.MULTILINE)
_OWN_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def write_request_head(
    head: RequestHead,
    *,
    peer: bytes,
    request_id: bytes,
    append_forwarded_for: bool,
    default_host: bytes,
    added: AddedFields | None = None,
    client_port: int = 0,
) -> bytes:
    """Return the head that the server gets.

    ``peer`` and ``client_port`` are the client's address; ``default_host`` stands in for the host
    that an HTTP/1.0 request may lack; ``added`` are the fields that the listener adds.
    """
    fields = head.fields
    if head.authority is None and head.is_http_11 and not fields.upgrade:
        block = fields.spliced
    else:
        block = _special_block(head, default_host)
    if fields.max_forwards is not None and head.method in {b"TRACE", b"OPTIONS"}:
        left = b"Max-Forwards: %d\r\n" % (fields.max_forwards - 1)
        block = _MAX_FORWARDS.sub(left, block)
    if added is not None:
        block = added.add_to(block, client_port)
    forwarded_for = fields.forwarded_for
    if append_forwarded_for:
        forwarded_for = b"%b, %b" % (forwarded_for, peer) if forwarded_for else peer
    return b"%b %b HTTP/1.1\r\n%b%bX-Request-Id: %b\r\n\r\n" % (
        head.method,
        head.target,
        block,
        b"X-Forwarded-For: %b\r\n" % forwarded_for if forwarded_for else b"",
        request_id,
    )


def _special_block(head: RequestHead, default_host: bytes) -> bytes:
    """Return the block of a request with a host in its target, an upgrade or version 1.0."""
    fields = head.fields
    host = head.authority or fields.host
    parts = [host_line(default_host if host is None else host), fields.lines, fields.framing_line]
    # An expectation of HTTP/1.0 is ignored (RFC 9110 section 10.1.1), and so is an upgrade.
    if head.is_http_11:
        if fields.expect:
            parts.append(b"Expect: %b\r\n" % fields.expect)
        if fields.upgrade:
            parts.append(upgrade_lines(fields.upgrade))
    return b"".join(parts)


def write_interim_head(head: ResponseHead) -> bytes:
    """Return a 1xx response as the client gets it."""
    return b"HTTP/1.1 %b\r\n%b\r\n" % (head.status_text, head.fields.lines)


def write_response_head(
    head: ResponseHead,
    *,
    framing_line: bytes,
    connection_line: bytes,
    request_id: bytes,
    date_line: bytes = b"",
) -> bytes:
    """Return a final response's head as the client gets it, with the date that it may lack."""
    return b"HTTP/1.1 %b\r\n%b%b%b%bX-Request-Id: %b\r\n\r\n" % (
        head.status_text,
        head.fields.lines,
        b"" if head.fields.has_date else date_line,
        framing_line,
        connection_line,
        request_id,
    )


def connection_line(*, keep_alive: bool, is_http_11: bool) -> bytes:
    """Return the Connection line that tells the client what happens next."""
    if not keep_alive:
        return CLOSE
    return b"" if is_http_11 else KEEP_ALIVE


def write_own_answer(
    status: int,
    *,
    reason: str,
    request_id: bytes,
    connection: bytes,
    date_line: bytes = b"",
    lines: bytes = b"",
    has_body: bool = True,
) -> bytes:
    """Return a whole answer of our own; its short text names the reason and the request.

    ``lines`` are further header lines that belong to it.
    """
    status_text = f"{status} {_OWN_PHRASES[status]}"
    text = f"{status_text}\nreason: {reason}\nrequest id: {request_id.decode('ascii')}\n"
    head = (
        f"HTTP/1.1 {status_text}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\n"
        "Cache-Control: no-store\r\n"
        f"X-OpenCLB-Reason: {reason}\r\n"
    )
    return b"%b%b%b%bX-Request-Id: %b\r\n\r\n%b" % (
        head.encode("ascii"),
        date_line,
        lines,
        connection,
        request_id,
        text.encode("ascii") if has_body else b"",
    )
