"""How much of a message a peer may send and how long it may take, unless a node says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one message and one connection; what goes over them is refused, never stored.

    ``max_pipelined_bytes`` is how much a client may send ahead before we stop reading it.
    ``head_timeout_s`` counts from a head's first byte, however often another one comes.
    ``min_body_rate`` is in bytes per second, over each ``body_grace_s`` in which a client is read;
    0: a body may come as slowly as it likes. After its last answer a client has ``linger_s``
    without input, and ``max_linger_s`` in all, to fetch it.
    """

    max_request_line_bytes: int = 16 * 1024
    max_header_bytes: int = 64 * 1024
    max_header_fields: int = 128
    max_chunk_line_bytes: int = 1024
    max_trailer_bytes: int = 16 * 1024
    max_pipelined_bytes: int = 64 * 1024
    head_timeout_s: float = 15
    min_body_rate: int = 64
    body_grace_s: float = 60
    linger_s: float = 2
    max_linger_s: float = 30


DEFAULT_LIMITS = HttpLimits()

LIMIT_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    # The short way of simple requests relies on the least of the first two.
    "max_request_line_bytes": (8192, 1024 * 1024),
    "max_header_bytes": (8192, 1024 * 1024),
    "max_header_fields": (16, 10_000),
    "max_chunk_line_bytes": (64, 64 * 1024),
    "max_trailer_bytes": (64, 1024 * 1024),
    "max_pipelined_bytes": (8192, 16 * 1024 * 1024),
    "head_timeout_s": (1, 600),
    "min_body_rate": (0, 1024 * 1024),
    "body_grace_s": (1, 3600),
    "linger_s": (1, 60),
    "max_linger_s": (1, 600),
}
"""What each limit may be set to."""
