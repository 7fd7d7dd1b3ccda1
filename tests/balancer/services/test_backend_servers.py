"""Servers of a group: added all or none, weighed, described, removed; recorded and published."""

import pytest

from balancer.choices import PowerState
from balancer.constants import DEFAULT_LIMITS
from balancer.domain.quotas import configure_limits
from balancer.exceptions import Conflict, Invalid, NotFound, QuotaExceeded, Stale
from balancer.models import BackendServer, ServerGroup
from balancer.services.backend_servers import (
    NewServer,
    add_servers,
    describe_server,
    remove_servers,
    set_server_weight,
    set_server_weights,
)
from proxy.snapshot import GroupKind, ServerRole
from tests.balancer.machines import entry


@pytest.fixture
def vserver(estate):
    """Return a VServer group of the estate."""
    return ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="api"
    )


def guarantee_performance(estate) -> None:
    """Make the instance one that may have ENI addresses (S148)."""
    estate.load_balancer.specification = "slb.s2.small"
    estate.load_balancer.save()


def refusal(actor, group, *servers) -> Invalid:
    """Return the refusal of these servers; nothing of them is stored, recorded or published."""
    before = set(BackendServer.objects.values_list("pk", flat=True))
    with pytest.raises(Invalid) as refused:
        add_servers(actor=actor, group=group, servers=servers)
    assert set(BackendServer.objects.values_list("pk", flat=True)) == before
    return refused.value


# --- adding --------------------------------------------------------------------------------------


def test_servers_are_added_in_one_act(actor, estate, machines, recorder):
    """F1.6, F1.7: one entry in the record names both servers, one version is published."""
    one, two = machines.ecs("web-1", "10.0.1.1"), machines.ecs("web-2", "10.0.1.2")
    added = add_servers(
        actor=actor, group=estate.group, servers=[entry(one, weight="80"), entry(two)]
    )
    assert [(each.name, each.weight, each.port) for each in added] == [
        ("web-1", 80, None),
        ("web-2", 100, None),
    ]
    assert all(BackendServer.objects.filter(public_id=each.public_id).exists() for each in added)
    record = recorder.entry()
    assert record.action == "servers.added"
    assert record.load_balancer_public_id == estate.load_balancer.public_id
    assert (record.actor_name, record.entrance) == (actor.name, "console")
    assert record.before is None
    assert [each["name"] for each in record.after] == ["web-1", "web-2"]
    assert record.after[0]["weight"] == 80
    assert recorder.published == 1
    assert ServerGroup.objects.get(pk=estate.group.pk).edit_number == 2


@pytest.mark.parametrize("weight", [0, 100, "0", "100"])
def test_both_ends_of_the_range_are_weights(actor, estate, machines, weight):
    """S68, S69, E1.3."""
    machine = machines.ecs("web-1", "10.0.1.1")
    (added,) = add_servers(actor=actor, group=estate.group, servers=[entry(machine, weight=weight)])
    assert added.weight == int(weight)


@pytest.mark.parametrize("weight", [-1, 101, "1.5", "abc", "1e2", "１００", "", None, True])
def test_a_bad_weight_keeps_every_row_out(actor, estate, machines, recorder, weight):
    """E1.1, E1.2: the row is named, nothing is saved."""
    good, bad = machines.ecs("web-1", "10.0.1.1"), machines.ecs("web-2", "10.0.1.2")
    error = refusal(actor, estate.group, entry(good), entry(bad, weight=weight))
    assert error.fields.keys() == {"servers[1].weight"}
    assert "from 0 to 100" in error.fields["servers[1].weight"][0]
    recorder.assert_nothing_happened()


def test_every_bad_row_is_named_at_once(actor, estate, machines):
    stopped = machines.ecs("web-1", "10.0.1.1", power_state=PowerState.STOPPED)
    error = refusal(
        actor,
        estate.group,
        entry(stopped, weight=101),
        NewServer("ecs", "i-unknown"),
        NewServer("vm", "i-1"),
        entry(machines.ecs("web-2", "10.0.1.2"), description="<b>"),
    )
    assert error.fields.keys() == {
        "servers[0].weight",
        "servers[0].machine_id",
        "servers[1].machine_id",
        "servers[2].machine_type",
        "servers[3].description",
    }


