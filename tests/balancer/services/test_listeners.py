"""Listeners: every option checked, recorded and published, and none stored that is not in force."""

import pytest

from balancer.choices import ListenerStatus
from balancer.domain.support import ONLY_FOR, ONLY_VALUE
from balancer.exceptions import Conflict, Invalid, NotFound, QuotaExceeded, Stale, Unsupported
from balancer.models import Listener, ServerGroup
from balancer.services.listeners import (
    create_listener,
    delete_listener,
    start_listener,
    stop_listener,
    update_listener,
)
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import CheckKind, GroupKind, Protocol, Sticky, StickyKind

IN_FORCE = {
    "public_id",
    "load_balancer",
    "protocol",
    "port",
    "backend_port",
    "name",
    "description",
    "status",
    "scheduler",
    "server_group",
    "edit_number",
    "created_at",
    "updated_at",
    "check_enabled",
    "check_kind",
    "check_interval_s",
    "check_timeout_s",
    "check_healthy_threshold",
    "check_unhealthy_threshold",
    "check_port",
    "check_method",
    "check_path",
    "check_host",
    "check_expected_classes",
    "certificate",
    "client_ca_certificate",
    "tls_policy",
    "http2_enabled",
    "bandwidth_mbps",
    "access_enabled",
    "access_kind",
    "access_lists",
    *ONLY_FOR,
}


def create(actor, estate, **values) -> Listener:
    options = {"protocol": Protocol.TCP, "port": 9000, "backend_port": 9000} | values
    return create_listener(actor=actor, load_balancer=estate.load_balancer, **options)


def test_every_option_is_in_force_or_refused():
    """A column that is neither would be stored without effect."""
    fields = {each.name for each in Listener._meta.get_fields() if each.concrete} - {"id"}
    assert fields == IN_FORCE | ONLY_VALUE.keys()


def test_what_is_refused_leaves_the_default_as_the_only_value():
    for option, (only, _) in ONLY_VALUE.items():
        field = Listener._meta.get_field(option)
        default = [] if field.many_to_many else field.get_default()
        assert only == default, option
    for option, (_, elsewhere, _) in ONLY_FOR.items():
        assert Listener._meta.get_field(option).get_default() == elsewhere, option


def test_a_listener_is_created_stopped_with_a_name_of_its_own(actor, estate, recorder):
    listener = create(actor, estate, port="9000", backend_port="8000")
    assert (listener.port, listener.backend_port, listener.name) == (9000, 8000, "tcp_9000")
    assert listener.status == ListenerStatus.STOPPED
    record = recorder.entry()
    assert record.action == "listener.created"
    assert record.after["port"] == 9000
    assert recorder.published == 1


def test_a_listener_may_start_at_once(actor, estate):
    listener = create(
        actor,
        estate,
        protocol=Protocol.HTTP,
        port=8081,
        start=True,
        name="k8s/80/web",
        check_path="/health",
    )
    listener.refresh_from_db()
    assert listener.is_running
    assert listener.check_kind == CheckKind.HTTP  # S174: the check speaks as the listener does
    assert listener.check_path == "/health"


@pytest.mark.parametrize("port", [0, 65536, "abc", "", None, -1])
def test_a_bad_port_is_refused(actor, estate, recorder, port):
    with pytest.raises(Invalid) as refused:
        create(actor, estate, port=port)
    assert refused.value.fields.keys() == {"port"}
    recorder.assert_nothing_happened()


def test_listeners_over_tcp_exclude_each_other_on_a_port(actor, estate, recorder):
    """slb-rpc-api.md 3.2: TCP, HTTP and HTTPS share the ports."""
    with pytest.raises(Conflict, match="80") as refused:
        create(actor, estate, port=80)
    assert refused.value.details["listener"] == estate.listener.public_id
    recorder.assert_nothing_happened()


def test_the_same_port_of_another_load_balancer_is_free(actor, estate):
    other = estate.add_load_balancer("127.88.0.2")
    create_listener(
        actor=actor, load_balancer=other, protocol=Protocol.HTTP, port=80, backend_port=80
    )


def test_the_default_group_needs_a_backend_port(actor, estate):
    with pytest.raises(Invalid) as refused:
        create(actor, estate, backend_port=None)
    assert refused.value.fields.keys() == {"backend_port"}


