"""Every read asks for a right, finds what there is, and makes the same number of queries."""

import pytest

from balancer.exceptions import NotAllowed, NotFound
from balancer.models import Activity, ServerGroup
from balancer.rights import Right, Role
from balancer.selectors.activity import list_activity
from balancer.selectors.backend_servers import get_backend_server, list_backend_servers
from balancer.selectors.inventory import (
    get_ecs_instance,
    get_idc_server,
    get_network_interface,
    get_region,
    get_vpc,
    get_vswitch,
    get_zone,
    list_ecs_instances,
    list_idc_servers,
    list_network_interfaces,
    list_regions,
    list_vpcs,
    list_vswitches,
    list_zones,
)
from balancer.selectors.listeners import get_listener, list_listeners
from balancer.selectors.load_balancers import get_load_balancer, list_load_balancers
from balancer.selectors.server_groups import (
    get_default_group,
    get_server_group,
    list_server_groups,
)
from proxy.snapshot import GroupKind


@pytest.fixture
def finders(estate, machines):
    """Return, by noun, a function that finds one by id, and the id of one that exists."""
    machine = machines.ecs("web-1", "10.0.1.1")
    (address,) = machines.eni("eth1", machine, "10.0.2.1")
    idc = machines.idc("rack", "10.0.3.1")

    def finder(function, argument):
        return lambda user, right, public_id: function(
            user=user, right=right, **{argument: public_id}
        )

    return {
        "load balancer": (
            finder(get_load_balancer, "load_balancer_id"),
            estate.load_balancer.public_id,
        ),
        "listener": (finder(get_listener, "listener_id"), estate.listener.public_id),
        "server group": (finder(get_server_group, "group_id"), estate.group.public_id),
        "backend server": (
            finder(get_backend_server, "server_id"),
            estate.servers[0].public_id,
        ),
        "region": (finder(get_region, "region_id"), "cn-test"),
        "zone": (finder(get_zone, "zone_id"), "cn-test-a"),
        "VPC": (finder(get_vpc, "vpc_id"), "vpc-1"),
        "vSwitch": (finder(get_vswitch, "vswitch_id"), "vsw-1"),
        "ECS instance": (finder(get_ecs_instance, "instance_id"), machine.public_id),
        "network interface": (
            finder(get_network_interface, "interface_id"),
            address.interface.public_id,
        ),
        "IDC server": (finder(get_idc_server, "server_id"), idc.public_id),
    }


def test_what_exists_is_found_with_the_right(finders, user_of):
    for find, public_id in finders.values():
        assert find(user_of(Role.VIEWER), Right.VIEW, public_id).public_id == public_id
        assert find(user_of(Role.OPERATOR), Right.CHANGE, public_id).public_id == public_id
        assert find(user_of(Role.ADMIN), Right.ADMINISTER, public_id).public_id == public_id


@pytest.mark.parametrize("public_id", ["lb-unknown", "", "a\0b", "x" * 5000])
def test_what_does_not_exist_is_not_found(finders, viewer, public_id):
    for noun, (find, _) in finders.items():
        with pytest.raises(NotFound, match=f"There is no {noun}"):
            find(viewer, Right.VIEW, public_id)


def test_a_viewer_changes_nothing(finders, viewer):
    for find, public_id in finders.values():
        with pytest.raises(NotAllowed) as refused:
            find(viewer, Right.CHANGE, public_id)
        assert refused.value.details["right"] == "change"


def test_a_user_without_a_role_sees_nothing(finders, nobody):
    for find, public_id in finders.values():
        with pytest.raises(NotFound):
            find(nobody, Right.VIEW, public_id)


@pytest.mark.parametrize(
    "lists",
    [
        list_load_balancers,
        list_listeners,
        list_server_groups,
        list_backend_servers,
        list_activity,
        list_regions,
        list_zones,
        list_vpcs,
        list_vswitches,
        list_ecs_instances,
        list_network_interfaces,
        list_idc_servers,
    ],
)
def test_lists_show_all_to_a_viewer_and_nothing_to_nobody(finders, estate, viewer, nobody, lists):
    Activity.objects.create(actor_name="x", entrance="system", action="x.y", object_id="1")
    assert list(lists(user=viewer))
    assert not list(lists(user=nobody))