def test_a_server_of_another_region_is_refused(actor, estate, machines, recorder):
    """S10, S94, E1.6: the message says so and names both regions."""
    far = machines.ecs("web-9", "10.1.0.9", machines.other_region)
    error = refusal(actor, estate.group, entry(far))
    (message,) = error.fields["servers[0].machine_id"]
    assert error.code == "other_region"
    assert "server is in another region" in message
    assert "cn-far" in message
    assert "cn-test" in message
    recorder.assert_nothing_happened()


def test_a_server_of_another_vpc_is_refused(actor, estate, machines):
    error = refusal(
        actor, estate.group, entry(machines.ecs("web-1", "172.16.0.1", machines.other_vpc))
    )
    (message,) = error.fields["servers[0].machine_id"]
    assert "vpc-1" in message
    assert "vpc-2" in message


def test_a_load_balancer_outside_vpcs_takes_servers_of_any(actor, estate, machines):
    estate.load_balancer.vpc = None
    estate.load_balancer.save()
    machine = machines.ecs("web-1", "172.16.0.1", machines.other_vpc)
    assert len(add_servers(actor=actor, group=estate.group, servers=[entry(machine)])) == 1


@pytest.mark.parametrize("state", [PowerState.STOPPED, PowerState.STARTING, PowerState.STOPPING])
def test_only_running_servers_can_be_added(actor, estate, machines, state):
    """S9, E1.7: a row error that says the state."""
    machine = machines.ecs("web-1", "10.0.1.1", power_state=state)
    error = refusal(actor, estate.group, entry(machine))
    (message,) = error.fields["servers[0].machine_id"]
    assert "not running" in message
    assert state.label.lower() in message


def test_a_server_gone_from_the_inventory_is_a_row_error(actor, estate, machines):
    """E1.14."""
    machine = machines.ecs("web-1", "10.0.1.1")
    wish = entry(machine)
    machine.delete()
    assert refusal(actor, estate.group, wish).fields.keys() == {"servers[0].machine_id"}


def test_the_default_group_has_each_address_once(actor, estate, machines):
    """E1.5: neither a second time in the request nor beside the one in the group."""
    there = estate.servers[0].ecs_instance
    new = machines.ecs("web-1", "10.0.1.1")
    error = refusal(actor, estate.group, entry(there), entry(new), entry(new))
    assert "already in this group" in error.fields["servers[0].machine_id"][0]
    for row in (1, 2):
        assert "rows 2 and 3" in error.fields[f"servers[{row}].machine_id"][0]


def test_the_address_counts_and_not_the_way_to_it(actor, estate, machines):
    """A machine and an IDC entry of one address would be one server twice."""
    guarantee_performance(estate)
    machine = machines.ecs("web-1", "10.0.1.1")
    twin = machines.idc("twin", "10.0.1.1")
    error = refusal(actor, estate.group, entry(machine), entry(twin))
    assert error.code == "duplicate_server"


def test_a_vserver_group_has_a_server_once_for_each_port(actor, vserver, machines):
    """S95, E5.3: another port of the same server is another entry."""
    machine = machines.ecs("web-1", "10.0.1.1")
    two_ports = [entry(machine, port=80), entry(machine, port=8080)]
    assert len(add_servers(actor=actor, group=vserver, servers=two_ports)) == 2
    error = refusal(
        actor, vserver, entry(machine, port=80), entry(machine, port=81), entry(machine, port="81")
    )
    assert error.fields.keys() == {"servers[0].port", "servers[1].port", "servers[2].port"}


def test_a_server_may_be_in_several_groups(actor, estate, vserver, machines):
    """S95."""
    machine = machines.ecs("web-1", "10.0.1.1")
    add_servers(actor=actor, group=estate.group, servers=[entry(machine)])
    add_servers(actor=actor, group=vserver, servers=[entry(machine, port=80)])
    assert machine.backend_servers.count() == 2