def test_a_vserver_group_brings_its_own_ports(actor, estate):
    """S6, S92."""
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="api"
    )
    listener = create(actor, estate, backend_port=None, server_group=group)
    assert listener.server_group == group
    with pytest.raises(Invalid):  # back to the default group, which needs a port
        update_listener(actor=actor, listener=listener, server_group=None)


def test_a_group_of_another_instance_is_refused(actor, estate):
    other = estate.add_load_balancer("127.88.0.2")
    group = ServerGroup.objects.create(load_balancer=other, kind=GroupKind.VSERVER, name="api")
    with pytest.raises(Invalid) as refused:
        create(actor, estate, server_group=group)
    assert refused.value.fields.keys() == {"server_group"}


@pytest.fixture
def pair(estate):
    return ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.PRIMARY_SECONDARY, name="db"
    )


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_pair_serves_tcp_and_udp(actor, estate, pair, protocol):
    listener = create(actor, estate, protocol=protocol, server_group=pair, backend_port=None)
    assert listener.server_group == pair


def test_pair_is_refused_at_an_http_listener(actor, estate, pair, recorder):
    """S40: at creation and at a change."""
    with pytest.raises(Invalid) as refused:
        create(actor, estate, protocol=Protocol.HTTP, server_group=pair)
    assert refused.value.fields.keys() == {"server_group"}
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=estate.listener, server_group=pair)
    assert "TCP and UDP" in str(refused.value)
    recorder.assert_nothing_happened()


def test_udp_listener_has_a_udp_check_and_calmer_times(actor, estate):
    listener = create(actor, estate, protocol=Protocol.UDP)
    assert (listener.check_kind, listener.check_interval_s, listener.check_timeout_s) == (
        CheckKind.UDP,
        5,
        10,
    )
    quick = create(actor, estate, protocol=Protocol.UDP, port=10000, check_interval_s=2)
    assert quick.check_interval_s == 2


def test_udp_shares_its_port_with_a_stream_listener_but_not_with_another_udp_one(actor, estate):
    create(actor, estate, protocol=Protocol.UDP, port=estate.listener.port)
    with pytest.raises(Conflict):
        create(actor, estate, protocol=Protocol.UDP, port=estate.listener.port)


def test_udp_answer_without_a_request_is_refused_as_the_two_stand_together(actor, estate, recorder):
    with pytest.raises(Invalid) as refused:
        create(actor, estate, protocol=Protocol.UDP, check_expected_answer="pong")
    assert refused.value.fields.keys() == {"check_request"}
    recorder.assert_nothing_happened()
    listener = create(
        actor, estate, protocol=Protocol.UDP, check_request="ping", check_expected_answer="pong"
    )
    with pytest.raises(Invalid):
        update_listener(actor=actor, listener=listener, check_request="")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"gzip_enabled": True}, "gzip_enabled"),
        ({"idle_timeout_s": 30}, "idle_timeout_s"),
    ],
)
def test_what_no_proxy_applies_is_refused_and_not_stored(actor, estate, recorder, values, field):
    with pytest.raises(Unsupported) as refused:
        create(actor, estate, **values)
    assert refused.value.fields.keys() == {field}
    assert Listener.objects.count() == 1
    recorder.assert_nothing_happened()


@pytest.mark.parametrize(
    ("protocol", "scheduler"),
    [
        (Protocol.TCP, "round_robin"),
        (Protocol.HTTP, "weighted_least_connections"),
        (Protocol.TCP, "source_hash"),
        (Protocol.TCP, "tuple_hash"),
    ],
)
def test_schedulers_are_stored_recorded_and_published(actor, estate, recorder, protocol, scheduler):
    """S68 and slb-rpc-api.md 5.1: what is chosen is what the proxies are told."""
    make_guaranteed(estate)
    options = {"protocol": protocol, "scheduler": scheduler}
    listener = create(actor, estate, start=True, **options)
    assert recorder.entry().after["scheduler"] == scheduler
    compiled = compile_snapshot(estate.load_balancer, version=1)
    assert {each.port: each.scheduler for each in compiled.listeners}[9000] == scheduler
    update_listener(actor=actor, listener=listener, scheduler="weighted_round_robin")
    listener.refresh_from_db()
    assert listener.scheduler == "weighted_round_robin"
    assert recorder.published == 2


