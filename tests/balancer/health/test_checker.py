"""A checker keeps the feed true: flips at once, handovers and faults change nothing (route B)."""

import contextlib
import json
import socket
import threading
from dataclasses import replace

import pytest

from balancer import feed
from balancer.health.leases import handover_key, lease_key
from balancer.health.targets import targets_of
from balancer.models import HealthFlip, HealthShard, HealthState
from proxy.snapshot import (
    FEED_CHANNEL,
    CheckKind,
    GroupKind,
    HealthCheck,
    HealthStatus,
    HealthVersion,
    Protocol,
    Server,
    ServerGroup,
    ServerRole,
    probe_id,
)
from tests.balancer.health.conftest import (
    eventually,
    http_check,
    put_group,
    put_snapshot,
    status_of,
)
from tests.balancer.health.servers import ScriptedServer, free_port, is_silent, says

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
HEALTHY, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY
CHECK = http_check()


@pytest.fixture
def server():
    server = ScriptedServer(says(OK))
    yield server
    server.stop()


def is_(status: HealthStatus, port: int, check=CHECK):
    return lambda: status_of(port, check) is status


def test_new_server_is_healthy_after_its_first_good_probe(take_turn, server):
    """It gets no traffic before (issue 2, section 3); one success is enough."""
    take_turn()
    eventually(lambda: feed.read_health_versions())
    check = http_check(healthy_threshold=10, interval_s=50)
    put_snapshot(1, [server.port], check)
    eventually(is_(HEALTHY, server.port, check))


def test_server_that_never_answers_is_down_after_the_threshold(take_turn):
    port = free_port()
    put_snapshot(1, [port], CHECK)
    take_turn()
    eventually(is_(UNHEALTHY, port))


def test_failing_server_goes_down_and_comes_back_with_evidence(take_turn, server):
    """S169: down after its failures in a row, up after its successes, each flip with causes."""
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    server.behaviour = says(b"HTTP/1.1 500 Oops\r\n\r\n")
    eventually(is_(UNHEALTHY, server.port))
    server.behaviour = says(OK)
    eventually(is_(HEALTHY, server.port))
    eventually(lambda: HealthFlip.objects.count() == 3)
    up, down, first = HealthFlip.objects.all()
    assert (first.before, first.after, len(first.evidence)) == ("unknown", "healthy", 1)
    assert (down.before, down.after) == ("healthy", "unhealthy")
    assert [each["detail"] for each in down.evidence] == ["answered 500", "answered 500"]
    assert (up.before, up.after) == ("unhealthy", "healthy")
    assert [each["detail"] for each in up.evidence] == ["answered 200", "answered 200"]
    state = HealthState.objects.get()
    assert (state.status, state.port, state.since) == ("healthy", server.port, up.at)


def test_proxies_are_told_by_a_delta_at_once(take_turn, server, broker):
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    version = feed.read_health_versions()[0]
    subscription = broker.client.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(FEED_CHANNEL)
    server.stop()
    eventually(is_(UNHEALTHY, server.port))
    probe = probe_id("127.0.0.1", server.port, CHECK)
    notices = []

    def is_told():
        message = subscription.get_message(timeout=0.1)
        notices.extend([message["data"]] if message else [])
        return notices

    eventually(is_told)
    kind, _, text = notices[0].partition(" ")
    delta = json.loads(text)
    assert (kind, delta["statuses"]) == ("health", {probe: "unhealthy"})
    assert (delta["epoch"], delta["sequence"]) == (version.epoch, version.sequence + 1)
    subscription.close()


def test_detection_keeps_its_bound(take_turn, server):
    """Reliability 4: timeout x n + interval x (n - 1) after the first failing probe, start to
    start, also when the timeout is longer than the interval."""
    check = http_check(timeout_s=2)
    put_snapshot(1, [server.port], check)
    take_turn()
    eventually(is_(HEALTHY, server.port, check))
    server.behaviour = is_silent
    eventually(lambda: HealthFlip.objects.filter(after="unhealthy").exists())
    results = HealthFlip.objects.get(after="unhealthy").evidence
    assert [each["detail"] for each in results] == ["no answer within 2 s"] * 2
    # The second began when the first had ended: its own timeout later it was over.
    assert results[1]["at"] - results[0]["at"] > 1.9


def test_servers_asked_in_the_same_way_share_one_probe(take_turn):
    """Five groups that check the same server in the same way cost one probe."""
    server = ScriptedServer(is_silent)
    server.behaviour = server.answers(OK)
    check = http_check(interval_s=50)
    for number in range(5):
        put_snapshot(1, [server.port], check, load_balancer=f"lb-{number}")
    other = ScriptedServer(says(OK))
    put_snapshot(1, [other.port], check, load_balancer="lb-last")
    take_turn()
    eventually(is_(HEALTHY, server.port, check))
    eventually(is_(HEALTHY, other.port, check))
    assert len(server.requests) == 1
    server.stop()
    other.stop()