def test_ports_belong_to_vserver_groups_only(actor, estate, vserver, machines):
    machine = machines.ecs("web-1", "10.0.1.1")
    error = refusal(actor, estate.group, entry(machine, port=80))
    assert error.fields.keys() == {"servers[0].port"}
    for port in (None, "", 0, 65536, "http"):
        error = refusal(actor, vserver, entry(machine, port=port))
        assert error.fields.keys() == {"servers[0].port"}


@pytest.mark.parametrize("role", [ServerRole.PRIMARY, ServerRole.SECONDARY, "captain", ""])
def test_roles_belong_to_pairs_only(actor, estate, machines, role):
    error = refusal(actor, estate.group, entry(machines.ecs("web-1", "10.0.1.1"), role=role))
    assert error.fields.keys() == {"servers[0].role"}


# --- network interfaces and IDC servers ----------------------------------------------------------


def test_interface_addresses_are_servers_of_their_own(actor, estate, machines):
    """S147: primary and secondary private addresses."""
    guarantee_performance(estate)
    machine = machines.ecs("web-1", "10.0.1.1")
    primary, secondary = machines.eni("eth1", machine, "10.0.2.1", "10.0.2.2")
    added = add_servers(
        actor=actor, group=estate.group, servers=[entry(machine), entry(primary), entry(secondary)]
    )
    assert [each.address for each in added] == ["10.0.1.1", "10.0.2.1", "10.0.2.2"]


def test_interfaces_need_guaranteed_performance(actor, estate, machines):
    """S148."""
    (address,) = machines.eni("eth1", machines.ecs("web-1", "10.0.1.1"), "10.0.2.1")
    error = refusal(actor, estate.group, entry(address))
    assert error.code == "specification_too_small"
    assert "guaranteed-performance" in error.message


def test_interfaces_need_a_running_server(actor, estate, machines):
    guarantee_performance(estate)
    (loose,) = machines.eni("eth1", None, "10.0.2.1")
    stopped = machines.ecs("web-1", "10.0.1.1", power_state=PowerState.STOPPED)
    (asleep,) = machines.eni("eth2", stopped, "10.0.2.2")
    error = refusal(actor, estate.group, entry(loose), entry(asleep))
    assert "not bound" in error.fields["servers[0].machine_id"][0]
    assert "not running" in error.fields["servers[1].machine_id"][0]


def test_an_address_that_the_interface_does_not_have_is_refused(actor, estate, machines):
    guarantee_performance(estate)
    (address,) = machines.eni("eth1", machines.ecs("web-1", "10.0.1.1"), "10.0.2.1")
    for given in ("10.0.2.9", ""):
        refused = refusal(
            actor, estate.group, NewServer("eni", address.interface.public_id, address=given)
        )
        assert refused.code == "address_not_found"
        (message,) = refused.fields["servers[0].address"]
        assert "10.0.2.1" in message


def test_idc_servers_stand_in_no_vpc(actor, estate, machines):
    """C27: they are members like others, without a network to match."""
    (added,) = add_servers(
        actor=actor, group=estate.group, servers=[entry(machines.idc("rack", "10.0.3.1"))]
    )
    assert added.machine_type == "idc"


def test_loopback_servers_are_a_matter_of_the_installation(actor, estate, machines, settings):
    machine = machines.ecs("web-1", "127.77.0.11")
    settings.OPENCLB_ALLOW_LOOPBACK_SERVERS = False
    assert refusal(actor, estate.group, entry(machine)).code == "bad_address"
    settings.OPENCLB_ALLOW_LOOPBACK_SERVERS = True
    assert add_servers(actor=actor, group=estate.group, servers=[entry(machine)])


# --- limits --------------------------------------------------------------------------------------


def test_the_201st_server_is_refused(actor, estate, machines, recorder):
    """200 entries for each load balancer, over all its groups."""
    machine = machines.ecs("many", "10.0.9.9")
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="many"
    )
    BackendServer.objects.bulk_create(
        BackendServer(group=group, ecs_instance=machine, port=1000 + at) for at in range(197)
    )
    wish = [entry(machines.ecs("web-1", "10.0.1.1"))]
    with pytest.raises(QuotaExceeded) as refused:
        add_servers(actor=actor, group=estate.group, servers=wish)
    assert refused.value.details["limit"] == 200
    assert refused.value.details["current"] == 200
    recorder.assert_nothing_happened()