def test_an_instance_of_another_region_is_not_found(estate, viewer):
    """A page's address names both."""
    public_id = estate.load_balancer.public_id
    found = get_load_balancer(
        user=viewer, right=Right.VIEW, load_balancer_id=public_id, region_id="cn-test"
    )
    assert found == estate.load_balancer
    with pytest.raises(NotFound):
        get_load_balancer(
            user=viewer, right=Right.VIEW, load_balancer_id=public_id, region_id="cn-far"
        )


def test_parts_are_found_in_their_own_whole_only(estate, viewer):
    other = estate.add_load_balancer("127.88.0.2")
    with pytest.raises(NotFound):
        get_listener(
            user=viewer,
            right=Right.VIEW,
            listener_id=estate.listener.public_id,
            load_balancer=other,
        )
    with pytest.raises(NotFound):
        get_server_group(
            user=viewer,
            right=Right.VIEW,
            group_id=estate.group.public_id,
            kind=GroupKind.VSERVER,
        )
    with pytest.raises(NotFound):
        get_backend_server(
            user=viewer,
            right=Right.VIEW,
            server_id=estate.servers[0].public_id,
            group=other.server_groups.get(),
        )


def test_lists_are_narrowed(estate, machines, viewer):
    other = estate.add_load_balancer("127.88.0.2")
    vserver = ServerGroup.objects.create(load_balancer=other, kind=GroupKind.VSERVER, name="api")
    machines.ecs("far", "10.1.0.9", machines.other_region)
    assert list(list_listeners(user=viewer, load_balancer=other)) == []
    groups = list_server_groups(user=viewer, load_balancer=other, kind=GroupKind.VSERVER)
    assert list(groups) == [vserver]
    assert list(list_backend_servers(user=viewer, group=vserver)) == []
    assert [each.name for each in list_ecs_instances(user=viewer, region_id="cn-far")] == ["far"]
    assert [each.public_id for each in list_zones(user=viewer, region_id="cn-far")] == ["cn-far-a"]
    assert not list(list_load_balancers(user=viewer, region_id="cn-far"))


def test_every_instance_has_a_default_group(estate, viewer):
    """S81."""
    found = get_default_group(user=viewer, right=Right.VIEW, load_balancer=estate.load_balancer)
    assert found == estate.group
    with pytest.raises(NotAllowed):
        get_default_group(user=viewer, right=Right.CHANGE, load_balancer=estate.load_balancer)


def test_activity_is_narrowed_and_newest_first(viewer):
    for number, (load_balancer, subject) in enumerate([("lb-1", "bs-1"), ("lb-1", "bs-2")]):
        Activity.objects.create(
            actor_name="x",
            entrance="system",
            action=f"a.{number}",
            load_balancer_public_id=load_balancer,
            object_id=subject,
        )
    found = list_activity(user=viewer, load_balancer_id="lb-1")
    assert [each.action for each in found] == ["a.1", "a.0"]
    found = list_activity(user=viewer, object_id="bs-1")
    assert [each.action for each in found] == ["a.0"]


def test_a_list_of_servers_costs_one_query(estate, machines, user_of, django_assert_num_queries):
    viewer = user_of(Role.VIEWER)
    machine = machines.ecs("web-1", "10.0.1.1")
    (address,) = machines.eni("eth1", machine, "10.0.2.1")
    estate.group.servers.create(interface_address=address)
    estate.group.servers.create(idc_server=machines.idc("rack", "10.0.3.1"))
    list(list_regions(viewer))  # the rights are read once for each user
    with django_assert_num_queries(1):
        for server in list_backend_servers(user=viewer, group=estate.group):
            assert server.name
            assert server.address
            assert server.machine_id
            assert server.group.load_balancer.region.public_id
            if server.ecs_instance:
                assert server.ecs_instance.zone.name
                assert server.ecs_instance.vswitch.vpc.public_id
            elif server.interface_address:
                interface = server.interface_address.interface
                assert interface.instance.name
                assert interface.vswitch.vpc.public_id
                assert interface.vswitch.zone.name
            else:
                assert server.idc_server.region.public_id
