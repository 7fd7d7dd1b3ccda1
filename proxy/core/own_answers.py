"""Requests that the proxy answers itself, though nothing is wrong: no server hears of them."""

from typing import NamedTuple

from proxy.core.http.events import RequestHead
from proxy.core.reasons import Reason

_TRACED = frozenset({b"TRACE", b"OPTIONS"})


class OwnAnswer(NamedTuple):
    """An answer of our own; ``lines`` are header lines that belong to it."""

    status: int
    reason: Reason
    lines: bytes = b""


def own_answer(
    head: RequestHead, *, redirect_port: int | None, default_host: bytes
) -> OwnAnswer | None:
    """Return the answer to a request that goes no further, None when a server answers.

    ``default_host`` stands in for the host that an HTTP/1.0 request may lack.
    """
    if redirect_port is not None:
        location = _https_address(head, redirect_port, default_host)
        return OwnAnswer(301, Reason.REDIRECT, b"Location: %b\r\n" % location)
    if head.fields.max_forwards == 0 and head.method in _TRACED:
        # RFC 9110 section 7.6.2. A request is not sent back as it came: it may hold secrets.
        return OwnAnswer(200 if head.method == b"OPTIONS" else 501, Reason.MAX_FORWARDS)
    return None


def _https_address(head: RequestHead, port: int, default_host: bytes) -> bytes:
    """Return the address asked for, on HTTPS; host and path were checked when they were read."""
    host = head.authority or head.fields.host or default_host
    name, colon, digits = host.rpartition(b":")
    if colon and (digits.isdigit() or not digits):
        host = name
    target = head.target if head.target.startswith(b"/") else b"/"
    return b"https://%b%b%b" % (host, b"" if port == 443 else b":%d" % port, target)
