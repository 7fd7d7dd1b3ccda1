"""A whole node: what it serves, what it reports, and what survives when its parts are killed."""

import collections
import signal
import socket
import threading
from dataclasses import replace

import pytest

from proxy.snapshot import ListenerError, SchedulerName
from tests.proxy.node_scene import Backend, Estate, applied_version, is_running, kill, wait_until


@pytest.fixture
def estate(backends: list[Backend]) -> Estate:
    return Estate(backends)


@pytest.fixture
def node(new_node, feed, estate):
    """A node that has the first version of the estate in force."""
    feed.put(estate.snapshot())
    running = new_node().start()
    wait_until(lambda: applied_version(feed, running.node, estate.name), "the first report")
    return running


def publish(feed, node, snapshot) -> None:
    feed.put(snapshot)
    wait_until(
        lambda: applied_version(feed, node.node, snapshot.load_balancer) == snapshot.version,
        f"version {snapshot.version} in force",
    )


def test_shares_follow_the_weights_within_a_point(feed, node, estate):
    """Issue 2, section 6: weights 50/30/20 give each server its share within 1 point."""
    publish(feed, node, estate.snapshot({"a": 50, "b": 30, "c": 20}))
    counts = collections.Counter(estate.who() for _ in range(500))
    assert counts.keys() == {"a", "b", "c"}
    for name, share in {"a": 50, "b": 30, "c": 20}.items():
        assert abs(counts[name] / 5 - share) <= 1


def test_source_hash_means_the_same_server_at_every_worker_and_every_node(feed, new_node, estate):
    """Nodes share no store: members and health alone decide."""
    homes = []
    for version in range(2):
        node = new_node(node=f"node-{version}", workers=3).start()
        snapshot = estate.snapshot()
        listener = replace(estate.listener("tcp"), scheduler=SchedulerName.SOURCE_HASH)
        publish(feed, node, replace(snapshot, listeners=(listener,)))
        homes.append([names_from(estate, f"127.0.0.{number}") for number in range(2, 10)])
        node.stop()
    assert homes[0] == homes[1]
    assert len({name for (name,) in homes[0]}) > 1


def names_from(estate, source: str) -> set[str]:
    """Return who serves the connections of one address; with several workers any may take one."""
    names = set()
    for _ in range(6):
        place = (estate.address, estate.ports["tcp"])
        with socket.create_connection(place, timeout=10, source_address=(source, 0)) as client:
            client.sendall(b"x\n")
            names.add(client.recv(100).split()[0].decode())
    return names


def test_weight_zero_gets_nothing_new_after_the_report(feed, node, estate):
    publish(feed, node, estate.snapshot({"a": 0}))
    before = estate.backends[0].requests
    assert {estate.who() for _ in range(40)} == {"b", "c"}
    assert estate.backends[0].requests == before


def test_weight_changes_under_load_fail_no_request(feed, node, estate):
    answers: list[str | None] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            answers.append(estate.who())

    clients = [threading.Thread(target=load) for _ in range(4)]
    for each in clients:
        each.start()
    for number in range(50):
        publish(feed, node, estate.snapshot({"a": number % 101, "b": (7 * number) % 101}))
    done.set()
    for each in clients:
        each.join()
    assert len(answers) > 50
    assert None not in answers


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        pytest.param({"a": 0, "b": 0, "c": 0}, "no_weight", id="all-weights-zero"),
        pytest.param(None, "no_servers", id="empty-group"),
    ],
)
def test_group_without_a_choice_is_503_and_closes_tcp(feed, node, estate, weights, reason):
    if weights is None:
        estate.backends = []
    publish(feed, node, estate.snapshot(weights))
    assert estate.get()[::2] == (503, reason)
    with estate.connect() as client:
        assert client.recv(1) == b""


def test_invalid_document_is_refused_whole_and_the_next_version_is_taken(feed, node, estate):
    wrong = estate.snapshot().to_json().replace('"weight":100', '"weight":101')
    feed.put_text(estate.name, estate.version, wrong)
    report = wait_until(
        lambda: (known := feed.report(node.node)) and known.refused and known, "the refusal"
    )
    assert report.refused[estate.name].version == estate.version
    assert "weight 101" in report.refused[estate.name].error
    assert report.applied[estate.name].version == 1
    assert estate.who() is not None
    publish(feed, node, estate.snapshot())
    assert feed.report(node.node).refused == {}


