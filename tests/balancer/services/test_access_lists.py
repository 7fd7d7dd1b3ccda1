"""Access lists: checked, recorded, published where they are in force, kept while in use."""

import pytest

from balancer.choices import ListenerStatus
from balancer.constants import DEFAULT_LIMITS
from balancer.domain.access import NewEntry
from balancer.domain.quotas import configure_limits
from balancer.exceptions import Conflict, Invalid, NotFound, QuotaExceeded, Stale
from balancer.models import AccessList, Listener, Region
from balancer.services.access_lists import (
    add_entries,
    create_access_list,
    delete_access_list,
    remove_entries,
    rename_access_list,
)
from balancer.services.listeners import create_listener, update_listener
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import AccessKind
from tests.balancer.services.conftest import Recorder, wanted


@pytest.fixture
def office(actor, estate) -> AccessList:
    return create_access_list(
        actor=actor,
        region=estate.zone.region,
        name="office",
        entries=[NewEntry("192.0.2.0/24", "head office"), NewEntry("198.51.100.7")],
    )


@pytest.fixture
def denied(actor, estate, office) -> Listener:
    """Return the running listener, which keeps the office out."""
    return update_listener(
        actor=actor,
        listener=estate.listener,
        access_enabled=True,
        access_kind="deny",
        access_lists=[office],
    )


@pytest.fixture
def limits():
    yield configure_limits
    configure_limits(DEFAULT_LIMITS)


def networks(access_list: AccessList) -> list[str]:
    return sorted(access_list.entries.values_list("network", flat=True))


def test_a_list_comes_with_its_first_networks(recorder, office):
    assert networks(office) == ["192.0.2.0/24", "198.51.100.7/32"]
    entry = recorder.entry()
    assert (entry.action, entry.object_id) == ("access_list.created", office.public_id)
    assert entry.after["networks"] == ["192.0.2.0/24", "198.51.100.7/32"]


def test_a_wrong_network_keeps_the_whole_list_out(actor, estate, recorder):
    with pytest.raises(Invalid) as refused:
        create_access_list(
            actor=actor,
            region=estate.zone.region,
            name="office",
            entries=[NewEntry("10.0.0.0/8"), NewEntry("10.0.0.1/8")],
        )
    assert refused.value.fields.keys() == {"entries[1].network"}
    assert not AccessList.objects.exists()
    recorder.assert_nothing_happened()


def test_quotas_of_lists_and_networks(actor, estate, office, limits):
    """slb-rpc-api.md 4.1."""
    limits({"access_lists": 1, "entries_per_access_list": 3})
    with pytest.raises(QuotaExceeded, match="access lists"):
        create_access_list(actor=actor, region=estate.zone.region, name="more")
    add_entries(actor=actor, access_list=office, entries=[NewEntry("10.0.0.1")])
    with pytest.raises(QuotaExceeded, match="networks in office"):
        add_entries(actor=actor, access_list=office, entries=[NewEntry("10.0.0.2")])


def test_renaming_publishes_nothing(actor, office, denied, recorder):
    renamed = rename_access_list(
        actor=actor, access_list=office, name="headquarters", expected=office.edit_number
    )
    assert renamed.edit_number == office.edit_number + 1
    assert (recorder.entry().before, recorder.published) == ("office", 0)
    with pytest.raises(Stale):
        rename_access_list(actor=actor, access_list=office, name="x", expected=1)


def test_what_a_running_listener_uses_is_published_with_every_change(
    actor, estate, office, denied, recorder
):
    (added,) = add_entries(actor=actor, access_list=office, entries=[NewEntry("203.0.113.9")])
    assert recorder.published == 1
    access = compile_snapshot(estate.load_balancer, version=9).listeners[0].access
    assert access is not None
    assert access.kind is AccessKind.DENY
    assert access.networks == ("192.0.2.0/24", "198.51.100.7/32", "203.0.113.9/32")
    removed = remove_entries(
        actor=actor, access_list=office, networks=[added.network, "192.0.2.0/24", "10.9.9.9"]
    )
    assert removed == ["192.0.2.0/24", "203.0.113.9/32"]
    assert recorder.published == 2
    assert [entry.action for entry in recorder.entries()] == [
        "access_list.entries_added",
        "access_list.entries_removed",
    ]