def test_more_than_one_call_may_carry_is_one_act(actor, estate, machines, recorder):
    """E1.8: 21 servers are added at once; the limit of a call is the entrances' business."""
    wish = [entry(machines.ecs(f"m-{at}", f"10.0.4.{at}")) for at in range(1, 22)]
    assert len(add_servers(actor=actor, group=estate.group, servers=wish)) == 21
    assert len(recorder.entries()) == 1


@pytest.fixture
def two_load_balancers_per_server():
    """Lower the limit of load balancers that a server can be in."""
    configure_limits({"load_balancers_per_server": 2})
    yield
    configure_limits(DEFAULT_LIMITS)


@pytest.mark.usefixtures("two_load_balancers_per_server")
def test_a_server_is_in_a_limited_number_of_load_balancers(actor, estate, machines):
    machine = machines.ecs("web-1", "10.0.1.1")
    others = [estate.add_load_balancer(f"127.88.0.{at}") for at in (2, 3)]
    for other in others:
        group = other.server_groups.get()
        add_servers(actor=actor, group=group, servers=[entry(machine)])
    assert refusal(actor, estate.group, entry(machine)).code == "too_many_load_balancers"
    another = ServerGroup.objects.create(
        load_balancer=others[0], kind=GroupKind.VSERVER, name="again"
    )
    assert add_servers(actor=actor, group=another, servers=[entry(machine, port=80)])


# --- weights -------------------------------------------------------------------------------------


def test_a_weight_is_changed_recorded_and_published(actor, estate, recorder):
    """S84."""
    server = set_server_weight(actor=actor, server=estate.servers[0], weight="70")
    assert (server.weight, server.edit_number) == (70, 2)
    record = recorder.entry()
    assert (record.action, record.before, record.after) == ("server.weight_changed", 50, 70)
    assert record.object_id == server.public_id
    assert recorder.published == 1


def test_the_same_weight_again_is_no_change(actor, estate, recorder):
    set_server_weight(actor=actor, server=estate.servers[0], weight=50)
    recorder.assert_nothing_happened()


@pytest.mark.parametrize("weight", [-1, 101, "", "abc"])
def test_a_bad_weight_changes_nothing(actor, estate, recorder, weight):
    """F3.3, S86."""
    with pytest.raises(Invalid) as refused:
        set_server_weight(actor=actor, server=estate.servers[0], weight=weight)
    assert refused.value.fields.keys() == {"weight"}
    recorder.assert_nothing_happened()


def test_an_edit_of_what_changed_meanwhile_is_stale(actor, estate, recorder):
    """F3.4: who changed it, and what it is now."""
    server = estate.servers[0]
    set_server_weight(actor=actor, server=server, weight=70)
    with pytest.raises(Stale) as refused:
        set_server_weight(actor=actor, server=server, weight=60, expected=1)
    details = refused.value.details
    assert (details["current"], details["changed_by"]) == (2, actor.name)
    with pytest.raises(Stale) as refused:
        set_server_weight(actor=actor, server=server, weight=60, expected_weight=50)
    assert refused.value.details["current_weight"] == 70
    assert recorder.published == 1


def test_an_edit_of_what_was_read_last_is_not_stale(actor, estate):
    server = set_server_weight(actor=actor, server=estate.servers[0], weight=70, expected=1)
    server = set_server_weight(actor=actor, server=server, weight=60, expected=2)
    assert set_server_weight(actor=actor, server=server, weight=1, expected_weight=60).weight == 1


def test_a_removed_server_has_no_weight(actor, estate):
    """F3.5."""
    server = estate.servers[0]
    remove_servers(actor=actor, group=estate.group, server_ids=[server.public_id])
    with pytest.raises(NotFound, match="no longer in this group"):
        set_server_weight(actor=actor, server=server, weight=1)