def test_refused_document_is_not_looked_at_again(feed, node, estate):
    feed.put_text(estate.name, 2, "{}")
    wait_until(lambda: feed.report(node.node).refused, "the refusal")
    feed.client.publish("openclb:notice", f"snapshot {estate.name}")
    estate.version = 2
    publish(feed, node, estate.snapshot())
    assert node.log_text().count("snapshot refused") == 1


def test_older_version_is_ignored(feed, node, estate):
    newer = estate.snapshot({"a": 0})
    publish(feed, node, newer)
    feed.put(replace(estate.snapshot({"a": 100}), version=1))
    other = Estate(estate.backends, "lb-2")
    publish(feed, node, other.snapshot())
    assert applied_version(feed, node.node, estate.name) == newer.version
    assert "a" not in {estate.who() for _ in range(10)}


def test_tombstone_removes_and_a_late_publish_does_not_resurrect(feed, node, estate):
    late = estate.snapshot()
    feed.delete(estate.name, estate.version + 1)
    wait_until(lambda: not feed.report(node.node).applied, "the removal")
    assert estate.who() is None
    feed.put(late)
    other = Estate(estate.backends, "lb-2")
    publish(feed, node, other.snapshot())
    assert estate.who() is None


def test_report_names_what_cannot_be_served_and_the_rest_serves(feed, new_node, estate):
    """An address in use and a scheduler this proxy lacks are faults of their listeners alone."""
    with socket.create_server((estate.address, estate.ports["tcp"])):
        snapshot = estate.snapshot()
        other = replace(
            estate.listener("http"), id="lsn-odd", port=1, scheduler=SchedulerName.SOURCE_HASH
        )
        feed.put(replace(snapshot, listeners=(*snapshot.listeners, other)))
        node = new_node().start()
        wait_until(lambda: applied_version(feed, node.node, estate.name), "the report")
        faults = {each.listener: each for each in feed.report(node.node).faults}
        assert {id_: fault.error for id_, fault in faults.items()} == {
            "lsn-lb-1-tcp": ListenerError.ADDRESS_IN_USE,
            "lsn-odd": ListenerError.UNSUPPORTED,
        }
        assert str(estate.ports["tcp"]) in faults["lsn-lb-1-tcp"].detail
        assert estate.who() is not None
    wait_until(lambda: len(feed.report(node.node).faults) == 1, "the port to be taken")
    with estate.connect() as client:
        client.sendall(b"hello\n")
        assert client.recv(100).endswith(b"hello\n")


def test_address_that_is_not_here_is_reported(feed, node, estate):
    feed.put(estate.snapshot(address="192.0.2.1"))
    report = wait_until(
        lambda: (known := feed.report(node.node)) and len(known.faults) == 2 and known, "faults"
    )
    assert {fault.error for fault in report.faults} == {ListenerError.ADDRESS_UNAVAILABLE}


def test_listener_moves_to_another_port_and_back(feed, node, estate):
    first = estate.ports["http"]
    with socket.create_server((estate.address, 0)) as probe:
        second = probe.getsockname()[1]
    for port in (second, first, second):
        estate.ports["http"] = port
        publish(feed, node, estate.snapshot())
        assert estate.who() is not None
        assert feed.report(node.node).faults == ()


def test_listener_that_stays_keeps_its_connections(feed, node, estate):
    with estate.connect() as client:
        client.sendall(b"one\n")
        assert client.recv(100).endswith(b"one\n")
        publish(feed, node, estate.snapshot({"a": 0, "b": 0, "c": 0}))
        client.sendall(b"two\n")
        assert client.recv(100).endswith(b"two\n")


def test_removed_server_loses_its_tcp_connections(feed, node, estate):
    with estate.connect() as client:
        client.sendall(b"one\n")
        name = client.recv(100).split()[0].decode()
        estate.backends = [each for each in estate.backends if each.name != name]
        publish(feed, node, estate.snapshot())
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_removed_listener_finishes_the_request_in_flight(feed, node, estate):
    answers = []
    slow = threading.Thread(target=lambda: answers.append(estate.get("/slow")))
    slow.start()
    wait_until(lambda: any(each.requests for each in estate.backends), "the request to arrive")
    feed.put(estate.snapshot(listeners=()))
    wait_until(
        lambda: applied_version(feed, node.node, estate.name) == estate.version, "the removal"
    )
    assert estate.who() is None
    for each in estate.backends:
        each.gate.set()
    slow.join()
    assert answers[0][0] == 200


