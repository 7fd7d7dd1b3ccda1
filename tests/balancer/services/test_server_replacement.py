"""The servers of a group are replaced in one step; who stays keeps its row (issue 4, section 2)."""

from dataclasses import replace

import pytest

from balancer.domain import quotas
from balancer.exceptions import Conflict, Invalid, QuotaExceeded, Stale
from balancer.models import BackendServer, EcsInstance, ServerGroup
from balancer.services.backend_servers import NewServer
from balancer.services.locks import GroupState, state_of_group
from balancer.services.server_replacement import replace_servers


def as_wanted(row: BackendServer) -> NewServer:
    return NewServer(
        row.machine_type,
        row.machine_id,
        address=row.address if row.machine_type == "eni" else "",
        port=row.port,
        weight=row.weight,
        description=row.description,
        role=row.role,
    )


@pytest.fixture
def wanted(estate) -> list[NewServer]:
    return [as_wanted(row) for row in estate.servers]


def test_servers_stay_change_come_and_go_at_once(estate, machines, actor, recorder, wanted):
    kept, edited, gone = estate.servers
    fresh = machines.ecs("m", "10.0.1.1")
    wanted[1:] = [
        NewServer("ecs", fresh.public_id, weight=5),
        replace(wanted[1], weight="7", description="d"),
    ]
    rows = replace_servers(actor=actor, group=estate.group, servers=wanted)
    stored = list(BackendServer.objects.order_by("pk").values_list("pk", "weight", "description"))
    assert stored[:2] == [(kept.pk, kept.weight, ""), (edited.pk, 7, "d")]
    assert [row.machine_id for row in rows] == [each.machine_id for each in wanted]
    assert (stored[2][1], gone.pk in {pk for pk, *_ in stored}) == (5, False)
    numbers = dict(BackendServer.objects.values_list("pk", "edit_number"))
    assert (numbers[kept.pk], numbers[edited.pk]) == (1, 2)
    assert recorder.published == 1
    entry = recorder.entry()
    assert entry.action == "servers.replaced"
    assert [each["server"] for each in entry.before["removed"]] == [gone.machine_id]
    assert [each["server"] for each in entry.after["added"]] == [fresh.public_id]
    (was,), (now,) = entry.before["changed"], entry.after["changed"]
    assert (was["weight"], now["weight"], now["description"]) == (edited.weight, 7, "d")
    assert ServerGroup.objects.get(pk=estate.group.pk).edit_number == 2


def test_what_is_there_already_changes_nothing(estate, actor, recorder, wanted):
    replace_servers(actor=actor, group=estate.group, servers=wanted[::-1])
    recorder.assert_nothing_happened()
    assert set(BackendServer.objects.values_list("edit_number", flat=True)) == {1}


def test_a_description_moves_no_traffic(estate, actor, recorder, wanted):
    wanted[0] = replace(wanted[0], description="blue")
    replace_servers(actor=actor, group=estate.group, servers=wanted)
    assert (recorder.published, recorder.entry().action) == (0, "servers.replaced")


def test_an_empty_list_empties_the_group(estate, actor, recorder):
    assert replace_servers(actor=actor, group=estate.group, servers=[]) == []
    assert not estate.group.servers.exists()
    assert recorder.published == 1


def test_ports_of_one_machine_are_entries_of_their_own(estate, machines, actor):
    group, machine = estate.add_group("blue"), machines.ecs("m", "10.0.1.1")
    two = [NewServer("ecs", machine.public_id, port=port) for port in (80, 81)]
    first, second = replace_servers(actor=actor, group=group, servers=two)
    other = replace(two[0], port="82")
    stays, comes = replace_servers(actor=actor, group=group, servers=[two[1], other])
    assert (stays.pk, comes.port) == (second.pk, 82)
    assert not BackendServer.objects.filter(pk=first.pk).exists()


def test_every_bad_row_is_named_by_its_place_in_the_whole_list(
    estate, actor, recorder, machines, wanted
):
    stopped = machines.ecs("m", "10.0.1.1")
    EcsInstance.objects.filter(pk=stopped.pk).update(power_state="stopped")
    wanted[1] = replace(wanted[1], weight=101)
    wanted[2:] = [NewServer("ecs", "i-none"), NewServer("ecs", stopped.public_id, weight=-1)]
    with pytest.raises(Invalid) as refusal:
        replace_servers(actor=actor, group=estate.group, servers=wanted)
    assert refusal.value.fields.keys() == {
        "servers[1].weight",
        "servers[2].machine_id",
        "servers[3].weight",
        "servers[3].machine_id",
    }
    assert BackendServer.objects.count() == 3
    recorder.assert_nothing_happened()


