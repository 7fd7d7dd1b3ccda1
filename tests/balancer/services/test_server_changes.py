"""Several servers of a group change in one step, with one version and one story."""

import pytest

from balancer.exceptions import BalancerError, Conflict, Invalid, NotFound
from balancer.models import BackendServer, ServerGroup
from balancer.services.backend_servers import NewServer
from balancer.services.server_changes import ServerChanges, ServerEdit, change_servers


def test_servers_go_change_and_come_at_once(estate, machines, actor, recorder):
    gone, edited, kept = estate.servers
    fresh = machines.ecs("m", "10.0.1.1")
    changes = ServerChanges(
        remove={gone.public_id, "bs-none"},
        edit={edited.public_id: ServerEdit(weight="7", description="d")},
        add=[NewServer("ecs", fresh.public_id, weight=5)],
    )
    change_servers(actor=actor, group=estate.group, changes=changes)
    rows = list(BackendServer.objects.order_by("pk").values_list("weight", "description"))
    assert rows == [(7, "d"), (kept.weight, ""), (5, "")]
    assert recorder.published == 1
    assert [entry.action for entry in recorder.entries()] == [
        "servers.removed",
        "servers.added",
        "servers.changed",
    ]


def test_place_of_a_removed_server_is_free_in_the_same_step(estate, actor):
    first = estate.servers[0]
    changes = ServerChanges(
        remove={first.public_id}, add=[NewServer("ecs", first.machine_id, weight=1)]
    )
    change_servers(actor=actor, group=estate.group, changes=changes)
    assert BackendServer.objects.filter(ecs_instance=first.ecs_instance).get().weight == 1


def test_no_change_leaves_no_trace(estate, actor, recorder):
    same = {estate.servers[0].public_id: ServerEdit(weight=estate.servers[0].weight)}
    change_servers(actor=actor, group=estate.group, changes=ServerChanges(edit=same))
    recorder.assert_nothing_happened()


@pytest.mark.parametrize(
    ("edit", "add", "kind"),
    [
        ({"first": ServerEdit(weight=101)}, [], Invalid),
        ({"first": ServerEdit(description="<b>")}, [], Invalid),
        ({"bs-none": ServerEdit(weight=1)}, [], NotFound),
        ({}, [NewServer("ecs", "i-none")], Invalid),
    ],
)
def test_one_bad_part_refuses_the_whole(estate, actor, recorder, edit, add, kind):
    first, second, _ = estate.servers
    named = {first.public_id if name == "first" else name: each for name, each in edit.items()}
    changes = ServerChanges(remove={second.public_id}, edit=named, add=add)
    with pytest.raises(kind):
        change_servers(actor=actor, group=estate.group, changes=changes)
    assert BackendServer.objects.count() == 3
    recorder.assert_nothing_happened()


def test_pair_keeps_its_servers(estate, actor):
    pair = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind="primary_secondary", name="p"
    )
    with pytest.raises(Conflict) as refusal:
        change_servers(actor=actor, group=pair, changes=ServerChanges())
    assert isinstance(refusal.value, BalancerError)
    assert refusal.value.code == "pair_is_fixed"
