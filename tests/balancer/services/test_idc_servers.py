"""IDC servers: registered by address, added in one act, followed when they move (C27)."""

import pytest

from balancer.exceptions import Conflict, Invalid, Stale
from balancer.models import BackendServer, IdcServer
from balancer.services.backend_servers import add_servers, remove_servers
from balancer.services.idc_servers import (
    IdcRow,
    add_idc_servers,
    register_idc_server,
    unregister_idc_server,
    update_idc_server,
)
from tests.balancer.machines import entry
from tests.balancer.services.conftest import wanted


def register(actor, estate, **values) -> IdcServer:
    given = {"name": "rack-1", "address": "10.0.3.1"} | values
    return register_idc_server(actor=actor, region=estate.zone.region, **given)


def test_machines_are_registered_and_added_in_one_act(actor, estate, recorder):
    rows = [
        IdcRow("rack 1", "10.0.3.1", link="leased line", weight="50", note="top"),
        IdcRow("rack 2", "10.0.3.2"),
    ]
    added = add_idc_servers(actor=actor, group=estate.group, rows=rows)
    assert [(each.name, each.address, each.weight) for each in added] == [
        ("rack 1", "10.0.3.1", 50),
        ("rack 2", "10.0.3.2", 100),
    ]
    assert added[0].idc_server.link == "leased line"
    actions = [each.action for each in recorder.entries()]
    assert actions == ["idc_server.registered", "idc_server.registered", "servers.added"]
    assert recorder.published == 1


def test_a_machine_known_by_its_address_is_taken_as_it_is(actor, estate):
    known = register(actor, estate)
    (added,) = add_idc_servers(
        actor=actor, group=estate.group, rows=[IdcRow("another name", " 10.0.3.1 ")]
    )
    assert added.idc_server == known
    assert IdcServer.objects.count() == 1


@pytest.mark.parametrize(
    ("rows", "paths"),
    [
        ([IdcRow("", "10.0.3.1"), IdcRow("b", "x")], {"servers[0].name", "servers[1].address"}),
        ([IdcRow("a", "10.0.3.1", weight=101)], {"servers[0].weight"}),
        ([IdcRow("a", "10.0.3.1", port=80)], {"servers[0].port"}),
        (
            [IdcRow("a", "10.0.3.1"), IdcRow("a", "10.0.3.1")],
            {"servers[0].address", "servers[1].address"},
        ),
        ([IdcRow("a", "10.0.0.1")], {"servers[0].address"}),  # a registered ECS instance
    ],
)
def test_bad_rows_are_named_and_nothing_is_registered(actor, estate, recorder, rows, paths):
    with pytest.raises(Invalid) as refused:
        add_idc_servers(actor=actor, group=estate.group, rows=rows)
    assert refused.value.fields.keys() == paths
    assert not IdcServer.objects.exists()
    recorder.assert_nothing_happened()


def test_an_address_belongs_to_one_holder_which_is_offered(actor, estate, machines):
    """2.13: no registered server's, no interface's, no load balancer's."""
    machine = machines.ecs("web-1", "10.0.1.1")
    machines.eni("eth1", machine, "10.0.2.1")
    register(actor, estate, address="10.0.3.9")
    for address, holder in (
        ("10.0.1.1", machine.public_id),
        ("10.0.2.1", "eth1"),
        ("10.0.3.9", "rack-1"),
        ("127.88.0.1", "load balancer web"),
    ):
        with pytest.raises(Invalid, match=holder) as refused:
            register(actor, estate, address=address)
        assert refused.value.fields.keys() == {"address"}


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "", "x"])
def test_only_unicast_addresses_are_registered(actor, estate, address):
    with pytest.raises(Invalid):
        register(actor, estate, address=address)


def test_loopback_is_a_matter_of_the_installation(actor, estate, settings):
    settings.OPENCLB_ALLOW_LOOPBACK_SERVERS = False
    with pytest.raises(Invalid):
        register(actor, estate, address="127.77.0.1")
    settings.OPENCLB_ALLOW_LOOPBACK_SERVERS = True
    assert register(actor, estate, address="127.77.0.1").pk


def test_a_new_address_reaches_every_load_balancer_that_uses_it(actor, estate):
    server = register(actor, estate)
    other, idle = (estate.add_load_balancer(f"127.88.0.{at}") for at in (2, 3))
    for group in (estate.group, other.server_groups.get()):
        add_servers(actor=actor, group=group, servers=[entry(server)])
    before = [wanted(each) for each in (estate.load_balancer, other, idle)]
    moved = update_idc_server(actor=actor, server=server, address="10.0.3.2", expected=1)
    assert (moved.address, moved.edit_number) == ("10.0.3.2", 2)
    after = [wanted(each) for each in (estate.load_balancer, other, idle)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 0]


def test_a_new_name_moves_no_traffic(actor, estate, recorder):
    server = register(actor, estate)
    add_servers(actor=actor, group=estate.group, servers=[entry(server)])
    before = recorder.published
    update_idc_server(actor=actor, server=server, name="rack-2", note="moved")
    assert recorder.published == before
    assert recorder.entries()[-1].after == {"name": "rack-2", "note": "moved"}
    with pytest.raises(Stale):
        update_idc_server(actor=actor, server=server, name="x", expected=1)


def test_a_machine_in_use_stays_registered(actor, estate):
    server = register(actor, estate)
    (added,) = add_servers(actor=actor, group=estate.group, servers=[entry(server)])
    with pytest.raises(Conflict, match="Default Server Group of web") as refused:
        unregister_idc_server(actor=actor, server=server)
    assert refused.value.details["users"][0]["group"] == estate.group.public_id
    remove_servers(actor=actor, group=estate.group, server_ids=[added.public_id])
    assert IdcServer.objects.exists()  # leaving a group is not leaving the inventory
    unregister_idc_server(actor=actor, server=server)
    assert not IdcServer.objects.exists()
    assert BackendServer.objects.count() == 3
