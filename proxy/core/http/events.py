"""What the readers report: heads of messages and parts of bodies. All of them are values.

Heads are named tuples and not dataclasses because one is made for every message. What they share
with other messages (the analysed header block) is a frozen dataclass that is built once.
"""

from dataclasses import dataclass
from typing import NamedTuple

CHUNKED = -1
"""Body length of a message that says its length chunk by chunk (RFC 9112 section 7.1)."""
UNTIL_CLOSE = -2
"""Body length of a response that ends with its connection, and of a tunnel."""


@dataclass(frozen=True, slots=True)
class RequestFields:
    """A request's header block: what we need to know, and the lines that may go further.

    ``lines`` holds the end-to-end lines as they came, without those that are written anew.
    ``spliced`` is the block as the server gets it in the ordinary case: Host, ``lines``, Expect
    and one framing line.
    """

    host: bytes | None
    length: int
    close: bool
    keep_alive: bool
    upgrade: bytes
    expect: bytes
    max_forwards: int | None
    accepts_gzip: bool
    forwarded_for: bytes
    request_id: bytes | None
    lines: bytes
    framing_line: bytes
    spliced: bytes


@dataclass(frozen=True, slots=True)
class ResponseFields:
    """A response's header block: what we need to know, and the lines that may go further."""

    content_length: int | None
    chunked: bool
    close: bool
    keep_alive: bool
    upgrade: bytes
    has_date: bool
    lines: bytes


class RequestHead(NamedTuple):
    """One request up to its body. ``authority`` is set when the target named the host."""

    method: bytes
    target: bytes
    is_http_11: bool
    keep_alive: bool
    length: int
    authority: bytes | None
    fields: RequestFields


class ResponseHead(NamedTuple):
    """One response up to its body. ``status_text`` is the status with its reason phrase."""

    status: int
    status_text: bytes
    is_http_11: bool
    keep_alive: bool
    fields: ResponseFields


class BodyPart(NamedTuple):
    """What one input was: ``relay`` goes to the other side, ``consumed`` bytes are used."""

    relay: list[bytes | memoryview]
    consumed: int
