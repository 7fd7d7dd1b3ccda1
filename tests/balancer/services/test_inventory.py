"""Machines, interfaces and places: checked, recorded, and followed by their load balancers."""

import pytest

from balancer.choices import PowerState
from balancer.exceptions import Conflict, Invalid, NotFound, Stale
from balancer.models import EcsInstance, InterfaceAddress, NetworkInterface, Region
from balancer.services.backend_servers import add_servers
from balancer.services.inventory import (
    create_ecs_instance,
    create_network_interface,
    delete_ecs_instance,
    delete_network_interface,
    update_ecs_instance,
    update_network_interface,
)
from balancer.services.places import (
    create_region,
    create_vpc,
    create_vswitch,
    create_zone,
    delete_place,
    rename_place,
)
from tests.balancer.machines import entry


@pytest.fixture
def used(estate):
    """Return a machine that the default group uses."""
    return estate.servers[0].ecs_instance


def test_a_machine_is_registered(actor, estate, recorder):
    created = create_ecs_instance(
        actor=actor,
        vswitch=estate.vswitch,
        name="web 1",
        private_address="10.0.1.1",
        public_address="203.0.113.1",
        operating_system="Debian 12",
    )
    assert (created.zone, created.power_state) == (estate.zone, PowerState.RUNNING)
    assert recorder.entry().after["private_address"] == "10.0.1.1"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "<b>"}, "name"),
        ({"private_address": "224.0.0.1"}, "private_address"),
        ({"private_address": "10.0.0.1"}, "private_address"),  # of another machine
        ({"private_address": "127.88.0.1"}, "private_address"),  # of the load balancer
        ({"public_address": "x"}, "public_address"),
        ({"power_state": "asleep"}, "power_state"),
    ],
)
def test_bad_values_are_named(actor, estate, recorder, values, field):
    given = {"name": "web-1", "private_address": "10.0.1.1"} | values
    with pytest.raises(Invalid) as refused:
        create_ecs_instance(actor=actor, vswitch=estate.vswitch, **given)
    assert refused.value.fields.keys() == {field}
    recorder.assert_nothing_happened()


@pytest.mark.parametrize(
    ("changes", "versions"),
    [
        ({"private_address": "10.0.1.99"}, 1),
        ({"power_state": PowerState.STOPPED}, 1),
        ({"name": "renamed"}, 0),
    ],
)
def test_what_moves_traffic_is_published(actor, used, recorder, changes, versions):
    changed = update_ecs_instance(actor=actor, instance=used, expected=1, **changes)
    assert changed.edit_number == 2
    assert recorder.published == versions
    assert recorder.entry().action == "ecs_instance.changed"
    with pytest.raises(Stale):
        update_ecs_instance(actor=actor, instance=used, expected=1, name="late")


def test_a_machine_in_use_stays_where_it_is(actor, used, machines, recorder):
    """Its load balancer is in the same VPC, and stays so."""
    with pytest.raises(Conflict):
        delete_ecs_instance(actor=actor, instance=used)
    with pytest.raises(Conflict):
        update_ecs_instance(actor=actor, instance=used, vswitch=machines.other_vpc)
    recorder.assert_nothing_happened()


def test_an_unused_machine_can_go(actor, machines):
    machine = machines.ecs("web-1", "10.0.1.1")
    moved = update_ecs_instance(actor=actor, instance=machine, vswitch=machines.other_region)
    assert moved.zone == machines.other_region.zone
    delete_ecs_instance(actor=actor, instance=moved)
    assert not EcsInstance.objects.filter(pk=machine.pk).exists()


# --- interfaces ----------------------------------------------------------------------------------


@pytest.fixture
def interface(actor, estate, machines) -> NetworkInterface:
    """Return a bound interface with two addresses, the second of them in the default group."""
    estate.load_balancer.specification = "slb.s2.small"
    estate.load_balancer.save()
    made = create_network_interface(
        actor=actor,
        name="eth1",
        vswitch=estate.vswitch,
        instance=machines.ecs("web-1", "10.0.1.1"),
        addresses=[
            {"address": "10.0.2.1", "is_primary": True},
            {"address": "10.0.2.2", "is_primary": False},
        ],
    )
    used = InterfaceAddress.objects.get(address="10.0.2.2")
    add_servers(actor=actor, group=estate.group, servers=[entry(used)])
    return made


