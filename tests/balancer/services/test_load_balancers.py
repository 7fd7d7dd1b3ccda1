"""Load balancers: created with an address and a group, renamed, protected, stopped, released."""

from ipaddress import IPv4Network

import pytest
from django.db import connection

from balancer.actors import Actor
from balancer.choices import AddressType, Entrance, LoadBalancerStatus
from balancer.constants import DEFAULT_LIMITS
from balancer.domain.quotas import configure_limits
from balancer.exceptions import (
    BalancerError,
    Conflict,
    Invalid,
    NotFound,
    Protected,
    QuotaExceeded,
    Stale,
)
from balancer.models import Listener, LoadBalancer, PublishHead, ServerGroup, Zone
from balancer.rights import Role
from balancer.services.backend_servers import (
    add_servers,
    describe_server,
    remove_servers,
    set_server_weight,
    set_server_weights,
)
from balancer.services.listeners import (
    create_listener,
    delete_listener,
    start_listener,
    stop_listener,
    update_listener,
)
from balancer.services.load_balancers import (
    create_load_balancer,
    release_load_balancer,
    rename_load_balancer,
    set_deletion_protection,
    set_modification_protection,
    start_load_balancer,
    stop_load_balancer,
)
from balancer.services.server_groups import (
    create_server_group,
    delete_server_group,
    rename_server_group,
)
from balancer.services.specifications import change_bandwidth
from proxy.snapshot import GroupKind, Protocol
from tests.balancer.machines import entry


@pytest.fixture
def region(estate):
    return estate.zone.region


def create(actor, region, **values) -> LoadBalancer:
    return create_load_balancer(actor=actor, region=region, **values)


# --- creating ------------------------------------------------------------------------------------


def test_one_gets_an_address_a_group_and_a_version(actor, region, settings):
    settings.OPENCLB_VIP_POOL = IPv4Network("127.88.0.0/29")
    created = create(actor, region, name="web-2")
    assert created.address == "127.88.0.2"  # .1 is taken by the estate
    assert created.primary_zone.public_id == "cn-test-a"
    assert (created.status, created.owner) == (LoadBalancerStatus.ACTIVE, actor.name)
    group = created.server_groups.get()
    assert (group.kind, group.name) == (GroupKind.DEFAULT, "Default Server Group")
    assert PublishHead.objects.get(load_balancer_public_id=created.public_id).wanted == 1


def test_without_a_name_it_is_called_by_its_id(actor, region):
    created = create(actor, region)
    assert created.name == created.public_id


def test_its_place_follows_from_its_vswitch(actor, estate, region):
    created = create(actor, region, vswitch=estate.vswitch)
    assert (created.vpc, created.primary_zone) == (estate.vswitch.vpc, estate.zone)


def test_a_requested_address_lies_free_in_the_pool(actor, region, machines, settings):
    settings.OPENCLB_VIP_POOL = IPv4Network("127.88.0.0/24")
    assert create(actor, region, address="127.88.0.77").address == "127.88.0.77"
    machines.idc("rack", "127.88.0.5")
    for taken in ("127.88.0.1", "127.88.0.77", "127.88.0.5"):
        with pytest.raises(Conflict, match=r"choose another") as refused:
            create(actor, region, address=taken)
        assert refused.value.code == "address_in_use"
    for outside in ("127.88.1.1", "127.88.0.0", "127.88.0.255", "x"):
        with pytest.raises(Invalid) as refused:
            create(actor, region, address=outside)
        assert refused.value.fields.keys() == {"address"}


def test_addresses_of_machines_are_not_given_out(actor, region, machines, settings):
    settings.OPENCLB_VIP_POOL = IPv4Network("127.88.0.0/29")
    machines.ecs("web-1", "127.88.0.2")
    assert create(actor, region).address == "127.88.0.3"


def test_an_empty_pool_is_said(actor, region, settings):
    settings.OPENCLB_VIP_POOL = IPv4Network("127.88.0.0/30")
    create(actor, region)
    with pytest.raises(Conflict, match="127.88.0.0/30"):
        create(actor, region)


def test_everything_it_stands_in_is_in_its_region(actor, estate, region, machines):
    """S10."""
    far = machines.other_region
    for values, field in (
        ({"primary_zone": far.zone}, "primary_zone"),
        ({"backup_zone": far.zone}, "backup_zone"),
        ({"vpc": far.vpc}, "vpc"),
        ({"vswitch": far}, "vswitch"),
        ({"vswitch": machines.other_vpc, "vpc": estate.vswitch.vpc}, "vswitch"),
        ({"primary_zone": estate.zone, "backup_zone": estate.zone}, "backup_zone"),
        ({"specification": "slb.s9.huge"}, "specification"),
        ({"address_type": "anycast"}, "address_type"),
        ({"name": "1web"}, "name"),
    ):
        with pytest.raises(Invalid) as refused:
            create(actor, region, **values)
        assert refused.value.fields.keys() == {field}
    assert LoadBalancer.objects.count() == 1


