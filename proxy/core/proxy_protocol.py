"""The header of the PROXY protocol, version 2: it tells a server who its client is.

Over TCP it stands once, before the first byte; over UDP before each datagram. Addresses are IPv4,
and there are no further fields.
"""

import struct
from ipaddress import IPv4Address

from proxy.core.scheduling.scheduler import Peer
from proxy.snapshot import Protocol

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_VERSION_2_PROXY = 0x21
_FAMILY = {Protocol.TCP: 0x11, Protocol.UDP: 0x12}  # over IPv4
_ADDRESSES = struct.Struct("!4s4sHH")


class ProxyHeader:
    """Makes the headers of one listener; ``destination`` is where its clients come to."""

    __slots__ = ("_destination", "_port", "_start")

    def __init__(self, protocol: Protocol, destination: Peer) -> None:
        address, self._port = destination
        self._destination = IPv4Address(address).packed
        self._start = _SIGNATURE + struct.pack(
            "!BBH", _VERSION_2_PROXY, _FAMILY[protocol], _ADDRESSES.size
        )

    def header_for(self, client: Peer) -> bytes:
        """Return the header that names this client."""
        address, port = client
        source = IPv4Address(address).packed
        return self._start + _ADDRESSES.pack(source, self._destination, port, self._port)