def test_weight_change_keeps_the_health(take_turn, server):
    """Health belongs to server, port and settings, not to a row of a group; weight 0 is probed."""
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    put_snapshot(2, [server.port], CHECK, weight=0)
    server.stop()
    eventually(is_(UNHEALTHY, server.port))
    eventually(lambda: HealthFlip.objects.count() == 2)
    assert HealthFlip.objects.filter(before="unknown").count() == 1


def test_probe_that_nobody_needs_is_forgotten(take_turn, server, monkeypatch):
    monkeypatch.setattr("balancer.health.checker.FORGET_AFTER_S", 0.5)
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    eventually(lambda: HealthState.objects.exists())
    put_snapshot(2, [], CHECK)
    probe = probe_id("127.0.0.1", server.port, CHECK)
    eventually(lambda: status_of(server.port, CHECK) is None)
    eventually(lambda: not HealthState.objects.exists())
    eventually(lambda: not feed.read_evidence({probe: 0}))


def test_listener_stopped_for_a_moment_keeps_its_health(take_turn, server):
    check = http_check(interval_s=50)
    put_snapshot(1, [server.port], check)
    take_turn()
    eventually(is_(HEALTHY, server.port, check))
    put_snapshot(2, [], check)
    other = ScriptedServer(says(OK))
    put_snapshot(3, [other.port], check)
    eventually(is_(HEALTHY, other.port, check))
    assert status_of(server.port, check) is HEALTHY
    put_snapshot(4, [server.port], check)
    other.stop()
    eventually(lambda: HealthFlip.objects.count() == 2)


def test_shards_divide_the_probes(take_turn):
    """Each probe is in exactly one table."""
    servers = [ScriptedServer(says(OK)) for _ in range(12)]
    ports = [server.port for server in servers]
    put_snapshot(1, ports, CHECK)
    for shard in range(2):
        take_turn(shard=shard, shards=2)

    def sizes() -> list[int]:
        return [
            sum(status_of(port, CHECK, shard) is HEALTHY for port in ports) for shard in range(2)
        ]

    eventually(lambda: sum(sizes()) == len(ports))
    for server in servers:
        server.stop()


def test_only_one_owner_at_a_time(take_turn, broker):
    first = take_turn()
    eventually(lambda: feed.read_health_versions())
    second = take_turn()
    eventually(lambda: second.is_over)
    assert not first.is_over
    assert second.token == ""
    assert HealthShard.objects.get().epoch == 1


def test_handover_keeps_counts_and_epoch(take_turn, server, broker):
    """A handover never flips a server and never learns it anew."""
    check = http_check(interval_s=2, unhealthy_threshold=10)
    put_snapshot(1, [server.port], check)
    first = take_turn()
    eventually(is_(HEALTHY, server.port, check))
    server.stop()
    probe = probe_id("127.0.0.1", server.port, check)
    eventually(
        lambda: (
            (known := feed.read_evidence({probe: 0}).get(probe))
            and known.detail == "connection refused"
        )
    )
    token = first.stop()
    state = json.loads(broker.client.get(handover_key(0)))
    failures = state["probes"][probe]["failures"]
    assert failures >= 1
    second = take_turn(instead_of=token)
    eventually(lambda: second.is_over or broker.client.get(lease_key(0)) != token)
    token = second.stop()
    later = json.loads(broker.client.get(handover_key(0)))
    assert later["probes"][probe]["failures"] >= failures
    assert later["epoch"] == state["epoch"] == HealthShard.objects.get().epoch
    assert HealthFlip.objects.count() == 1


def test_turn_ends_by_itself_and_leaves_a_token(take_turn, server, broker):
    put_snapshot(1, [server.port], CHECK)
    turn = take_turn(turn_s=1)
    eventually(lambda: turn.is_over)
    assert turn.token
    assert broker.client.get(lease_key(0)) == turn.token
    following = take_turn(instead_of=turn.token)
    eventually(lambda: broker.client.get(lease_key(0)) != turn.token)
    assert not following.is_over


def test_turn_does_not_end_in_the_middle_of_a_check_that_decides(take_turn):
    """Cutting a check short would find a dead server later than promised."""
    server = ScriptedServer(says(OK))
    check = http_check(timeout_s=3, unhealthy_threshold=1)
    put_snapshot(1, [server.port], check)
    turn = take_turn(turn_s=2)
    eventually(is_(HEALTHY, server.port, check))
    server.behaviour = is_silent
    eventually(lambda: turn.is_over)
    assert status_of(server.port, check) is UNHEALTHY
    server.stop()


def test_killed_owner_is_followed_by_one_with_a_higher_epoch(take_turn, server, broker):
    """Reliability case 3: statuses stay, the dead one's writes are refused."""
    put_snapshot(1, [server.port], CHECK)
    first = take_turn()
    eventually(is_(HEALTHY, server.port))
    version = feed.read_health_versions()[0]
    broker.client.set(lease_key(0), "someone-else:1", px=60_000)
    eventually(lambda: first.is_over)
    assert first.token == ""
    broker.client.delete(lease_key(0))
    take_turn()
    eventually(lambda: feed.read_health_versions()[0].epoch == version.epoch + 1)
    assert status_of(server.port, CHECK) is HEALTHY
    assert HealthFlip.objects.count() == 1