def test_killed_worker_is_replaced_and_the_listener_stays_open(feed, node, estate):
    old = node.workers()
    victim = min(old)
    kill(victim)
    assert [estate.who() for _ in range(20)].count(None) == 0
    wait_until(lambda: len(node.workers()) == 2 and victim not in node.workers(), "a new worker")
    wait_until(lambda: feed.report(node.node).workers == 2, "two workers reported")
    kill(max(old - {victim}))
    assert [estate.who() for _ in range(20)].count(None) == 0


def test_workers_die_with_a_killed_parent_and_a_restart_serves_again(node, estate):
    """Issue 2, section 6: nothing that is left over keeps the new node from its addresses."""
    workers = node.workers()
    node.kill()
    node.start()
    wait_until(estate.who, "the node to serve again")
    wait_until(lambda: not any(map(is_running, workers)), "the old workers to be gone")


def test_starts_without_broker_from_the_last_good_files(broker, feed, node, estate):
    newest = estate.snapshot({"a": 0})
    publish(feed, node, newest)
    wait_until(
        lambda: any(
            '"version":2' in path.read_text()
            for path in node.data_dir.glob("proxy/snapshots/*.json")
        ),
        "the file",
    )
    node.kill()
    broker.stop()
    node.start()
    wait_until(estate.who, "the node to serve")
    assert {estate.who() for _ in range(10)} == {"b", "c"}


def test_runs_on_without_the_broker_and_catches_up(broker, feed, node, estate):
    broker.stop()
    assert estate.who() is not None
    broker.start()
    publish(feed, node, estate.snapshot({"a": 0}))
    assert {estate.who() for _ in range(10)} == {"b", "c"}


def test_stop_finishes_what_is_in_flight_and_withdraws_the_report(feed, node, estate):
    answers = []
    slow = threading.Thread(target=lambda: answers.append(estate.get("/slow")))
    slow.start()
    wait_until(lambda: any(each.requests for each in estate.backends), "the request to arrive")
    workers = node.workers()
    node.process.send_signal(signal.SIGTERM)
    wait_until(lambda: estate.who() is None, "accepting to stop")
    for each in estate.backends:
        each.gate.set()
    slow.join()
    assert answers[0][0] == 200
    assert node.process.wait(10) == 0
    assert feed.report(node.node) is None
    wait_until(lambda: not any(map(is_running, workers)), "the old workers to be gone")


def test_counters_are_summed_over_workers_and_survive_one(feed, node, estate):
    for _ in range(20):
        estate.who()
    listener = estate.listener("http").id

    def requests() -> int:
        return feed.counters(node.node)["listeners"].get(listener, {}).get("requests", 0)

    wait_until(lambda: requests() == 20, "twenty requests counted")
    for pid in node.workers():
        kill(pid)
    wait_until(lambda: feed.report(node.node).workers == 2, "new workers")
    wait_until(estate.who, "an answer")
    wait_until(lambda: requests() == 21, "the sum to go on")
    counted = feed.counters(node.node)["listeners"][listener]
    assert counted["responses"]["2xx"] == 21
    assert sum(each["requests"] for each in counted["servers"].values()) == 21
    (group,) = counted["groups"].values()
    assert (group["requests"], group["responses"]) == (21, {"2xx": 21})
    assert group["bytes_out"] == counted["bytes_out"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENCLB_PROXY_WORKERS", "0"),
        ("OPENCLB_PROXY_WORKERS", "two"),
        ("OPENCLB_PROXY_HTTP_LIMITS", "max_header_bytes=1"),
        ("REDIS_URL", "http://example"),
        ("OPENCLB_LOG_FORMAT", "xml"),
    ],
)
def test_wrong_setting_stops_the_start_with_one_line(new_node, name, value):
    node = new_node().start(**{name: value})
    assert node.process.wait(10) == 2
    lines = node.log_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"openclb: {name}:")