def test_nothing_is_published_for_listeners_that_do_not_run(actor, estate, office, denied):
    Listener.objects.update(status=ListenerStatus.STOPPED)
    before = wanted(estate.load_balancer)
    add_entries(actor=actor, access_list=office, entries=[NewEntry("203.0.113.9")])
    assert wanted(estate.load_balancer) == before


def test_a_removal_without_effect_leaves_no_trace(actor, estate, office):
    recorder = Recorder(estate.load_balancer)
    assert remove_entries(actor=actor, access_list=office, networks=["10.0.0.0/8"]) == []
    recorder.assert_nothing_happened()
    with pytest.raises(Invalid) as refused:
        remove_entries(actor=actor, access_list=office, networks=["192.0.2.0/24", "x"])
    assert refused.value.fields.keys() == {"networks[1]"}
    assert len(networks(office)) == 2


def test_a_list_in_use_stays_and_names_its_users(actor, office, denied):
    with pytest.raises(Conflict, match="HTTP: 80 of web") as refused:
        delete_access_list(actor=actor, access_list=office)
    assert refused.value.details["users"][0]["id"] == denied.public_id
    update_listener(actor=actor, listener=denied, access_enabled=False)
    delete_access_list(actor=actor, access_list=office)
    with pytest.raises(NotFound):
        delete_access_list(actor=actor, access_list=office)


def test_turning_access_control_off_lets_go_of_the_lists(actor, estate, office, denied, recorder):
    update_listener(actor=actor, listener=denied, access_enabled=False)
    denied.refresh_from_db()
    assert (denied.access_enabled, denied.access_kind) == (False, "")
    assert not denied.access_lists.exists()
    entry = recorder.entry()
    assert entry.before["access_lists"] == [office.public_id]
    assert entry.after["access_lists"] == []
    assert compile_snapshot(estate.load_balancer, version=9).listeners[0].access is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"access_enabled": True}, "access_kind"),
        ({"access_enabled": True, "access_kind": "allow"}, "access_lists"),
        ({"access_kind": "allow"}, "access_kind"),
        ({"access_enabled": True, "access_kind": "white"}, "access_kind"),
    ],
)
def test_half_of_access_control_is_refused(actor, estate, recorder, changes, field):
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=estate.listener, **changes)
    assert field in refused.value.fields
    recorder.assert_nothing_happened()


def test_a_new_listener_takes_its_lists_along(actor, estate, office):
    options = {"protocol": "tcp", "port": 9000, "backend_port": 9000, "start": True}
    access = {"access_enabled": True, "access_kind": "allow", "access_lists": [office]}
    create_listener(actor=actor, load_balancer=estate.load_balancer, **options, **access)
    listeners = compile_snapshot(estate.load_balancer, version=9).listeners
    (found,) = [each.access for each in listeners if each.port == 9000]
    assert found is not None
    assert found.kind is AccessKind.ALLOW


def test_lists_of_another_region_or_gone_are_refused(actor, estate, office):
    elsewhere = Region.objects.create(public_id="cn-other", name="Other")
    foreign = create_access_list(actor=actor, region=elsewhere, name="foreign")
    gone = create_access_list(actor=actor, region=estate.zone.region, name="gone")
    delete_access_list(actor=actor, access_list=AccessList.objects.get(pk=gone.pk))
    for each, code in ((foreign, "foreign_access_list"), (gone, "access_list_not_found")):
        with pytest.raises(Invalid) as refused:
            update_listener(
                actor=actor,
                listener=estate.listener,
                access_enabled=True,
                access_kind="deny",
                access_lists=[each],
            )
        assert refused.value.code == code
        assert refused.value.fields.keys() == {"access_lists"}


def test_limits_of_lists_and_listeners(actor, estate, office, denied, limits):
    limits({"listeners_per_access_list": 1, "access_lists_per_listener": 1})
    more = create_access_list(actor=actor, region=estate.zone.region, name="more")
    with pytest.raises(Invalid, match="at most 1 access lists"):
        update_listener(actor=actor, listener=denied, access_lists=[office, more])
    options = {"protocol": "tcp", "port": 9000, "backend_port": 9000}
    access = {"access_enabled": True, "access_kind": "deny", "access_lists": [office]}
    with pytest.raises(QuotaExceeded, match="office"):
        create_listener(actor=actor, load_balancer=estate.load_balancer, **options, **access)
    update_listener(actor=actor, listener=denied, access_kind="allow")  # it has its place already
