"""What the My Servers panel offers, and the reason against each that cannot be added (C20)."""

import pytest

from balancer.choices import PowerState
from balancer.exceptions import Invalid
from balancer.models import ServerGroup
from balancer.selectors.candidates import get_candidates, list_candidates
from balancer.selectors.inventory import list_regions
from balancer.services.backend_servers import NewServer
from balancer.services.new_servers import build_entries
from proxy.snapshot import GroupKind


@pytest.fixture
def vserver(estate):
    return ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="api"
    )


@pytest.fixture
def offer(viewer, estate):
    """Return a function that lists the candidates of a group by name."""

    def candidates(group=None, **options):
        found = list_candidates(
            user=viewer, group=group or estate.group, **{"only_available": False} | options
        )
        return {each.name: each for each in found}

    return candidates


@pytest.fixture
def guaranteed(estate):
    """Make the instance one that may have ENI addresses (S148)."""
    estate.load_balancer.specification = "slb.s2.small"
    estate.load_balancer.save()


def test_reasons_are_said_in_words(offer, machines):
    machines.ecs("free", "10.0.1.1")
    machines.ecs("asleep", "10.0.1.2", power_state=PowerState.STOPPED)
    machines.ecs("waking", "10.0.1.3", power_state=PowerState.STARTING)
    machines.ecs("elsewhere", "172.16.0.1", machines.other_vpc)
    assert {name: each.reason for name, each in offer().items()} == {
        "10.0.0.1": "already in this group",
        "10.0.0.2": "already in this group",
        "10.0.0.3": "already in this group",
        "free": "",
        "asleep": "stopped",
        "waking": "starting",
        "elsewhere": "in another VPC",
    }


def test_by_default_only_what_can_be_added_is_offered(viewer, estate, machines):
    """S55, C20: Display Available Instances is on."""
    machines.ecs("free", "10.0.1.1")
    machines.ecs("asleep", "10.0.1.2", power_state=PowerState.STOPPED)
    found = list_candidates(user=viewer, group=estate.group)
    assert [each.name for each in found] == ["free"]


def test_servers_of_other_regions_are_not_listed(offer, machines):
    """E1.6."""
    machines.ecs("web-9", "10.1.0.9", machines.other_region)
    assert "web-9" not in offer()


def test_a_candidate_says_where_it_stands(offer, machines):
    """S57."""
    machine = machines.ecs("free", "10.0.1.1", public_address="203.0.113.1")
    found = offer()["free"]
    assert (found.machine_type, found.key) == ("ecs", f"ecs:{machine.public_id}")
    assert (found.zone_id, found.zone_name) == ("cn-test-a", "A")
    assert (found.private_address, found.public_address) == ("10.0.1.1", "203.0.113.1")
    assert (found.vpc_id, found.vswitch_id) == ("vpc-1", "vsw-1")
    assert found.power_state == PowerState.RUNNING


def test_load_balancers_that_use_a_server_are_counted_once(offer, estate, vserver):
    """S58: the number counts instances, however many groups of them."""
    machine = estate.servers[0].ecs_instance
    vserver.servers.create(ecs_instance=machine, port=80)
    other = estate.add_load_balancer("127.88.0.2")
    other.server_groups.get().servers.create(ecs_instance=machine)
    found = offer()[machine.name]
    assert found.load_balancer_count == 2
    assert {use.load_balancer_name for use in found.uses} == {"web", "127.88.0.2"}
    assert len(found.uses) == 3


def test_a_vserver_group_offers_a_server_again_for_another_port(offer, estate, vserver):
    machine = estate.servers[0].ecs_instance
    for port in (8080, 80):
        vserver.servers.create(ecs_instance=machine, port=port)
    found = offer(vserver)[machine.name]
    assert (found.reason, found.ports_in_group) == ("", (80, 8080))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("API", ["api-1", "api-2"]),
        ("10.0.1.2", ["api-2"]),
        ("203.0.113", ["api-1"]),
        ("eth-special", ["api-2"]),
        ("10.0.2.7", ["api-2"]),
        ("  api-1  ", ["api-1"]),
        ("%", []),
        ("nothing", []),
    ],
)
@pytest.mark.usefixtures("guaranteed")
def test_one_search_finds_names_ids_and_addresses(offer, machines, query, names):
    """S54: of machines and of their interfaces."""
    machines.ecs("api-1", "10.0.1.1", public_address="203.0.113.1")
    second = machines.ecs("api-2", "10.0.1.2")
    machines.eni("eth-special", second, "10.0.2.7")
    assert sorted(offer(query=query)) == names