def test_several_weights_are_one_act(actor, estate, recorder):
    one, two, three = estate.servers
    weights = {one.public_id: 0, two.public_id: "30", three.public_id: 100}
    changed = set_server_weights(actor=actor, group=estate.group, weights=weights)
    assert {each.public_id: each.weight for each in changed} == {
        one.public_id: 0,
        two.public_id: 30,
        three.public_id: 100,
    }
    assert recorder.published == 1
    record = recorder.entry()
    assert [each["weight"] for each in record.before] == [50, 20]  # 30 stays 30
    assert [each["weight"] for each in record.after] == [0, 100]
    two.refresh_from_db()
    assert two.edit_number == 1


def test_one_bad_weight_keeps_all_as_they_are(actor, estate, recorder):
    one, two, _ = estate.servers
    weights = {one.public_id: 1, two.public_id: 101, "bs-unknown": 1}
    with pytest.raises(Invalid) as refused:
        set_server_weights(actor=actor, group=estate.group, weights=weights)
    assert refused.value.fields.keys() == {"servers[1].weight", "servers[2].id"}
    one.refresh_from_db()
    assert one.weight == 50
    recorder.assert_nothing_happened()


def test_one_stale_weight_keeps_all_as_they_are(actor, estate):
    one, two, _ = estate.servers
    set_server_weight(actor=actor, server=two, weight=31)
    weights = {one.public_id: 1, two.public_id: 2}
    expected = {one.public_id: 1, two.public_id: 1}
    with pytest.raises(Stale) as refused:
        set_server_weights(actor=actor, group=estate.group, weights=weights, expected=expected)
    assert refused.value.details["id"] == two.public_id
    one.refresh_from_db()
    assert one.weight == 50


def test_who_changed_several_weights_is_known_to_the_next(actor, estate):
    server = estate.servers[0]
    set_server_weights(actor=actor, group=estate.group, weights={server.public_id: 1})
    with pytest.raises(Stale) as refused:
        set_server_weight(actor=actor, server=server, weight=2, expected=1)
    assert refused.value.details["changed_by"] == actor.name


# --- removing and describing ---------------------------------------------------------------------


def test_servers_are_removed_in_one_act(actor, estate, recorder):
    """F4.2, S89: absent ones are passed over."""
    one, two, three = estate.servers
    removed = remove_servers(
        actor=actor, group=estate.group, server_ids=[one.public_id, "bs-gone", two.public_id]
    )
    assert [each.public_id for each in removed] == [one.public_id, two.public_id]
    assert list(estate.group.servers.all()) == [three]
    assert [each["address"] for each in recorder.entry().before] == ["10.0.0.1", "10.0.0.2"]
    assert recorder.published == 1


def test_removing_what_is_gone_does_nothing(actor, estate, recorder):
    assert remove_servers(actor=actor, group=estate.group, server_ids=["bs-gone"]) == []
    recorder.assert_nothing_happened()


def test_a_server_of_another_group_is_not_removed(actor, estate, vserver):
    server = estate.servers[0]
    assert remove_servers(actor=actor, group=vserver, server_ids=[server.public_id]) == []
    assert BackendServer.objects.filter(pk=server.pk).exists()


def test_a_description_is_recorded_and_no_traffic_changes(actor, estate, recorder):
    server = describe_server(actor=actor, server=estate.servers[0], description="rack 3")
    assert (server.description, server.edit_number) == ("rack 3", 2)
    assert recorder.entry().after == "rack 3"
    assert recorder.published == 0


def test_nothing_is_added_to_a_group_that_is_gone(actor, vserver, machines):
    machine = machines.ecs("web-1", "10.0.1.1")
    ServerGroup.objects.filter(pk=vserver.pk).delete()
    with pytest.raises(NotFound):
        add_servers(actor=actor, group=vserver, servers=[entry(machine, port=80)])


def test_a_pair_keeps_its_servers(actor, estate):
    pair = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.PRIMARY_SECONDARY, name="db"
    )
    server = estate.add_server("10.0.5.1", group=pair, port=5432, role=ServerRole.PRIMARY)
    with pytest.raises(Conflict):
        remove_servers(actor=actor, group=pair, server_ids=[server.public_id])