def test_consistent_hash_needs_a_guaranteed_performance_instance(actor, estate, recorder):
    with pytest.raises(Invalid) as refused:
        create(actor, estate, scheduler="source_hash")
    assert refused.value.fields.keys() == {"scheduler"}
    assert "shared-performance" in refused.value.fields["scheduler"][0]
    recorder.assert_nothing_happened()
    listener = create(actor, estate)
    with pytest.raises(Invalid):
        update_listener(actor=actor, listener=listener, scheduler="tuple_hash")
    make_guaranteed(estate)
    update_listener(actor=actor, listener=listener, scheduler="tuple_hash")


def make_guaranteed(estate) -> None:
    estate.load_balancer.specification = "slb.s2.small"
    estate.load_balancer.save()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"protocol": "gopher"}, "protocol"),
        ({"protocol": Protocol.HTTP, "scheduler": "source_hash"}, "scheduler"),
        ({"scheduler": "connection_id_hash"}, "scheduler"),
        ({"scheduler": "fastest"}, "scheduler"),
        ({"check_interval_s": 51}, "check_interval_s"),
        ({"check_path": "x"}, "check_path"),
        ({"name": "a b"}, "name"),
        ({"colour": "red"}, "colour"),
        ({"protocol": Protocol.HTTP, "check_kind": CheckKind.UDP}, "check_kind"),
    ],
)
def test_bad_options_are_named(actor, estate, recorder, values, field):
    with pytest.raises(Invalid) as refused:
        create(actor, estate, **values)
    assert refused.value.fields.keys() == {field}
    recorder.assert_nothing_happened()


def test_no_access_lists_are_no_option(actor, estate):
    assert create(actor, estate, access_lists=[]).pk


def test_the_51st_listener_is_refused(actor, estate, recorder):
    """S15."""
    Listener.objects.bulk_create(
        Listener(load_balancer=estate.load_balancer, protocol=Protocol.TCP, port=port, name="x")
        for port in range(1000, 1049)
    )
    with pytest.raises(QuotaExceeded) as refused:
        create(actor, estate)
    assert (refused.value.details["limit"], refused.value.details["current"]) == (50, 50)
    recorder.assert_nothing_happened()


# --- changing ------------------------------------------------------------------------------------


def test_only_what_differs_is_changed_and_recorded(actor, estate, recorder):
    changed = update_listener(
        actor=actor,
        listener=estate.listener,
        expected=1,
        idle_timeout_s="30",
        backend_port=8080,
        check_kind=CheckKind.HTTP,
    )
    assert (changed.idle_timeout_s, changed.edit_number) == (30, 2)
    record = recorder.entry()
    assert record.before == {"idle_timeout_s": 15, "check_kind": "tcp"}
    assert record.after == {"idle_timeout_s": 30, "check_kind": "http"}
    assert recorder.published == 1


def test_a_change_to_the_same_is_none(actor, estate, recorder):
    update_listener(actor=actor, listener=estate.listener, idle_timeout_s=15, name="")
    recorder.assert_nothing_happened()


def test_a_group_is_recorded_by_its_id(actor, estate, recorder):
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="api"
    )
    update_listener(actor=actor, listener=estate.listener, server_group=group)
    assert recorder.entry().after == {"server_group": group.public_id}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"port": 81}, "port"),
        ({"protocol": "tcp"}, "protocol"),
        ({"status": "stopped"}, "status"),
        ({"request_timeout_s": 181}, "request_timeout_s"),
        ({"established_timeout_s": 100}, "established_timeout_s"),
        ({"sticky_enabled": True}, "sticky_kind"),
        ({"sticky_enabled": True, "sticky_kind": "insert"}, "cookie_timeout_s"),
        ({"sticky_enabled": True, "sticky_kind": "rewrite"}, "cookie_name"),
        ({"cookie_timeout_s": 86401}, "cookie_timeout_s"),
        ({"cookie_name": "a;b"}, "cookie_name"),
    ],
)
def test_a_bad_change_changes_nothing(actor, estate, recorder, changes, field):
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=estate.listener, idle_timeout_s=30, **changes)
    assert field in refused.value.fields
    estate.listener.refresh_from_db()
    assert estate.listener.idle_timeout_s == 15
    recorder.assert_nothing_happened()


