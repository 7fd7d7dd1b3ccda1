"""Health beside the snapshot: what a whole node does with tables, deltas and their absence."""

import pytest

from proxy.snapshot import CheckKind, HealthCheck, HealthDelta, HealthStatus, HealthTable
from proxy.snapshot import HealthVersion as Version
from tests.proxy.node_scene import Backend, Estate, applied_version, statuses, wait_until

HEALTHY, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY


@pytest.fixture
def estate(backends: list[Backend]) -> Estate:
    made = Estate(backends)
    made.check = HealthCheck(CheckKind.TCP, 2, 5, 3, 3)
    return made


@pytest.fixture
def snapshot(estate):
    return estate.snapshot()


@pytest.fixture
def node(new_node, feed, estate, snapshot):
    """A node whose servers a and b are healthy, while c has never had a success."""
    feed.put_table(HealthTable(0, Version(1, 1), statuses(snapshot, a=HEALTHY, b=HEALTHY)))
    feed.put(snapshot)
    running = new_node().start()
    wait_until(lambda: applied_version(feed, running.node, estate.name), "the first report")
    wait_for_health(feed, running, Version(1, 1))
    return running


def wait_for_health(feed, node, version: Version) -> None:
    wait_until(
        lambda: (known := feed.report(node.node)) and known.health.get("0") == str(version),
        f"health {version} reported",
    )


def flip(feed, node, snapshot, sequence: int, **changes: HealthStatus) -> None:
    feed.put_delta(HealthDelta(0, 1, sequence, statuses(snapshot, **changes)))
    wait_for_health(feed, node, Version(1, sequence))


def test_new_server_gets_nothing_before_its_first_success(feed, node, estate, snapshot):
    assert {estate.who() for _ in range(20)} == {"a", "b"}
    flip(feed, node, snapshot, 2, c=HEALTHY)
    wait_until(lambda: estate.who() == "c", "the new server to serve")


def test_failed_server_gets_no_new_work_and_keeps_what_is_open(feed, node, estate, snapshot):
    with estate.connect() as client:
        client.sendall(b"one\n")
        name = client.recv(100).split()[0].decode()
        flip(feed, node, snapshot, 2, **{name: UNHEALTHY})
        wait_until(lambda: estate.who() != name, "the flip to be in force")
        other = ({"a", "b"} - {name}).pop()
        wait_until(lambda: {estate.who() for _ in range(10)} == {other}, "the other alone")
        client.sendall(b"two\n")
        assert client.recv(100).decode() == f"{name} two\n"


def test_nobody_healthy_is_503_with_its_reason_and_closes_tcp(feed, node, estate, snapshot):
    flip(feed, node, snapshot, 2, a=UNHEALTHY, b=UNHEALTHY)
    wait_until(lambda: estate.get()[::2] == (503, "no_healthy_server"), "the refusal")
    with estate.connect() as client:
        assert client.recv(1) == b""


def test_health_outlives_a_start_without_the_broker(broker, feed, node, estate, snapshot):
    """The proxy's last-good files carry the last flip: without it nobody could serve."""
    flip(feed, node, snapshot, 2, b=UNHEALTHY)
    files = [node.data_dir / "proxy" / "snapshots" / "lb-1.json"]
    table = node.data_dir / "proxy" / "health" / "0.json"
    wait_until(lambda: all(each.exists() for each in files), "the snapshot's file")
    wait_until(lambda: table.exists() and '"1.2"' in table.read_text(), "the table's file")
    node.kill()
    broker.stop()
    node.start()
    wait_until(estate.who, "the node to serve")
    assert {estate.who() for _ in range(10)} == {"a"}


def test_refusing_server_is_passed_over_before_the_checks_notice(node, estate):
    estate.backends[0].stop()
    assert {estate.who() for _ in range(20)} == {"b"}
