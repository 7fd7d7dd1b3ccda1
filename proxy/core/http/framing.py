"""How long a message's body is (RFC 9112 section 6.3), decided in exactly one way or not at all.

Requests with both Content-Length and Transfer-Encoding, or with lengths that differ, are how
smuggling works, so they are refused. Responses of that kind count as malformed too: relaying one
would pass the doubt on to the client.
"""

import re
from collections.abc import Sequence

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.events import CHUNKED, UNTIL_CLOSE, ResponseFields
from proxy.core.http.headers import Field, is_token, list_members, values_of

# 18 digits stay below 2**63, where every server's counter still works. int() alone would also
# accept "+5", "0_5" and digits of other scripts.
_LENGTH = re.compile(rb"[0-9]{1,18}")


def content_length(fields: Sequence[Field]) -> int | None:
    """Return the one Content-Length of the fields; raise when there are two that differ."""
    values = values_of(fields, b"content-length")
    if not values:
        return None
    members = {member.strip(b" \t") for value in values for member in value.split(b",")}
    if len(members) > 1:
        raise RemoteProtocolError("Content-Length values differ")
    (member,) = members
    if _LENGTH.fullmatch(member) is None:
        raise RemoteProtocolError("Content-Length is no number")
    return int(member)


def is_chunked(fields: Sequence[Field]) -> bool:
    """Return whether the body is chunked; raise for every other transfer coding."""
    values = values_of(fields, b"transfer-encoding")
    if not values:
        return False
    codings = [coding.lower() for coding in list_members(values)]
    if codings == [b"chunked"]:
        return True
    if b"chunked" in codings[:-1] or not codings or not all(map(is_token, codings)):
        raise RemoteProtocolError("Transfer-Encoding is malformed")
    raise RemoteProtocolError("Transfer-Encoding is not supported", 501)


def request_length(fields: Sequence[Field]) -> int:
    """Return the length of a request's body, or CHUNKED."""
    length = content_length(fields)
    if not any(field.name == b"transfer-encoding" for field in fields):
        return length or 0
    if length is not None:
        raise RemoteProtocolError("both Content-Length and Transfer-Encoding")
    is_chunked(fields)
    return CHUNKED


def request_framing_line(fields: Sequence[Field], length: int) -> bytes:
    """Return the one framing line that the server gets."""
    if length == CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    if any(field.name == b"content-length" for field in fields):
        return b"Content-Length: %d\r\n" % length
    return b""


def response_length(status: int, fields: ResponseFields, method: bytes) -> int:
    """Return the length of a final response's body, CHUNKED or UNTIL_CLOSE."""
    if method == b"HEAD" or status in {204, 304}:
        return 0
    if fields.chunked:
        return CHUNKED
    if fields.content_length is None:
        return UNTIL_CLOSE
    return fields.content_length


def response_framing_line(status: int, fields: ResponseFields, length: int) -> bytes:
    """Return the framing line that the client gets when the body is relayed as it came."""
    if length == CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    # RFC 9110 section 8.6: never in a 1xx or 204; in a 304 and for HEAD it tells of the GET.
    if fields.content_length is None or status == 204 or status < 200:
        return b""
    return b"Content-Length: %d\r\n" % fields.content_length