def test_persistence_reaches_the_proxies_and_keeps_its_settings_while_it_is_off(
    actor, estate, recorder
):
    """Like a health check that is off: the settings wait."""
    on = {"sticky_enabled": True, "sticky_kind": "insert", "cookie_timeout_s": "300"}
    update_listener(actor=actor, listener=estate.listener, **on)
    assert recorder.entry().after["cookie_timeout_s"] == 300
    assert compiled_sticky(estate) == Sticky(StickyKind.INSERT, cookie_timeout_s=300)
    update_listener(actor=actor, listener=estate.listener, sticky_kind="rewrite", cookie_name="sid")
    assert compiled_sticky(estate) == Sticky(StickyKind.REWRITE, cookie_name="sid")
    update_listener(actor=actor, listener=estate.listener, sticky_enabled=False)
    assert compiled_sticky(estate) is None
    update_listener(actor=actor, listener=estate.listener, sticky_enabled=True)
    assert compiled_sticky(estate) == Sticky(StickyKind.REWRITE, cookie_name="sid")
    assert recorder.published == 4


def compiled_sticky(estate) -> Sticky | None:
    [listener] = compile_snapshot(estate.load_balancer, version=1).listeners
    return listener.sticky


def test_a_stale_change_is_refused(actor, estate):
    update_listener(actor=actor, listener=estate.listener, description="one")
    with pytest.raises(Stale) as refused:
        update_listener(actor=actor, listener=estate.listener, expected=1, description="two")
    assert refused.value.details["current"] == 2


def test_stop_start_and_delete_are_recorded_and_published(actor, estate, recorder):
    stopped = stop_listener(actor=actor, listener=estate.listener)
    assert not stopped.is_running
    started = start_listener(actor=actor, listener=stopped)
    start_listener(actor=actor, listener=started)  # again: nothing to do
    delete_listener(actor=actor, listener=started)
    assert not Listener.objects.exists()
    assert [each.action for each in recorder.entries()] == [
        "listener.stopped",
        "listener.started",
        "listener.deleted",
    ]
    assert recorder.published == 3
    assert ServerGroup.objects.filter(pk=estate.group.pk).exists()


def test_a_listener_that_is_gone_is_not_found(actor, estate):
    delete_listener(actor=actor, listener=Listener.objects.get(pk=estate.listener.pk))
    for act in (start_listener, stop_listener, delete_listener):
        with pytest.raises(NotFound):
            act(actor=actor, listener=estate.listener)
    with pytest.raises(NotFound):
        update_listener(actor=actor, listener=estate.listener, name="new")


def test_a_group_that_was_deleted_meanwhile_is_named(actor, estate, recorder):
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="blue"
    )
    ServerGroup.objects.filter(pk=group.pk).delete()
    with pytest.raises(Invalid, match="does not exist any more") as refused:
        create(actor, estate, server_group=group)
    assert list(refused.value.fields) == ["server_group"]
    with pytest.raises(Invalid, match="does not exist any more"):
        update_listener(actor=actor, listener=estate.listener, server_group=group)
    recorder.assert_nothing_happened()


@pytest.mark.parametrize("value", [0, 5121, -2, "", None, "abc", 1.5, True, "+5"])
def test_a_bandwidth_beyond_the_range_is_refused(actor, estate, recorder, value):
    """slb-rpc-api.md 3.0: -1 or 1 to 5120 Mbit/s."""
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=estate.listener, bandwidth_mbps=value)
    assert refused.value.fields.keys() == {"bandwidth_mbps"}
    recorder.assert_nothing_happened()


@pytest.mark.parametrize(("given", "limit"), [(1, 1), ("5120", 5120), (-1, None), ("-1", None)])
def test_a_bandwidth_is_published(actor, estate, given, limit):
    update_listener(actor=actor, listener=estate.listener, bandwidth_mbps=7)
    update_listener(actor=actor, listener=estate.listener, bandwidth_mbps=given)
    (listener,) = compile_snapshot(estate.load_balancer, version=1).listeners
    assert listener.bandwidth_mbps == limit


def test_listeners_share_the_bandwidth_of_their_instance(actor, estate):
    """slb-rpc-api.md 3.2: the sum over listeners is at most the instance's."""
    estate.load_balancer.bandwidth_mbps = 10
    estate.load_balancer.save()
    listener = create(actor, estate, bandwidth_mbps=6)
    with pytest.raises(Invalid, match="at most 4 are left"):
        update_listener(actor=actor, listener=estate.listener, bandwidth_mbps=5)
    update_listener(actor=actor, listener=estate.listener, bandwidth_mbps=4)
    update_listener(actor=actor, listener=listener, bandwidth_mbps=3)
    update_listener(actor=actor, listener=estate.listener, bandwidth_mbps=-1)