def test_an_interface_has_exactly_one_primary_address(actor, estate):
    for primaries in (0, 2):
        with pytest.raises(Invalid) as refused:
            create_network_interface(
                actor=actor,
                name="eth1",
                vswitch=estate.vswitch,
                addresses=[
                    {"address": f"10.0.2.{at}", "is_primary": at <= primaries} for at in (1, 2)
                ],
            )
        assert refused.value.fields.keys() == {"addresses"}
    assert not NetworkInterface.objects.exists()


def test_a_used_address_stays(actor, interface):
    with pytest.raises(Conflict, match=r"10\.0\.2\.2"):
        update_network_interface(
            actor=actor,
            interface=interface,
            addresses=[{"address": "10.0.2.1", "is_primary": True}],
        )
    with pytest.raises(Conflict):
        delete_network_interface(actor=actor, interface=interface)
    assert interface.addresses.count() == 2


def test_addresses_are_exchanged_around_the_used_one(actor, interface, estate):
    update_network_interface(
        actor=actor,
        interface=interface,
        addresses=[
            {"address": "10.0.2.2", "is_primary": True},
            {"address": "10.0.2.3", "is_primary": False},
        ],
    )
    found = {each.address: each.is_primary for each in interface.addresses.all()}
    assert found == {"10.0.2.2": True, "10.0.2.3": False}
    assert estate.group.servers.filter(interface_address__address="10.0.2.2").exists()


def test_a_new_binding_is_published(actor, interface, recorder, machines):
    before = recorder.published
    other = machines.ecs("web-2", "10.0.1.2")
    update_network_interface(actor=actor, interface=interface, instance=other)
    assert recorder.published == before + 1
    far = machines.ecs("web-9", "10.1.0.9", machines.other_region)
    with pytest.raises(Invalid):
        update_network_interface(actor=actor, interface=interface, instance=far)


# --- places --------------------------------------------------------------------------------------


def test_places_are_made_from_the_region_down(actor):
    region = create_region(actor=actor, public_id="eu-1", name="Europe")
    zone = create_zone(actor=actor, public_id="eu-1-a", name="A", region=region)
    vpc = create_vpc(actor=actor, public_id="vpc-eu", name="eu", region=region, cidr="10.0.0.0/8")
    vswitch = create_vswitch(
        actor=actor, public_id="vsw-eu", name="eu", vpc=vpc, zone=zone, cidr="10.0.0.0/16"
    )
    assert rename_place(actor=actor, place=vswitch, name="eu a").name == "eu a"
    with pytest.raises(Conflict):
        delete_place(actor=actor, place=region)
    for place in (vswitch, vpc, zone, region):
        delete_place(actor=actor, place=place)
    assert not Region.objects.exists()


def test_bad_places_are_refused(actor, machines):
    with pytest.raises(Invalid):
        create_region(actor=actor, public_id="cn-far", name="again")
    with pytest.raises(Invalid):
        create_region(actor=actor, public_id="Europe 1", name="Europe")
    region = Region.objects.get(public_id="cn-far")
    for cidr in ("10.0.0.1/8", "x", "::/8"):
        with pytest.raises(Invalid) as refused:
            create_vpc(actor=actor, public_id="vpc-x", name="x", region=region, cidr=cidr)
        assert refused.value.fields.keys() == {"cidr"}
    with pytest.raises(Invalid) as refused:
        create_vswitch(
            actor=actor,
            public_id="vsw-x",
            name="x",
            vpc=machines.other_vpc.vpc,
            zone=machines.other_region.zone,
            cidr="172.16.1.0/24",
        )
    assert refused.value.fields.keys() == {"zone"}


def test_a_machine_or_place_that_is_gone_is_not_found(actor, estate, machines, recorder):
    machine, region = machines.ecs("gone", "10.0.9.9"), Region.objects.create(public_id="cn-gone")
    EcsInstance.objects.filter(pk=machine.pk).delete()
    Region.objects.filter(pk=region.pk).delete()
    with pytest.raises(NotFound, match="This ECS instance does not exist any more"):
        update_ecs_instance(actor=actor, instance=machine, name="new")
    with pytest.raises(NotFound):
        delete_ecs_instance(actor=actor, instance=machine)
    with pytest.raises(NotFound, match="This region"):
        rename_place(actor=actor, place=region, name="new")
    with pytest.raises(NotFound):
        delete_place(actor=actor, place=region)
    recorder.assert_nothing_happened()
