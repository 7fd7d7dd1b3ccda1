"""How much of a message head a peer may send; all sizes in bytes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one message; what goes over them is refused, never stored."""

    max_request_line_bytes: int = 16 * 1024
    max_header_bytes: int = 64 * 1024
    max_header_fields: int = 128
    max_chunk_line_bytes: int = 1024
    max_trailer_bytes: int = 16 * 1024


DEFAULT_LIMITS = HttpLimits()
