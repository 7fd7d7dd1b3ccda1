"""The request fields that a listener adds when it is told to, each in the place of the client's.

Their names are those that applications know from the original (slb-rpc-api.md section 5.6). A
client cannot pose as the load balancer: what it sent under such a name is taken out, and so is a
name with ``_`` for ``-``, which servers with CGI-like variables cannot tell from it.
"""

import re
from collections.abc import Iterator

from proxy.snapshot import Listener, Protocol

CLIENT_PORT = b"X-Forwarded-Client-srcport"


class AddedFields:
    """What the requests of one listener get beside ``X-Forwarded-For``."""

    __slots__ = ("_has_client_port", "_lines", "_spoofed")

    def __init__(self, listener: Listener, load_balancer: str, address: str) -> None:
        fields = dict(_fixed_fields(listener, load_balancer, address))
        self._has_client_port = listener.forwarded_client_port
        self._lines = b"".join(b"%b: %b\r\n" % field for field in fields.items())
        names = [*fields, CLIENT_PORT] if self._has_client_port else [*fields]
        self._spoofed = _pattern(names)

    def __bool__(self) -> bool:
        return self._spoofed is not None

    def add_to(self, block: bytes, client_port: int) -> bytes:
        """Return the header block with the fields of the listener instead of the client's."""
        if self._spoofed is None:
            return block
        own = self._spoofed.sub(b"", block) + self._lines
        return b"%b%b: %d\r\n" % (own, CLIENT_PORT, client_port) if self._has_client_port else own


def _fixed_fields(
    listener: Listener, load_balancer: str, address: str
) -> Iterator[tuple[bytes, bytes]]:
    if listener.forwarded_proto:
        yield b"X-Forwarded-Proto", b"https" if listener.protocol is Protocol.HTTPS else b"http"
    if listener.forwarded_port:
        yield b"X-Forwarded-Port", b"%d" % listener.port
    if listener.forwarded_instance_address:
        yield b"SLB-IP", address.encode("ascii")
    if listener.forwarded_instance_id:
        yield b"SLB-ID", load_balancer.encode("ascii")


def _pattern(names: list[bytes]) -> re.Pattern[bytes] | None:
    """Return what finds the lines with these names in a block; None when there are no names."""
    if not names:
        return None
    choices = b"|".join(name.replace(b"-", b"[-_]") for name in names)
    return re.compile(rb"^(?:" + choices + rb"):[^\n]*\n", re.IGNORECASE | re.MULTILINE)