def test_a_backup_zone_and_a_class_are_kept(actor, region):
    backup = Zone.objects.create(public_id="cn-test-b", region=region, name="B")
    created = create(
        actor,
        region,
        backup_zone=backup,
        specification="slb.s2.small",
        address_type=AddressType.INTRANET,
        deletion_protection=True,
    )
    created.refresh_from_db()
    assert created.backup_zone == backup
    assert created.is_guaranteed_performance
    assert created.deletion_protection


@pytest.fixture
def one_load_balancer_at_most():
    configure_limits({"load_balancers": 1})
    yield
    configure_limits(DEFAULT_LIMITS)


@pytest.mark.usefixtures("one_load_balancer_at_most")
def test_their_number_is_limited(actor, region):
    with pytest.raises(QuotaExceeded):
        create(actor, region)


# --- renaming, starting, stopping ----------------------------------------------------------------


def test_a_new_name_is_recorded_and_moves_no_traffic(actor, estate, recorder):
    renamed = rename_load_balancer(
        actor=actor, load_balancer=estate.load_balancer, name="前端-1", expected=1
    )
    assert (renamed.name, renamed.edit_number) == ("前端-1", 2)
    record = recorder.entry()
    assert (record.before, record.after) == ("web", "前端-1")
    assert recorder.published == 0


def test_a_stale_or_bad_name_changes_nothing(actor, estate, recorder):
    with pytest.raises(Stale):
        rename_load_balancer(
            actor=actor, load_balancer=estate.load_balancer, name="new", expected=7
        )
    with pytest.raises(Invalid):
        rename_load_balancer(actor=actor, load_balancer=estate.load_balancer, name="-")
    recorder.assert_nothing_happened()


def test_stop_and_start_are_published_and_keep_the_configuration(actor, estate, recorder):
    stopped = stop_load_balancer(actor=actor, load_balancer=estate.load_balancer)
    assert stopped.status == LoadBalancerStatus.INACTIVE
    assert Listener.objects.get().is_running
    stop_load_balancer(actor=actor, load_balancer=stopped)  # again: nothing to do
    started = start_load_balancer(actor=actor, load_balancer=stopped)
    assert started.status == LoadBalancerStatus.ACTIVE
    assert [each.action for each in recorder.entries()] == [
        "load_balancer.stopped",
        "load_balancer.started",
    ]
    assert recorder.published == 2


def test_a_locked_one_takes_no_change(actor, estate, recorder):
    estate.load_balancer.status = LoadBalancerStatus.LOCKED
    estate.load_balancer.save()
    for act in (start_load_balancer, stop_load_balancer, release_load_balancer):
        with pytest.raises(Conflict):
            act(actor=actor, load_balancer=estate.load_balancer)
    recorder.assert_nothing_happened()


# --- releasing -----------------------------------------------------------------------------------


def test_release_takes_everything_with_it_and_leaves_a_tombstone(actor, estate, recorder):
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="api"
    )
    estate.listener.server_group = group
    estate.listener.save()
    public_id = estate.load_balancer.public_id
    release_load_balancer(actor=actor, load_balancer=estate.load_balancer)
    assert not LoadBalancer.objects.exists()
    assert not Listener.objects.exists()
    assert not ServerGroup.objects.exists()
    assert PublishHead.objects.get(load_balancer_public_id=public_id).deleted
    record = recorder.entry()
    assert record.action == "load_balancer.released"
    assert record.load_balancer_public_id == public_id
    assert record.before["address"] == "127.88.0.1"
    with pytest.raises(NotFound):
        release_load_balancer(actor=actor, load_balancer=LoadBalancer(pk=1))


def test_deletion_protection_stands_before_release(actor, estate, recorder):
    protected = set_deletion_protection(
        actor=actor, load_balancer=estate.load_balancer, enabled=True
    )
    with pytest.raises(Protected, match="Turn the deletion protection off") as refused:
        release_load_balancer(actor=actor, load_balancer=protected)
    assert refused.value.details["protected_by"] == actor.name
    assert refused.value.code == "deletion_protected"
    assert LoadBalancer.objects.exists()
    set_deletion_protection(actor=actor, load_balancer=protected, enabled=False)
    release_load_balancer(actor=actor, load_balancer=protected)
    actions = [each.action for each in recorder.entries()]
    assert actions == ["load_balancer.deletion_protection_changed"] * 2 + ["load_balancer.released"]


# --- modification protection ---------------------------------------------------------------------


