"""Strict reading of header blocks (RFC 9110 section 5, RFC 9112 section 5), and a memo of them.

A block is every header line with its CRLF, without the empty line that ends it. Anything that two
programs could read in two ways is an error: folded lines, bare CR or LF, NUL and other control
characters, a name that is no token. A response may have white space before the colon, which a
proxy has to remove (RFC 9112 section 5.1); a request may not.
"""

import re
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from proxy.core.exceptions import RemoteProtocolError

T = TypeVar("T")

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_VALUE = rb"[\t\x20-\x7e\x80-\xff]"
# Possessive repeats: a line matches in one way only, so a bad block cannot make this slow.
_REQUEST_BLOCK = re.compile(rb"(?:" + TOKEN + rb"++:" + _VALUE + rb"*+\r\n)*+")
_RESPONSE_BLOCK = re.compile(rb"(?:" + TOKEN + rb"++[ \t]*+:" + _VALUE + rb"*+\r\n)*+")
_TOKEN_ONLY = re.compile(TOKEN + rb"+")

BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")


class Field(NamedTuple):
    """One header line: its name in small letters, its value without the space around, itself."""

    name: bytes
    value: bytes
    line: bytes


def parse_request_fields(block: bytes, max_fields: int) -> list[Field]:
    """Return the fields of a request; raise RemoteProtocolError when the block is malformed."""
    if _REQUEST_BLOCK.fullmatch(block) is None:
        raise RemoteProtocolError("malformed header line")
    return _split(block, max_fields)


def parse_response_fields(block: bytes, max_fields: int) -> list[Field]:
    """Return the fields of a response, white space before a colon taken away."""
    if _RESPONSE_BLOCK.fullmatch(block) is None:
        raise RemoteProtocolError("malformed header line")
    return _split(block, max_fields)


def _split(block: bytes, max_fields: int) -> list[Field]:
    lines = block.split(b"\r\n")
    lines.pop()
    if len(lines) > max_fields:
        raise RemoteProtocolError("too many header fields", 431)
    fields = []
    for line in lines:
        name, _, value = line.partition(b":")
        if name.endswith((b" ", b"\t")):
            name = name.rstrip(b" \t")
            line = name + b":" + value
        fields.append(Field(name.lower(), value.strip(b" \t"), line))
    return fields


def values_of(fields: Iterable[Field], name: bytes) -> list[bytes]:
    """Return the values of every line with this name, in order."""
    return [field.value for field in fields if field.name == name]


def list_members(values: Iterable[bytes]) -> list[bytes]:
    """Return the members of a comma-separated list that may be spread over several lines."""
    members = (member.strip(b" \t") for value in values for member in value.split(b","))
    return [member for member in members if member]


def is_token(value: bytes) -> bool:
    """Return whether the value is one token, as names and options are."""
    return _TOKEN_ONLY.fullmatch(value) is not None


class BlockMemo(Generic[T]):
    """Remembers what blocks mean, for clients and servers that send the same block again.

    Only blocks that passed the strict reading get in, since ``read`` raises for all others. When
    it is full it is emptied: the blocks in use are back after one request each.
    """

    __slots__ = ("_known", "_max_block_bytes", "_max_blocks", "_read")

    def __init__(
        self, read: Callable[[bytes], T], *, max_blocks: int = 1024, max_block_bytes: int = 2048
    ) -> None:
        self._read = read
        self._known: dict[bytes, T] = {}
        self._max_blocks = max_blocks
        self._max_block_bytes = max_block_bytes

    def __len__(self) -> int:
        return len(self._known)

    def look_up(self, block: bytes) -> T:
        """Return what the block means."""
        meaning = self._known.get(block)
        if meaning is None:
            meaning = self._read(block)
            if len(block) <= self._max_block_bytes:
                if len(self._known) >= self._max_blocks:
                    self._known.clear()
                self._known[block] = meaning
        return meaning
