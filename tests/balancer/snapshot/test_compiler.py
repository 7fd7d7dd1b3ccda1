"""What the proxies are told is what the rows say (architecture.md, route A)."""

import pytest

from balancer.choices import ListenerStatus, LoadBalancerStatus
from balancer.models import BackendServer, IdcServer, Listener, ServerGroup
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import CheckKind, GroupKind, Limits, Protocol, ServerRole, Snapshot


def test_snapshot_holds_listener_group_and_weights(estate):
    """S21, S68: a running listener serves its group's servers at their weights."""
    snapshot = compile_snapshot(estate.load_balancer, version=7)

    assert (snapshot.version, snapshot.address) == (7, "127.88.0.1")
    (listener,) = snapshot.listeners
    (group,) = snapshot.groups
    assert (listener.protocol, listener.port, listener.backend_port) == (Protocol.HTTP, 80, 8080)
    assert listener.group == group.id == estate.group.public_id
    assert [(each.address, each.weight) for each in group.servers] == [
        ("10.0.0.1", 50),
        ("10.0.0.2", 30),
        ("10.0.0.3", 20),
    ]
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def test_equal_rows_give_equal_text(estate):
    first = compile_snapshot(estate.load_balancer, version=1)
    second = compile_snapshot(estate.load_balancer, version=1)
    assert first.to_json() == second.to_json()


def test_stopped_listener_is_left_out(estate):
    estate.listener.status = ListenerStatus.STOPPED
    estate.listener.save()
    snapshot = compile_snapshot(estate.load_balancer, version=1)
    assert (snapshot.listeners, snapshot.groups) == ((), ())


@pytest.mark.parametrize("status", [LoadBalancerStatus.INACTIVE, LoadBalancerStatus.LOCKED])
def test_only_an_active_load_balancer_serves(estate, status):
    """A stopped instance forwards nothing and keeps its configuration (S4)."""
    estate.load_balancer.status = status
    assert compile_snapshot(estate.load_balancer, version=1).listeners == ()


def test_group_of_another_listener_is_not_mixed_in(estate):
    """S82: a listener with a VServer group forwards there, the others to the default group."""
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="api"
    )
    unused = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="unused"
    )
    estate.add_server("10.0.1.1", group=group, port=9001)
    estate.add_server("10.0.1.2", group=unused, port=9001)
    Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol=Protocol.TCP,
        port=90,
        name="api",
        server_group=group,
        status=ListenerStatus.RUNNING,
    )
    snapshot = compile_snapshot(estate.load_balancer, version=1)
    addresses = {each.id: [server.address for server in each.servers] for each in snapshot.groups}
    assert addresses == {
        estate.group.public_id: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
        group.public_id: ["10.0.1.1"],
    }
    assert {each.port: each.group for each in snapshot.listeners} == {
        80: estate.group.public_id,
        90: group.public_id,
    }


def test_idc_server_and_role_come_along(estate):
    pair = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.PRIMARY_SECONDARY, name="pair"
    )
    machine = IdcServer.objects.create(
        name="rack", region=estate.load_balancer.region, address="172.16.0.1"
    )
    BackendServer.objects.create(group=pair, idc_server=machine, port=70, role=ServerRole.SECONDARY)
    estate.listener.server_group = pair
    estate.listener.save()
    (group,) = compile_snapshot(estate.load_balancer, version=1).groups
    (server,) = group.servers
    assert (server.address, server.port, server.role) == ("172.16.0.1", 70, ServerRole.SECONDARY)


def test_check_settings_reach_the_snapshot(estate):
    Listener.objects.update(
        check_kind=CheckKind.HTTP,
        check_path="/health",
        check_host="web.test",
        check_method="GET",
        check_expected_classes="http_2xx,http_4xx",
        check_timeout_s=4,
    )
    check = compile_snapshot(estate.load_balancer, version=1).listeners[0].health_check
    assert check is not None
    assert (check.kind, check.path, check.host, check.method) == (
        CheckKind.HTTP,
        "/health",
        "web.test",
        "GET",
    )
    assert (check.expected_classes, check.timeout_s) == ((2, 4), 4)


def test_udp_listener_brings_its_check_and_session_timeout(estate):
    Listener.objects.update(
        protocol=Protocol.UDP,
        check_kind=CheckKind.UDP,
        check_path="/not-for-udp",
        check_request="ping",
        check_expected_answer="pong",
    )
    listener = compile_snapshot(estate.load_balancer, version=1).listeners[0]
    check = listener.health_check
    assert check is not None
    assert (check.request, check.expected_answer, check.path) == ("ping", "pong", "/")
    assert listener.idle_timeout_s == 120


def test_checks_that_are_off_are_none(estate):
    Listener.objects.update(check_enabled=False)
    assert compile_snapshot(estate.load_balancer, version=1).listeners[0].health_check is None


def test_number_of_queries_does_not_grow(estate, django_assert_max_num_queries):
    """A large load balancer costs as many queries as a small one."""
    for number in range(40):
        estate.add_server(f"10.0.2.{number}")
    for port in range(1000, 1020):
        Listener.objects.create(
            load_balancer=estate.load_balancer,
            protocol=Protocol.HTTP,
            port=port,
            backend_port=80,
            name=str(port),
            status=ListenerStatus.RUNNING,
        )
    with django_assert_max_num_queries(4):
        compile_snapshot(estate.load_balancer, version=1)


def test_limits_of_the_specification_reach_the_proxies(estate):
    """slb-rpc-api.md 4.2; a shared-performance instance has none."""
    assert compile_snapshot(estate.load_balancer, version=1).limits == Limits()
    estate.load_balancer.specification = "slb.s1.small"
    assert compile_snapshot(estate.load_balancer, version=1).limits == Limits(5000, 3000, 1000)
