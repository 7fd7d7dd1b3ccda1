"""What pages say of a server's health is what the checks know, no more (reliability 2.4)."""

import time

import pytest

from balancer import feed
from balancer.choices import ListenerStatus, LoadBalancerStatus
from balancer.domain.health import shard_of
from balancer.models import BackendServer, Listener, LoadBalancer, ServerGroup
from balancer.selectors.health import (
    get_group_health,
    get_listener_health,
    get_listeners_health,
)
from balancer.snapshot.checks import compile_check
from proxy.snapshot import GroupKind, HealthStatus, Protocol, ServerRole, probe_id

HEALTHY, UNHEALTHY, UNKNOWN = (
    HealthStatus.HEALTHY,
    HealthStatus.UNHEALTHY,
    HealthStatus.UNKNOWN,
)


@pytest.fixture(autouse=True)
def _feed(broker):
    pass


def show(listener: Listener, server: BackendServer, status, detail="", age_s=0.0) -> None:
    """Leave the evidence of a check made ``age_s`` ago."""
    check = compile_check(listener)
    assert check is not None
    probe = probe_id(server.address, server.port or listener.backend_port or 0, check)
    now = time.time() - age_s
    evidence = feed.Evidence(status, since=now - 60, checked_at=now, detail=detail)
    feed.put_evidence(shard_of(probe, 2), {probe: evidence}, [])


def words(listener: Listener) -> list[str]:
    return [health.word for _, _, health in get_listener_health(listener).servers]


def test_words_and_causes_of_the_servers(estate):
    first, second, third = estate.servers
    show(estate.listener, first, HEALTHY, "answered 200")
    show(estate.listener, second, UNHEALTHY, "connection refused")
    health = get_listener_health(estate.listener)
    assert (health.word, health.healthy, health.total) == ("Abnormal", 1, 3)
    assert [(server, port) for server, port, _ in health.servers] == [
        (first, 8080),
        (second, 8080),
        (third, 8080),
    ]
    assert words(estate.listener) == ["Normal", "Abnormal", "Unavailable"]
    assert health.servers[1][2].reason == "connection refused"
    assert health.servers[0][2].since is not None


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        pytest.param([HEALTHY] * 3, "Normal", id="all-work"),
        pytest.param([HEALTHY, HEALTHY, UNHEALTHY], "Abnormal", id="one-fails"),
        pytest.param([HEALTHY, HEALTHY, UNKNOWN], "Unavailable", id="one-is-new"),
    ],
)
def test_worst_server_names_the_listener(estate, statuses, word):
    for server, status in zip(estate.servers, statuses, strict=True):
        show(estate.listener, server, status)
    assert get_listener_health(estate.listener).word == word


def test_old_evidence_reads_unknown_and_not_healthy(estate):
    """Health older than twice its interval (and what a check may take) is not shown as good."""
    server = estate.servers[0]
    show(estate.listener, server, HEALTHY, "answered 200", age_s=12)
    assert words(estate.listener)[0] == "Normal"
    show(estate.listener, server, HEALTHY, "answered 200", age_s=14)
    _, _, health = get_listener_health(estate.listener).servers[0]
    assert (health.word, health.status, health.is_stale) == ("Unknown", UNKNOWN, True)
    assert health.since is not None
    assert "answered 200" in health.reason


def test_broker_away_reads_unknown(estate, broker):
    show(estate.listener, estate.servers[0], HEALTHY)
    broker.stop()
    assert words(estate.listener) == ["Unknown"] * 3
    assert get_listener_health(estate.listener).word == "Unknown"


def test_checks_that_are_off_take_every_server_as_healthy(estate):
    estate.listener.check_enabled = False
    health = get_listener_health(estate.listener)
    assert (health.word, health.healthy, health.total) == ("Not enabled", 3, 3)
    assert words(estate.listener) == ["Not checked"] * 3


def test_what_does_not_run_is_not_checked(estate):
    show(estate.listener, estate.servers[0], HEALTHY)
    LoadBalancer.objects.update(status=LoadBalancerStatus.INACTIVE)
    assert get_listener_health(estate.listener).word == "Not running"
    LoadBalancer.objects.update(status=LoadBalancerStatus.ACTIVE)
    estate.listener.status = ListenerStatus.STOPPED
    assert get_listener_health(estate.listener).word == "Not running"


def test_group_shows_the_worst_of_its_running_listeners(estate):
    first, second, _ = estate.servers
    other = Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol=Protocol.TCP,
        port=90,
        backend_port=9000,
        name="tcp",
        status=ListenerStatus.RUNNING,
    )
    for server in (first, second):
        show(estate.listener, server, HEALTHY)
    show(other, first, UNHEALTHY, "connection refused")
    show(other, second, HEALTHY)
    health = get_group_health(estate.group)
    assert [health[each.public_id].word for each in estate.servers] == [
        "Abnormal",
        "Normal",
        "Unavailable",
    ]
    only_first = get_group_health(estate.group, [estate.listener])
    assert only_first[first.public_id].word == "Normal"


