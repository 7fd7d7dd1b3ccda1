"""Server groups: created whole, renamed, deleted when nothing uses them."""

import pytest

from balancer.exceptions import Conflict, Invalid, NotFound, Stale
from balancer.models import BackendServer, ForwardingRule, ServerGroup
from balancer.services.backend_servers import NewServer, add_servers
from balancer.services.server_groups import (
    create_server_group,
    delete_server_group,
    rename_server_group,
)
from proxy.snapshot import GroupKind, ServerRole
from tests.balancer.machines import entry


def create(actor, estate, *servers, kind=GroupKind.VSERVER, name="api") -> ServerGroup:
    return create_server_group(
        actor=actor, load_balancer=estate.load_balancer, kind=kind, name=name, servers=servers
    )


@pytest.fixture
def pair_of(actor, estate):
    """Return a function that makes a primary/secondary group of these servers."""
    return lambda *servers: create(
        actor, estate, *servers, kind=GroupKind.PRIMARY_SECONDARY, name="db"
    )


def test_a_vserver_group_is_created_with_its_servers(actor, estate, machines, recorder):
    """S98-S101: one act, one entry."""
    one, two = machines.ecs("api-1", "10.0.1.1"), machines.ecs("api-2", "10.0.1.2")
    group = create(
        actor,
        estate,
        entry(one, port=80, weight=80),
        entry(one, port=8080, weight=20),
        entry(two, port=80),
    )
    assert [(each.name, each.port, each.weight) for each in group.servers.order_by("pk")] == [
        ("api-1", 80, 80),
        ("api-1", 8080, 20),
        ("api-2", 80, 100),
    ]
    assert len(recorder.entry().after["servers"]) == 3
    assert recorder.published == 1


def test_an_empty_vserver_group_may_be_filled_later(actor, estate, machines):
    group = create(actor, estate, name="后端/v1.0_x")
    machine = machines.ecs("api-1", "10.0.1.1")
    assert add_servers(actor=actor, group=group, servers=[entry(machine, port=80)])


def test_a_bad_row_leaves_no_group_behind(actor, estate, machines, recorder):
    machine = machines.ecs("api-1", "10.0.1.1")
    with pytest.raises(Invalid) as refused:
        create(actor, estate, entry(machine, port=80), entry(machine))
    assert refused.value.fields.keys() == {"servers[1].port"}
    assert ServerGroup.objects.count() == 1
    recorder.assert_nothing_happened()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"kind": GroupKind.DEFAULT}, "kind"),
        ({"kind": "circle"}, "kind"),
    ],
)
def test_bad_names_and_kinds_are_refused(actor, estate, recorder, values, field):
    """There is one default group for each instance (S81)."""
    with pytest.raises(Invalid) as refused:
        create(actor, estate, **values)
    assert refused.value.fields.keys() == {field}
    recorder.assert_nothing_happened()


def test_a_name_is_given_once_in_a_kind(actor, estate):
    create(actor, estate)
    with pytest.raises(Invalid) as refused:
        create(actor, estate)
    assert refused.value.code == "name_in_use"
    other = create(actor, estate, name="other")
    with pytest.raises(Invalid):
        rename_server_group(actor=actor, group=other, name="api")


# --- pairs ---------------------------------------------------------------------------------------


def test_a_pair_has_one_primary_and_one_secondary(pair_of, machines):
    """S36, S137: the role belongs to the server, which may have several ports (C13)."""
    one, two = machines.ecs("db-1", "10.0.1.1"), machines.ecs("db-2", "10.0.1.2")
    group = pair_of(
        entry(one, port=5432, role=ServerRole.PRIMARY),
        entry(one, port=5433, role=ServerRole.PRIMARY),
        entry(two, port=5432, role="secondary"),
    )
    assert group.servers.count() == 3


