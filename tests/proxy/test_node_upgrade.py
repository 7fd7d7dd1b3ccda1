"""A newer program takes the place of a running one: nobody is refused, nothing is lost."""

import os
import shutil
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.proxy.node_scene import PROJECT, Estate, NodeProcess, applied_version, wait_until
from tests.proxy.traffic import load, wait_for_requests


@pytest.fixture
def estate(backends) -> Estate:
    return Estate(backends)


@pytest.fixture
def node(new_node, feed, estate) -> NodeProcess:
    feed.put(estate.snapshot())
    running = new_node().start()
    wait_until(lambda: applied_version(feed, running.node, estate.name), "the first report")
    return running


def upgrade(node: NodeProcess) -> set[int]:
    """Ask for an upgrade; return the workers of before when others have taken over."""
    before = node.workers()
    taken = node.log_text().count("taken the place")
    os.kill(node.pid, signal.SIGUSR2)
    wait_until(lambda: node.log_text().count("taken the place") > taken, "the newer program")
    assert node.workers() - before, "there are workers of the newer program"
    return before


def wait_until_gone(node: NodeProcess, pids: set[int]) -> None:
    wait_until(lambda: not node.workers() & pids, "the workers of before to be gone")


def test_upgrades_under_load_lose_no_request_and_keep_the_process(feed, node, estate):
    """Issue 3, section 2: the sockets stay open, kept connections end between two requests."""
    pid = node.pid
    with load(estate) as ledgers:
        for _ in range(3):
            wait_until_gone(node, upgrade(node))
            wait_for_requests(ledgers, 20)
            feed.put(estate.snapshot())
            wait_until(
                lambda: applied_version(feed, node.node, estate.name) == estate.version,
                "the change in force",
            )
    assert node.pid == pid
    assert node.process.poll() is None
    total = sum(each.good for each in ledgers)
    listener = estate.listener("http").id
    wait_until(
        lambda: feed.counters(node.node)["listeners"][listener]["requests"] == total,
        "the counters to have every request of all programs",
    )


def test_what_is_open_goes_on_in_the_program_before(node, estate, backends):
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(estate.get("/slow")[0]))
    slow.start()
    wait_until(lambda: sum(each.requests for each in backends) == 1, "the slow request")
    with estate.connect() as client:
        client.sendall(b"one\n")
        first = client.recv(100)
        before = upgrade(node)
        client.sendall(b"two\n")
        assert client.recv(100) == first.replace(b"one", b"two")
        for each in backends:
            each.gate.set()
        slow.join()
    assert answers == [200]
    wait_until_gone(node, before)


def test_changes_reach_the_program_before_as_long_as_it_serves(feed, node, estate):
    """Reliability, section 2.7: a kept connection sends nothing to a server of weight 0."""
    with socket.create_connection((estate.address, estate.ports["http"]), timeout=60) as client:
        upgrade(node)
        feed.put(estate.snapshot({"a": 0, "b": 0}))
        wait_until(
            lambda: applied_version(feed, node.node, estate.name) == estate.version, "the change"
        )
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while part := client.recv(4096):
            answer += part
    assert answer.endswith(b"\r\n\r\nc")
    assert b"connection: close" in answer.lower()


def test_drain_limit_ends_what_does_not_end_by_itself(new_node, feed, estate):
    feed.put(estate.snapshot())
    node = new_node().start(OPENCLB_PROXY_DRAIN_LIMIT_S="1")
    wait_until(lambda: applied_version(feed, node.node, estate.name), "the first report")
    with estate.connect() as client:
        client.sendall(b"one\n")
        assert client.recv(100)
        wait_until_gone(node, upgrade(node))
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_a_program_that_does_not_start_leaves_the_running_one_alone(
    new_node, feed, estate, tmp_path: Path
):
    program = tmp_path / "program"
    shutil.copytree(PROJECT / "proxy", program / "proxy")
    feed.put(estate.snapshot())
    node = new_node(program=program).start()
    wait_until(lambda: applied_version(feed, node.node, estate.name), "the first report")
    workers = node.workers()
    (program / "proxy" / "worker.py").write_text("this is no program\n")
    os.kill(node.pid, signal.SIGUSR2)
    wait_until(lambda: "no upgrade" in node.log_text(), "the refusal")
    assert node.workers() == workers
    assert estate.who()
