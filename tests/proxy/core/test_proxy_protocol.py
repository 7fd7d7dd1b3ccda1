"""The header of the PROXY protocol version 2, byte for byte as its specification writes it."""

import pytest

from proxy.core.proxy_protocol import ProxyHeader
from proxy.snapshot import Protocol

# Signature, version 2 and command PROXY, IPv4 over TCP or UDP, 12 bytes of addresses and ports.
TCP = "0d0a0d0a000d0a515549540a2111000cc00002077f580001d4311f90"
UDP = "0d0a0d0a000d0a515549540a2112000cc00002077f580001d4311f90"


@pytest.mark.parametrize(("protocol", "expected"), [(Protocol.TCP, TCP), (Protocol.UDP, UDP)])
def test_header_names_the_client_and_where_it_came_to(protocol, expected):
    header = ProxyHeader(protocol, ("127.88.0.1", 8080))
    assert header.header_for(("192.0.2.7", 54321)).hex() == expected
