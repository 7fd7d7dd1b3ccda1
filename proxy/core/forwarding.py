"""What of a header block goes further, and what we write anew (RFC 9110 section 7.6).

Hop-by-hop fields end here in both directions, together with every field that ``Connection`` names.
Fields that we own (Host, framing, ``X-Forwarded-For``, ``X-Request-Id``) are taken out of the lines
and written again in one place, so that a server sees each of them once.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import replace

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.compression import accepts_gzip
from proxy.core.http.events import RequestFields, ResponseFields
from proxy.core.http.framing import (
    content_length,
    is_chunked,
    request_framing_line,
    request_length,
)
from proxy.core.http.headers import Field, list_members, values_of

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_REQUEST_REWRITTEN = frozenset(
    {
        b"host",
        b"content-length",
        b"expect",
        b"proxy-authorization",
        b"x-forwarded-for",
        b"x-request-id",
    }
)
# Servers with CGI-like variables cannot tell "_" from "-", so these would pose as ours.
_LOOK_ALIKES = frozenset(
    {b"content_length", b"transfer_encoding", b"x_forwarded_for", b"x_request_id"}
)
_REQUEST_TAKEN_OUT = _HOP_BY_HOP | _REQUEST_REWRITTEN | _LOOK_ALIKES
_RESPONSE_TAKEN_OUT = _HOP_BY_HOP | {b"content-length", b"proxy-authenticate", b"x-request-id"}

_HOST = re.compile(
    rb"(?:(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+)"
    rb"(?::([0-9]{0,5}))?)?"
)
_MAX_FORWARDS = re.compile(rb"[0-9]{1,9}")
MAX_PORT = 65535
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")


def is_host(value: bytes) -> bool:
    """Return whether the value is a host with an optional port (RFC 9110 section 7.2)."""
    match = _HOST.fullmatch(value)
    if match is None or int(match.group(2) or 0) > MAX_PORT:
        return False
    return match.group(1) is None or _is_ipv6(match.group(1))


def _is_ipv6(text: bytes) -> bool:
    try:
        ipaddress.IPv6Address(text.decode("ascii"))
    except ValueError:
        return False
    return True


def request_fields(fields: Sequence[Field]) -> RequestFields:
    """Return what a request's fields mean; raise when they contradict each other."""
    options = _connection_options(fields)
    length = request_length(fields)
    host = _host(fields)
    upgrade = _upgrade(fields, options) if length == 0 else b""
    expect = b", ".join(values_of(fields, b"expect"))
    lines = _kept_lines(fields, _REQUEST_TAKEN_OUT | options)
    framing_line = request_framing_line(fields, length)
    forwarded_for = [] if b"x-forwarded-for" in options else values_of(fields, b"x-forwarded-for")
    return RequestFields(
        host=host,
        length=length,
        close=b"close" in options,
        keep_alive=b"keep-alive" in options,
        upgrade=upgrade,
        expect=expect,
        max_forwards=_max_forwards(fields),
        accepts_gzip=accepts_gzip(values_of(fields, b"accept-encoding")),
        forwarded_for=b", ".join(value for value in forwarded_for if value),
        request_id=None if b"x-request-id" in options else _request_id(fields),
        lines=lines,
        framing_line=framing_line,
        spliced=_spliced(host, lines, expect, framing_line),
    )


def with_lines(fields: RequestFields, lines: bytes) -> RequestFields:
    """Return the fields with other lines to go further."""
    spliced = _spliced(fields.host, lines, fields.expect, fields.framing_line)
    return replace(fields, lines=lines, spliced=spliced)


def _spliced(host: bytes | None, lines: bytes, expect: bytes, framing_line: bytes) -> bytes:
    return b"%b%b%b%b" % (host_line(host), lines, _expect_line(expect), framing_line)


def response_fields(fields: Sequence[Field]) -> ResponseFields:
    """Return what a response's fields mean; raise when they contradict each other."""
    options = _connection_options(fields)
    length = content_length(fields)
    chunked = is_chunked(fields)
    if chunked and length is not None:
        raise RemoteProtocolError("both Content-Length and Transfer-Encoding")
    return ResponseFields(
        content_length=length,
        chunked=chunked,
        close=b"close" in options,
        keep_alive=b"keep-alive" in options,
        upgrade=b", ".join(values_of(fields, b"upgrade")),
        has_date=any(field.name == b"date" for field in fields),
        lines=_kept_lines(fields, _RESPONSE_TAKEN_OUT | options),
    )


def host_line(host: bytes | None) -> bytes:
    """Return the Host line; a request that came without a host has none."""
    return b"" if host is None else b"Host: %b\r\n" % host


def _expect_line(expect: bytes) -> bytes:
    return b"Expect: %b\r\n" % expect if expect else b""


def upgrade_lines(upgrade: bytes) -> bytes:
    """Return the two lines that offer, accept or ask for another protocol."""
    return b"Connection: Upgrade\r\nUpgrade: %b\r\n" % upgrade


def is_offered(upgrade: bytes, offer: bytes) -> bool:
    """Return whether the server switched to what was offered; without a name it has to be that."""
    offered = {each.lower() for each in list_members([offer])}
    return bool(offered) and {each.lower() for each in list_members([upgrade])} <= offered


def _connection_options(fields: Sequence[Field]) -> frozenset[bytes]:
    values = values_of(fields, b"connection")
    return frozenset(option.lower() for option in list_members(values))


def _host(fields: Sequence[Field]) -> bytes | None:
    hosts = values_of(fields, b"host")
    if len(hosts) > 1:
        raise RemoteProtocolError("more than one Host")
    if hosts and not is_host(hosts[0]):
        raise RemoteProtocolError("malformed Host")
    return hosts[0] if hosts else None


def _upgrade(fields: Sequence[Field], options: frozenset[bytes]) -> bytes:
    """Return the protocols to offer. HTTP/2 is not one: we would not understand what follows."""
    if b"upgrade" not in options:
        return b""
    protocols = list_members(values_of(fields, b"upgrade"))
    return b", ".join(each for each in protocols if not each.lower().startswith((b"h2", b"http")))


def _max_forwards(fields: Sequence[Field]) -> int | None:
    values = values_of(fields, b"max-forwards")
    if len(values) == 1 and _MAX_FORWARDS.fullmatch(values[0]):
        return int(values[0])
    return None


def _request_id(fields: Sequence[Field]) -> bytes | None:
    values = values_of(fields, b"x-request-id")
    if len(values) == 1 and _REQUEST_ID.fullmatch(values[0]):
        return values[0]
    return None


def _kept_lines(fields: Sequence[Field], taken_out: frozenset[bytes]) -> bytes:
    return b"".join(field.line + b"\r\n" for field in fields if field.name not in taken_out)
