"""Marks: short signed texts that name a server to nobody but the proxies of its load balancer.

A mark holds the server's name under the load balancer's key, when it was given, and a signature
over both. So every worker and every proxy with the same snapshot reads the marks of all others,
without a store that they share, and nobody else can make one or learn an address from it.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping

_NAME_BYTES = 9
_TIME_BYTES = 6
_SIGNATURE_BYTES = 15
_LABEL_BYTES = 4
MARK_CHARACTERS = (_NAME_BYTES + _TIME_BYTES + _SIGNATURE_BYTES) * 4 // 3
"""All 40 of them count: there are no spare bits that two texts of one mark could differ in."""


class Marks:
    """Makes and reads the marks of a group's servers."""

    __slots__ = ("_by_name", "_key", "_names")

    def __init__(self, key: bytes, servers: Iterable[str], before: "Marks | None" = None) -> None:
        # Keyed BLAKE2 (RFC 7693) takes a third of an HMAC's time; a group may have 2,000 servers.
        self._key = hashlib.sha256(key).digest()
        known: Mapping[str, bytes] = before._names if before and before._key == self._key else {}
        self._names: Mapping[str, bytes] = {
            each: known.get(each) or self._name(each) for each in servers
        }
        self._by_name = {name: server for server, name in self._names.items()}

    def write(self, server: str, now: float) -> bytes:
        """Return a mark of the server; ``now`` is the time of day in Unix seconds."""
        name = self._names.get(server) or self._name(server)
        text = name + int(now * 1000).to_bytes(_TIME_BYTES, "big")
        return urlsafe_b64encode(text + self._sign(text))

    def read(self, mark: bytes) -> tuple[str, float] | None:
        """Return the server and when it was marked; None: the mark is not of a server here."""
        text = self._text_of(mark)
        server = self._by_name.get(text[:_NAME_BYTES])
        return (server, _time_in(text)) if server is not None else None

    def made_at(self, mark: bytes) -> float | None:
        """Return when this load balancer made the mark, for a server of any group; None: never."""
        text = self._text_of(mark)
        return _time_in(text) if text else None

    def _text_of(self, mark: bytes) -> bytes:
        """Return what stands in the mark; nothing when it is not one of ours."""
        if len(mark) != MARK_CHARACTERS:
            return b""
        try:
            data = urlsafe_b64decode(mark)
        except ValueError:
            return b""
        text, signature = data[:-_SIGNATURE_BYTES], data[-_SIGNATURE_BYTES:]
        # What is no base64 is skipped by the decoder, so a shorter text is no mark either.
        if len(text) != _NAME_BYTES + _TIME_BYTES:
            return b""
        return text if hmac.compare_digest(signature, self._sign(text)) else b""

    def label(self, group: str) -> str:
        """Return a short name of a server group that says nothing about it."""
        return self._digest(b"group", group.encode(), _LABEL_BYTES).hex()

    def _name(self, server: str) -> bytes:
        return self._digest(b"server", server.encode(), _NAME_BYTES)

    def _sign(self, text: bytes) -> bytes:
        return self._digest(b"mark", text, _SIGNATURE_BYTES)

    def _digest(self, purpose: bytes, text: bytes, size: int) -> bytes:
        return hashlib.blake2b(text, digest_size=size, key=self._key, person=purpose).digest()


def _time_in(text: bytes) -> float:
    return int.from_bytes(text[_NAME_BYTES:], "big") / 1000