def test_overtaken_owner_ends_at_its_next_flip(take_turn, server):
    """Reliability case 23: what a paused checker found out does not count."""
    put_snapshot(1, [server.port], CHECK)
    turn = take_turn()
    eventually(is_(HEALTHY, server.port))
    table = feed.read_health_table(0)
    assert table is not None
    newer = HealthVersion(table.version.epoch + 1, 2)
    feed.put_health_table(feed.HealthTable(0, newer, table.statuses))
    server.stop()
    eventually(lambda: turn.is_over)
    assert status_of(server.port, CHECK) is HEALTHY
    assert feed.read_health_versions()[0] == newer


def test_flushed_broker_gets_the_table_back_in_a_new_epoch(take_turn, server, broker):
    """Reliability case 7: nobody loses health, and the snapshots may come back later."""
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    epoch = feed.read_health_versions()[0].epoch
    broker.client.flushall()
    eventually(lambda: feed.read_health_versions().get(0, HealthVersion(0, 0)).epoch > epoch)
    assert status_of(server.port, CHECK) is HEALTHY
    assert HealthFlip.objects.count() == 1


def test_broker_and_owner_gone_together_the_database_remembers(take_turn, server, broker):
    put_snapshot(1, [server.port], CHECK)
    first = take_turn()
    eventually(is_(HEALTHY, server.port))
    eventually(lambda: HealthState.objects.exists())
    first.stop()
    server.stop()
    broker.client.flushall()
    take_turn()
    eventually(is_(HEALTHY, server.port))
    assert feed.read_health_versions()[0].epoch == 2


def test_probing_goes_on_without_the_broker(take_turn, server, broker):
    """What happened meanwhile is on the feed once it is back."""
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    broker.stop()
    server.stop()
    eventually(lambda: HealthFlip.objects.filter(after="unhealthy").exists())
    broker.start()
    eventually(is_(UNHEALTHY, server.port))


def test_epoch_rises_above_the_feed_when_the_database_is_an_old_one(take_turn, server):
    feed.put_health_table(feed.HealthTable(0, HealthVersion(41, 7), {}))
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    assert feed.read_health_versions()[0].epoch == HealthShard.objects.get().epoch == 42


def test_flips_wait_for_a_database_that_is_away(take_turn, server, monkeypatch):
    """Reliability case 8: results are kept in memory and written later; the feed is not late."""
    from django.db.utils import OperationalError

    from balancer.services import health as records

    write, away = records.record_flips, [True]

    def refuse(**arguments):
        if away:
            raise OperationalError("database is locked")
        write(**arguments)

    monkeypatch.setattr(records, "record_flips", refuse)
    put_snapshot(1, [server.port], CHECK)
    take_turn()
    eventually(is_(HEALTHY, server.port))
    assert not HealthFlip.objects.exists()
    away.clear()
    eventually(lambda: HealthFlip.objects.count() == 1)


def test_warm_shutdown_is_quick_even_with_checks_under_way(take_turn):
    """A worker told to end is gone in less than ten seconds."""
    server = ScriptedServer(is_silent)
    put_snapshot(1, [server.port], http_check(timeout_s=300))
    turn = take_turn()
    eventually(lambda: feed.read_health_versions())
    assert turn.stop()
    server.stop()


def test_udp_server_goes_down_and_comes_back(take_turn):
    """A UDP check is a check like the others: its flips reach the feed."""
    check = HealthCheck(CheckKind.UDP, 1, 1, 1, 1, request="ping", expected_answer="pong")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        sock.settimeout(0.05)
        answer = [b"pong"]
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                    _, client = sock.recvfrom(100)
                    sock.sendto(answer[0], client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        server = Server("bs-1", "127.0.0.1", port, 100)
        group = ServerGroup("rsp-1", GroupKind.VSERVER, (server,))
        put_group(1, group, check, protocol=Protocol.UDP)
        take_turn()
        eventually(is_(HEALTHY, port, check))
        answer[0] = b"sorry"
        eventually(is_(UNHEALTHY, port, check))
        answer[0] = b"pong"
        eventually(is_(HEALTHY, port, check))
        ended.set()
        thread.join()


def test_secondary_of_a_pair_is_never_probed(take_turn, server):
    """S37: its primary is, and nothing is known or asked of the secondary."""
    servers = (
        Server("bs-1", "127.0.0.1", server.port, 100, ServerRole.PRIMARY),
        Server("bs-2", "127.0.0.1", free_port(), 100, ServerRole.SECONDARY),
    )
    group = ServerGroup("rsp-1", GroupKind.PRIMARY_SECONDARY, servers)
    check = replace(CHECK, kind=CheckKind.TCP)
    put_group(1, group, check, protocol=Protocol.TCP)
    take_turn()
    eventually(is_(HEALTHY, server.port, check))
    table = feed.read_health_table(0)
    assert table is not None
    assert len(table.statuses) == 1
    snapshot = next(iter(feed.read_snapshots(["lb-1"]).values()))
    assert [target.port for target in targets_of(snapshot)] == [server.port]