@pytest.fixture
def acts(estate, machines):
    """Return every write to a load balancer and what is in it, by name."""
    balancer, group, listener = estate.load_balancer, estate.group, estate.listener
    server = estate.servers[0]
    spare = ServerGroup.objects.create(load_balancer=balancer, kind=GroupKind.VSERVER, name="x")
    machine = machines.ecs("web-1", "10.0.1.1")
    ids = [server.public_id]
    return {
        "rename": lambda actor: rename_load_balancer(
            actor=actor, load_balancer=balancer, name="new"
        ),
        "bandwidth": lambda actor: change_bandwidth(
            actor=actor, load_balancer=balancer, bandwidth_mbps=10
        ),
        "stop": lambda actor: stop_load_balancer(actor=actor, load_balancer=balancer),
        "start": lambda actor: start_load_balancer(actor=actor, load_balancer=balancer),
        "deletion-protection": lambda actor: set_deletion_protection(
            actor=actor, load_balancer=balancer, enabled=False
        ),
        "create-listener": lambda actor: create_listener(
            actor=actor, load_balancer=balancer, protocol=Protocol.TCP, port=90, backend_port=90
        ),
        "update-listener": lambda actor: update_listener(
            actor=actor, listener=listener, description="new"
        ),
        "stop-listener": lambda actor: stop_listener(actor=actor, listener=listener),
        "start-listener": lambda actor: start_listener(actor=actor, listener=listener),
        "delete-listener": lambda actor: delete_listener(actor=actor, listener=listener),
        "create-group": lambda actor: create_server_group(
            actor=actor, load_balancer=balancer, kind=GroupKind.VSERVER, name="y"
        ),
        "rename-group": lambda actor: rename_server_group(actor=actor, group=spare, name="z"),
        "delete-group": lambda actor: delete_server_group(actor=actor, group=spare),
        "weight": lambda actor: set_server_weight(actor=actor, server=server, weight=1),
        "weights": lambda actor: set_server_weights(
            actor=actor, group=group, weights={server.public_id: 2}
        ),
        "describe": lambda actor: describe_server(actor=actor, server=server, description="n"),
        "add": lambda actor: add_servers(actor=actor, group=group, servers=[entry(machine)]),
        "remove": lambda actor: remove_servers(actor=actor, group=group, server_ids=ids),
        "release": lambda actor: release_load_balancer(actor=actor, load_balancer=balancer),
    }


def test_modification_protection_forbids_every_change_at_the_console(actor, estate, acts):
    set_modification_protection(
        actor=actor, load_balancer=estate.load_balancer, enabled=True, reason="audit"
    )
    for name, act in acts.items():
        with pytest.raises(Protected) as refused:
            act(actor)
        assert refused.value.details["reason"] == "audit", name
        sentence = "web is protected against changes in the console, by the-operator: audit. Turn"
        assert refused.value.message.startswith(sentence), name


def test_modification_protection_lets_other_entrances_pass(user_of, actor, estate, acts):
    set_modification_protection(actor=actor, load_balancer=estate.load_balancer, enabled=True)
    through_rest = Actor.person(user_of(Role.OPERATOR), Entrance.REST)
    for act in acts.values():
        act(through_rest)


def test_modification_protection_can_be_turned_off_at_the_console(actor, estate, recorder):
    protected = set_modification_protection(
        actor=actor, load_balancer=estate.load_balancer, enabled=True, reason="audit"
    )
    open_again = set_modification_protection(
        actor=actor, load_balancer=protected, enabled=False, reason="ignored"
    )
    assert open_again.modification_protection_reason == ""
    rename_load_balancer(actor=actor, load_balancer=open_again, name="new")
    assert recorder.entries()[0].after == {"enabled": True, "reason": "audit"}


def test_a_reason_is_bounded(actor, estate):
    with pytest.raises(Invalid):
        set_modification_protection(
            actor=actor, load_balancer=estate.load_balancer, enabled=True, reason="x" * 81
        )


def test_every_write_has_its_end_at_one_commit(actor, estate, acts, monkeypatch):
    """Nothing half-applied: where the record cannot be written, nothing is."""
    before = _dump()

    def fail(*args: object, **kwargs: object) -> None:
        raise BalancerError("broken", "The record cannot be written.")

    modules = "backend_servers listeners load_balancers server_groups specifications"
    for module in modules.split():
        monkeypatch.setattr(f"balancer.services.{module}.record_activity", fail)
    for name, act in acts.items():
        if name in ("start", "start-listener", "deletion-protection"):
            continue  # no change, so no record
        with pytest.raises(BalancerError, match="record"):
            act(actor)
        assert _dump() == before, name


def _dump() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    with connection.cursor() as cursor:
        for table in ("loadbalancer", "listener", "servergroup", "backendserver", "publishhead"):
            cursor.execute(f"SELECT * FROM balancer_{table} ORDER BY id")
            rows += cursor.fetchall()
    return rows
