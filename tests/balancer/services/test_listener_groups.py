"""One group or two: what a listener may send to, and what holds a group fast (S24 to S30)."""

import pytest

from balancer.exceptions import Conflict, Invalid
from balancer.models import Listener, ServerGroup
from balancer.services.listeners import create_listener, update_listener
from balancer.services.server_groups import delete_server_group
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import Failover, GroupKind, Protocol


@pytest.fixture
def groups(estate) -> tuple[ServerGroup, ServerGroup]:
    first, second = (
        ServerGroup.objects.create(
            load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name=name
        )
        for name in ("blue", "green")
    )
    return first, second


@pytest.fixture
def create(actor, estate, groups):
    def make(**changes: object) -> Listener:
        options = {
            "protocol": Protocol.TCP,
            "port": 9000,
            "failover_enabled": True,
            "primary_group": groups[0],
            "secondary_group": groups[1],
            "failover_threshold": 1,
        }
        values = {key: value for key, value in (options | changes).items() if value is not ...}
        return create_listener(actor=actor, load_balancer=estate.load_balancer, **values)

    return make


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_two_groups_are_stored_recorded_and_published(create, estate, groups, recorder, protocol):
    """S24, S30."""
    create(protocol=protocol, start=True, failover_threshold="2")
    after = recorder.entry().after
    assert (after["primary_group"], after["secondary_group"], after["failover_threshold"]) == (
        groups[0].public_id,
        groups[1].public_id,
        2,
    )
    assert recorder.published == 1
    compiled = compile_snapshot(estate.load_balancer, version=1)
    listener = {each.port: each for each in compiled.listeners}[9000]
    assert listener.group == groups[0].public_id
    assert listener.failover == Failover(groups[1].public_id, 2, 10)
    assert {each.id for each in compiled.groups} >= {each.public_id for each in groups}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"primary_group": ...}, "primary_group"),
        ({"secondary_group": None}, "secondary_group"),
        ({"failover_threshold": ...}, "failover_threshold"),
        ({"failover_threshold": 0}, "failover_threshold"),
        ({"failover_threshold": 201}, "failover_threshold"),
        ({"failover_threshold": "2x"}, "failover_threshold"),
        ({"check_enabled": False}, "check_enabled"),
        ({"failover_enabled": False}, "primary_group"),
        ({"failover_enabled": ...}, "primary_group"),
        ({"protocol": Protocol.HTTP}, "failover_enabled"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(create, recorder, changes, field):
    with pytest.raises(Invalid) as refused:
        create(**changes)
    assert field in refused.value.fields
    recorder.assert_nothing_happened()


def test_groups_must_be_two_vserver_groups_of_the_instance(create, estate, groups, recorder):
    """S28."""
    pair = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.PRIMARY_SECONDARY, name="db"
    )
    foreign = ServerGroup.objects.create(
        load_balancer=estate.add_load_balancer("127.88.0.2"), kind=GroupKind.VSERVER, name="far"
    )
    for group in (groups[0], pair, foreign, estate.group):
        with pytest.raises(Invalid) as refused:
            create(secondary_group=group)
        assert refused.value.fields.keys() == {"secondary_group"}
    recorder.assert_nothing_happened()


def test_the_choice_replaces_what_was_there(actor, create, groups, recorder):
    listener = create(
        failover_enabled=False,
        primary_group=...,
        secondary_group=...,
        failover_threshold=...,
        server_group=groups[0],
    )
    with pytest.raises(Invalid) as refused:
        update_listener(
            actor=actor, listener=listener, failover_enabled=True, server_group=groups[0]
        )
    assert refused.value.fields.keys() == {"server_group"}
    listener = update_listener(
        actor=actor,
        listener=listener,
        failover_enabled=True,
        primary_group=groups[0],
        secondary_group=groups[1],
        failover_threshold=1,
    )
    assert listener.server_group is None
    listener = update_listener(
        actor=actor, listener=listener, failover_enabled=False, server_group=groups[1]
    )
    assert (listener.primary_group, listener.secondary_group, listener.failover_threshold) == (
        None,
        None,
        None,
    )
    last = recorder.entries()[-1]
    assert last.before["primary_group"] == groups[0].public_id
    assert last.after["primary_group"] is None


def test_back_to_one_group_needs_to_know_which(actor, create):
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=create(), failover_enabled=False)
    assert refused.value.fields.keys() == {"backend_port"}


def test_checks_cannot_be_turned_off_under_failover(actor, create):
    """slb-rpc-api 5.5: without them no server is found unhealthy."""
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=create(), check_enabled=False)
    assert refused.value.fields.keys() == {"check_enabled"}


def test_both_groups_are_in_use(actor, create, groups):
    """F7.2."""
    listener = create()
    for group in groups:
        with pytest.raises(Conflict) as refused:
            delete_server_group(actor=actor, group=group)
        assert [each["id"] for each in refused.value.details["users"]] == [listener.public_id]