def test_any_other_number_of_servers_is_no_pair(pair_of, machines, recorder):
    """S131: exactly two different servers."""
    one, two, three = (machines.ecs(f"db-{at}", f"10.0.1.{at}") for at in (1, 2, 3))
    primary = entry(one, port=1, role=ServerRole.PRIMARY)
    for servers in (
        (),
        (primary,),
        (primary, entry(one, port=2, role=ServerRole.SECONDARY)),
        (
            primary,
            entry(two, port=1, role=ServerRole.SECONDARY),
            entry(three, port=1, role=ServerRole.SECONDARY),
        ),
    ):
        with pytest.raises(Invalid) as refused:
            pair_of(*servers)
        assert refused.value.code == "not_exactly_two"
    assert ServerGroup.objects.count() == 1
    recorder.assert_nothing_happened()


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ((ServerRole.PRIMARY, ServerRole.PRIMARY), "not_one_primary"),
        ((ServerRole.SECONDARY, ServerRole.SECONDARY), "not_one_primary"),
        ((ServerRole.PRIMARY, ServerRole.MEMBER), "bad_role"),
    ],
)
def test_roles_of_a_pair_differ(pair_of, machines, roles, code):
    one, two = machines.ecs("db-1", "10.0.1.1"), machines.ecs("db-2", "10.0.1.2")
    with pytest.raises(Invalid) as refused:
        pair_of(entry(one, port=1, role=roles[0]), entry(two, port=1, role=roles[1]))
    assert refused.value.code == code


def test_idc_servers_are_in_no_pair(pair_of, machines):
    """C27."""
    with pytest.raises(Invalid) as refused:
        pair_of(
            entry(machines.ecs("db-1", "10.0.1.1"), port=1, role=ServerRole.PRIMARY),
            entry(machines.idc("rack", "10.0.3.1"), port=1, role=ServerRole.SECONDARY),
        )
    assert refused.value.code == "idc_not_allowed"


def test_a_pair_takes_no_third_server(actor, pair_of, machines):
    one, two, three = (machines.ecs(f"db-{at}", f"10.0.1.{at}") for at in (1, 2, 3))
    group = pair_of(
        entry(one, port=1, role=ServerRole.PRIMARY), entry(two, port=1, role=ServerRole.SECONDARY)
    )
    with pytest.raises(Invalid):
        add_servers(
            actor=actor, group=group, servers=[entry(three, port=1, role=ServerRole.SECONDARY)]
        )


# --- renaming and deleting -----------------------------------------------------------------------


def test_a_new_name_is_recorded(actor, estate, recorder):
    group = create(actor, estate)
    renamed = rename_server_group(actor=actor, group=group, name="api/v2", expected=1)
    assert (renamed.name, renamed.edit_number) == ("api/v2", 2)
    assert (recorder.entries()[1].before, recorder.entries()[1].after) == ("api", "api/v2")
    with pytest.raises(Stale):
        rename_server_group(actor=actor, group=group, name="x", expected=1)


def test_a_deleted_group_leaves_the_servers_alone(actor, estate, machines, recorder):
    """S121."""
    machine = machines.ecs("api-1", "10.0.1.1")
    group = create(actor, estate, entry(machine, port=80))
    delete_server_group(actor=actor, group=group)
    assert not BackendServer.objects.filter(ecs_instance=machine).exists()
    machine.refresh_from_db()
    assert recorder.entries()[1].before["name"] == "api"
    assert recorder.published == 2
    with pytest.raises(NotFound):
        delete_server_group(actor=actor, group=group)


def test_a_group_in_use_stays_and_its_users_are_named(actor, estate, recorder):
    """F7.2: listeners and rules."""
    group, other = create(actor, estate), create(actor, estate, name="other")
    estate.listener.server_group = group
    estate.listener.save()
    rule = ForwardingRule.objects.create(
        listener=estate.listener, name="r", path="/x", server_group=other
    )
    for used, user in ((group, estate.listener), (other, rule)):
        with pytest.raises(Conflict) as refused:
            delete_server_group(actor=actor, group=used)
        assert refused.value.code == "group_in_use"
        assert [each["id"] for each in refused.value.details["users"]] == [user.public_id]
    assert len(recorder.entries()) == 2


def test_the_default_group_stays_as_it_is(actor, estate, recorder):
    with pytest.raises(Conflict):
        delete_server_group(actor=actor, group=estate.group)
    with pytest.raises(Conflict):
        rename_server_group(actor=actor, group=estate.group, name="mine")
    recorder.assert_nothing_happened()


def test_an_unknown_server_is_named_by_its_row(actor, estate):
    with pytest.raises(Invalid) as refused:
        create(actor, estate, NewServer("ecs", "i-unknown", port=80))
    assert refused.value.fields.keys() == {"servers[0].machine_id"}