def test_an_id_finds_its_machine(offer, machines):
    machine = machines.ecs("api-1", "10.0.1.1")
    assert list(offer(query=machine.public_id.upper())) == ["api-1"]


@pytest.mark.usefixtures("guaranteed")
def test_interfaces_are_rows_below_their_machine(offer, estate, machines):
    """S147, 2.11: each address of its own, the primary one first."""
    machine = machines.ecs("api-1", "10.0.1.1")
    primary, secondary = machines.eni("eth1", machine, "10.0.2.1", "10.0.2.2")
    estate.group.servers.create(interface_address=secondary)
    rows = offer()["api-1"].interfaces
    assert [(each.private_address, each.is_primary_address, each.reason) for each in rows] == [
        ("10.0.2.1", True, ""),
        ("10.0.2.2", False, "already in this group"),
    ]
    assert rows[0].key == f"eni:{primary.interface.public_id}:10.0.2.1"
    assert offer(machine_type="ecs")["api-1"].interfaces == ()
    assert list(offer(machine_type="eni")) == ["api-1"]


def test_interfaces_say_what_class_they_need(offer, machines):
    """S148."""
    machines.eni("eth1", machines.ecs("api-1", "10.0.1.1"), "10.0.2.1")
    (row,) = offer()["api-1"].interfaces
    assert row.reason == "needs a guaranteed-performance instance"


@pytest.mark.usefixtures("guaranteed")
def test_a_machine_stays_while_one_of_its_addresses_can_be_added(viewer, estate, machines):
    machines.eni("eth1", estate.servers[0].ecs_instance, "10.0.2.1")
    found = list_candidates(user=viewer, group=estate.group)
    assert [each.name for each in found] == ["10.0.0.1"]
    assert not list_candidates(user=viewer, group=estate.group, machine_type="ecs")


@pytest.mark.usefixtures("guaranteed")
def test_keys_are_found_again_in_their_order(viewer, estate, machines):
    """E1.10: what was ticked survives searching and going back."""
    machine = machines.ecs("api-1", "10.0.1.1")
    (address,) = machines.eni("eth1", machine, "10.0.2.1")
    keys = [
        f"eni:{address.interface.public_id}:10.0.2.1",
        "ecs:i-gone",
        f"ecs:{machine.public_id}",
    ]
    found = get_candidates(user=viewer, group=estate.group, keys=keys)
    assert [each.key for each in found] == [keys[0], keys[2]]


def test_what_is_offered_can_be_added_and_what_is_not_cannot(offer, estate, machines, settings):
    """The list and the service go by the same rules."""
    settings.OPENCLB_ALLOW_LOOPBACK_SERVERS = False
    machines.ecs("free", "10.0.1.1")
    machines.ecs("asleep", "10.0.1.2", power_state=PowerState.STOPPED)
    machines.ecs("elsewhere", "172.16.0.1", machines.other_vpc)
    machines.ecs("loopback", "127.77.0.1")
    can_be_added = {each.name: _is_taken(estate.group, each) for each in offer().values()}
    assert can_be_added == {each.name: each.is_available for each in offer().values()}
    assert can_be_added["free"]
    assert not can_be_added["loopback"]


def _is_taken(group, candidate) -> bool:
    try:
        return bool(build_entries(group, [NewServer(candidate.machine_type, candidate.public_id)]))
    except Invalid:
        return False


@pytest.mark.usefixtures("guaranteed")
def test_the_number_of_queries_does_not_grow(
    viewer, estate, machines, django_assert_max_num_queries
):
    list(list_regions(viewer))  # the rights are read once for each user
    for at in range(1, 15):
        machine = machines.ecs(f"m-{at}", f"10.0.1.{at}")
        machines.eni(f"eth-{at}", machine, f"10.0.2.{at}", f"10.0.3.{at}")
        estate.group.servers.create(ecs_instance=machine)
    with django_assert_max_num_queries(8):
        assert list_candidates(user=viewer, group=estate.group)