def test_one_entry_may_not_stand_twice(estate, actor, recorder, wanted):
    with pytest.raises(Invalid) as refusal:
        replace_servers(actor=actor, group=estate.group, servers=[*wanted, wanted[0]])
    assert refusal.value.code == "duplicate_server"
    assert refusal.value.fields.keys() == {"servers[0].machine_id", "servers[3].machine_id"}
    recorder.assert_nothing_happened()


def test_the_quota_counts_what_will_be_there(estate, actor, machines, monkeypatch, wanted):
    monkeypatch.setitem(quotas._limits, "servers_per_load_balancer", 3)
    fresh = [NewServer("ecs", machines.ecs(f"m{n}", f"10.0.1.{n}").public_id) for n in range(1, 5)]
    replace_servers(actor=actor, group=estate.group, servers=fresh[:3])
    for too_many in (fresh, [*fresh[:2], *wanted[:2]]):
        with pytest.raises(QuotaExceeded):
            replace_servers(actor=actor, group=estate.group, servers=too_many)
    other = estate.add_group("blue")
    with pytest.raises(QuotaExceeded):  # the entries of all groups of the instance together
        replace_servers(actor=actor, group=other, servers=[replace(fresh[3], port=80)])
    assert BackendServer.objects.count() == 3


def test_a_pair_keeps_its_servers_and_takes_new_weights(estate, actor, recorder, machines):
    pair = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind="primary_secondary", name="p"
    )
    for role in ("primary", "secondary"):
        machine = machines.ecs(role, f"10.0.1.{len(role)}")
        pair.servers.create(ecs_instance=machine, port=80, role=role)
    same = [as_wanted(row) for row in pair.servers.all()]
    replace_servers(actor=actor, group=pair, servers=same)
    recorder.assert_nothing_happened()
    swapped = [replace(same[0], role="secondary"), replace(same[1], role="primary")]
    for other in (swapped, same[:1], [*same, replace(same[0], port=81)]):
        with pytest.raises(Conflict) as refusal:
            replace_servers(actor=actor, group=pair, servers=other)
        assert refusal.value.code == "pair_is_fixed"  # S36, S143: View and Delete only
    recorder.assert_nothing_happened()


@pytest.mark.parametrize("change", ["weight", "removal"])
def test_a_list_built_on_an_older_one_is_refused(estate, actor, wanted, change):
    """A change of one server's weight makes the whole list another one."""
    read = state_of_group(estate.group)
    shorter = wanted[:2] if change == "removal" else [replace(wanted[0], weight=1), *wanted[1:]]
    replace_servers(actor=actor, group=estate.group, servers=shorter, expected=read)
    with pytest.raises(Stale) as refusal:
        replace_servers(actor=actor, group=estate.group, servers=wanted, expected=read)
    now = state_of_group(ServerGroup.objects.get(pk=estate.group.pk))
    assert refusal.value.details["current"] == str(now)
    replace_servers(actor=actor, group=estate.group, servers=wanted, expected=now)


def test_the_groups_own_number_stands_for_which_servers_there_are(estate, actor, wanted):
    read = GroupState(estate.group.edit_number)
    lighter = [replace(wanted[0], weight=1), *wanted[1:]]
    replace_servers(actor=actor, group=estate.group, servers=lighter)
    replace_servers(actor=actor, group=estate.group, servers=wanted[:2], expected=read)
    with pytest.raises(Stale):
        replace_servers(actor=actor, group=estate.group, servers=wanted, expected=read)


def test_the_number_of_statements_does_not_follow_the_size(
    estate, actor, machines, monkeypatch, django_assert_max_num_queries
):
    """Issue 4, section 2: of any size; a row at a time would take a statement each."""
    monkeypatch.setitem(quotas._limits, "servers_per_load_balancer", 1000)
    fresh = [machines.ecs(f"m{n}", f"10.0.{n // 250 + 1}.{n % 250}") for n in range(300)]
    servers = [NewServer("ecs", each.public_id, weight=1) for each in fresh]
    replace_servers(actor=actor, group=estate.group, servers=servers)
    heavier = [replace(each, weight=2) for each in servers]
    with django_assert_max_num_queries(40):
        replace_servers(actor=actor, group=estate.group, servers=heavier)
    assert estate.group.servers.filter(weight=2).count() == 300