def test_group_that_no_running_listener_uses_is_not_checked(estate):
    group = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="idle"
    )
    server = estate.add_server("10.0.5.1", group=group, port=80)
    assert get_group_health(group)[server.public_id].word == "Not checked"


def test_secondary_server_is_not_checked(estate):
    """S37, C28."""
    pair = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.PRIMARY_SECONDARY, name="pair"
    )
    primary = estate.add_server("10.0.6.1", group=pair, port=80, role=ServerRole.PRIMARY)
    estate.add_server("10.0.6.2", group=pair, port=80, role=ServerRole.SECONDARY)
    estate.listener.server_group = pair
    estate.listener.save()
    assert words(estate.listener) == ["Unavailable", "Not checked"]
    show(estate.listener, primary, HEALTHY)
    health = get_listener_health(estate.listener)
    assert (health.word, health.healthy, health.total) == ("Normal", 1, 1)


def test_number_of_queries_does_not_grow(estate, django_assert_num_queries):
    for number in range(10):
        estate.add_server(f"10.0.7.{number}")
        Listener.objects.create(
            load_balancer=estate.load_balancer,
            protocol=Protocol.HTTP,
            port=2000 + number,
            backend_port=80,
            name=str(number),
            status=ListenerStatus.RUNNING,
        )
    listeners = list(Listener.objects.all())
    with django_assert_num_queries(4):
        health = get_listeners_health(listeners)
    assert len(health) == 11
    assert {each.total for each in health.values()} == {13}


def test_both_groups_of_failover_are_judged(estate):
    """C14: unlike the secondary server of a pair."""
    first, second = (
        ServerGroup.objects.create(
            load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name=name
        )
        for name in ("blue", "green")
    )
    machines = [each.ecs_instance for each in estate.servers[:2]]
    servers = [
        BackendServer.objects.create(group=group, ecs_instance=machine, port=80)
        for group, machine in zip((first, second), machines, strict=True)
    ]
    listener = Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol=Protocol.TCP,
        port=9000,
        name="tcp_9000",
        status=ListenerStatus.RUNNING,
        failover_enabled=True,
        primary_group=first,
        secondary_group=second,
        failover_threshold=1,
    )
    show(listener, servers[0], HEALTHY)
    show(listener, servers[1], UNHEALTHY, "connection refused")
    health = get_listener_health(listener)
    assert (health.word, health.healthy, health.total) == ("Abnormal", 1, 2)
    assert get_group_health(second)[servers[1].public_id].word == "Abnormal"
    assert get_group_health(first)[servers[0].public_id].word == "Normal"


def test_group_of_a_rule_is_checked_as_the_rule_says(estate):
    """The listener's settings, or the rule's own."""
    rule = estate.add_rule("one", "a.example")
    server = estate.add_server("10.0.8.1", group=rule.server_group, port=80)
    show(estate.listener, server, HEALTHY)
    assert get_group_health(rule.server_group)[server.public_id].word == "Normal"
    rule.inherits_settings = False
    rule.check_path = "/ready"
    rule.save()
    assert get_group_health(rule.server_group)[server.public_id].word == "Unavailable"
    show(rule, server, UNHEALTHY, "answered 500")
    health = get_group_health(rule.server_group)
    assert health[server.public_id].reason == "answered 500"
    estate.listener.status = ListenerStatus.STOPPED
    estate.listener.save()
    assert get_group_health(rule.server_group)[server.public_id].word == "Not checked"


def test_listener_counts_the_servers_of_its_rules_each_once(estate):
    rule = estate.add_rule("one", "a.example")
    own = estate.add_server("10.0.8.1", group=rule.server_group, port=80)
    estate.listener.server_group = rule.server_group
    estate.listener.save()
    rule.inherits_settings = False
    rule.check_path = "/ready"
    rule.save()
    show(estate.listener, own, HEALTHY)
    show(rule, own, UNHEALTHY)
    health = get_listener_health(estate.listener)
    assert (health.word, health.healthy, health.total) == ("Abnormal", 0, 1)
    estate.listener.server_group = None
    estate.listener.save()
    for server in estate.servers:
        show(estate.listener, server, HEALTHY)
    health = get_listener_health(estate.listener)
    assert (health.word, health.healthy, health.total) == ("Abnormal", 3, 4)
    estate.listener.check_enabled = False
    show(rule, own, HEALTHY)
    assert get_listener_health(estate.listener).word == "Normal", "the rule goes on to check"
