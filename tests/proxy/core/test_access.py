"""Who may connect: networks of every length, looked up as the standard library would."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.access import AccessRules
from proxy.snapshot import Access, AccessKind

NETWORKS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda pair: IPv4Network((pair[0], pair[1]), strict=False)
)


def rules(kind: AccessKind, *networks: object) -> AccessRules:
    return AccessRules(Access(kind, tuple(str(each) for each in networks)))


@given(
    kind=st.sampled_from(AccessKind),
    networks=st.lists(NETWORKS, max_size=8),
    number=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_lookup_equals_a_walk_through_the_list(kind, networks, number, data):
    if networks and data.draw(st.booleans()):
        network = data.draw(st.sampled_from(networks))
        number = int(network.network_address) + number % network.num_addresses
    address = IPv4Address(number)
    is_listed = any(address in network for network in networks)
    expected = is_listed if kind is AccessKind.ALLOW else not is_listed
    assert rules(kind, *networks).admits(str(address)) is expected


def test_a_list_without_networks_lets_nobody_in_or_everybody():
    assert not rules(AccessKind.ALLOW).admits("10.0.0.1")
    assert rules(AccessKind.DENY).admits("10.0.0.1")


@pytest.mark.parametrize("kind", list(AccessKind))
def test_everybody_is_a_network_too(kind):
    assert rules(kind, "0.0.0.0/0").admits("255.255.255.255") is (kind is AccessKind.ALLOW)
