"""Which machines the demo answers for: those in its own pool, nobody else's."""

from ipaddress import ip_network

import pytest

from balancer.demo.machines import find_machine, list_machines
from balancer.exceptions import NotFound
from balancer.models import IdcServer

POOL = ip_network("127.76.0.0/16")


@pytest.fixture(autouse=True)
def own_pool(settings):
    settings.OPENCLB_DEMO_POOL = POOL


def test_a_machine_in_the_pool_is_served(estate):
    estate.add_server("127.76.2.1")
    assert [each.addresses for each in list_machines()] == [("127.76.2.1",)]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.75.0.1", "10.0.0.9"])
def test_addresses_of_others_are_never_taken(estate, address):
    """A registered process of the user's own, or another installation's backend, stays theirs."""
    IdcServer.objects.create(region=estate.zone.region, name="own", address=address)
    estate.add_server("127.75.0.3")
    assert list_machines() == []
    with pytest.raises(NotFound):
        find_machine("own")
