"""Which addresses servers and load balancers may have."""

from ipaddress import IPv4Network

import pytest

from balancer.domain.networks import (
    check_server_address,
    check_virtual_address,
    first_free_address,
)
from balancer.exceptions import Invalid

POOL = IPv4Network("10.9.0.0/29")


@pytest.mark.parametrize("address", ["10.0.0.1", " 10.0.0.1 ", "192.168.3.4", "8.8.8.8"])
def test_unicast_addresses_are_servers(address):
    found = check_server_address(address, field="address", loopback_allowed=False)
    assert found == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("0.0.0.0", id="unspecified"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("10.0.0.256", id="not-an-address"),
        pytest.param("010.0.0.1", id="leading-zero"),
        pytest.param("10.0.0.1/24", id="network"),
        pytest.param("１0.0.0.1", id="full-width"),
        pytest.param("2001:db8::1", id="ipv6"),
        pytest.param("web-1", id="name"),
        pytest.param("", id="empty"),
        pytest.param(None, id="none"),
        pytest.param(167772161, id="number"),
    ],
)
def test_other_addresses_are_refused(address):
    """2.13: a server has a unicast address, no loopback, multicast or unspecified one."""
    with pytest.raises(Invalid) as refused:
        check_server_address(address, field="servers[1].address", loopback_allowed=False)
    assert refused.value.fields.keys() == {"servers[1].address"}


def test_loopback_servers_are_a_matter_of_the_installation():
    """OPENCLB_ALLOW_LOOPBACK_SERVERS allows loopback, and nothing else."""
    assert check_server_address("127.77.0.1", field="a", loopback_allowed=True) == "127.77.0.1"
    with pytest.raises(Invalid):
        check_server_address("224.0.0.1", field="a", loopback_allowed=True)


@pytest.mark.parametrize("address", ["10.9.0.1", "10.9.0.6"])
def test_a_requested_address_lies_in_the_pool(address):
    assert check_virtual_address(address, pool=POOL) == address


@pytest.mark.parametrize("address", ["10.9.0.0", "10.9.0.7", "10.9.0.8", "10.8.255.255", "x"])
def test_addresses_outside_the_pool_and_its_edges_are_refused(address):
    with pytest.raises(Invalid) as refused:
        check_virtual_address(address, pool=POOL)
    assert refused.value.fields.keys() == {"address"}


def test_the_lowest_free_address_is_given():
    assert first_free_address(POOL, set()) == "10.9.0.1"
    assert first_free_address(POOL, {"10.9.0.1", "10.9.0.3"}) == "10.9.0.2"
    assert first_free_address(POOL, {f"10.9.0.{n}" for n in range(1, 7)}) is None
