"""The access log of a whole node: one file of all workers, rotated, and never in traffic's way."""

import json
import signal
from pathlib import Path

import pytest

from tests.proxy.node_scene import Backend, Estate, applied_version, kill, wait_until


@pytest.fixture
def estate(backends: list[Backend]) -> Estate:
    return Estate(backends)


@pytest.fixture
def start_node(new_node, feed, estate):
    """Return a starter of a node that serves the estate; settings are its arguments."""

    def start(**settings: str):
        feed.put(estate.snapshot())
        node = new_node().start(**settings)
        wait_until(lambda: applied_version(feed, node.node, estate.name), "the first report")
        return node

    return start


def targets_in(*paths: Path) -> list[str]:
    """Return the targets of the whole lines in these files."""
    return [
        json.loads(line)["target"]
        for path in paths
        if path.exists()
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]


def test_lines_survive_rotation_by_others_a_killed_worker_and_the_stop(
    start_node, estate, tmp_path
):
    """Issue 3, section 1. A killed worker takes with it what it had not written yet, no more."""
    path, old = tmp_path / "access.log", tmp_path / "access.log.old"
    node = start_node(OPENCLB_PROXY_ACCESS_LOG=str(path))
    asked = [f"/{number}" for number in range(20)]
    for target in asked[:5]:
        estate.get(target)
    wait_until(lambda: len(targets_in(path)) == 5, "five lines")
    path.rename(old)
    node.process.send_signal(signal.SIGHUP)
    for target in asked[5:10]:
        estate.get(target)
    wait_until(lambda: len(targets_in(old, path)) == 10, "ten lines")
    wait_until(path.exists, "a file in the place of the one that was renamed")
    for pid in node.workers():
        kill(pid)
    wait_until(estate.who, "an answer of new workers")
    for target in asked[10:]:
        estate.get(target)
    node.stop()
    found = [target for target in targets_in(old, path) if target in asked]
    assert sorted(found) == sorted(asked)
    assert set(asked[:5]) <= set(targets_in(old))


def test_full_file_is_rotated_and_no_line_is_lost(start_node, estate, tmp_path):
    path = tmp_path / "access.log"
    node = start_node(
        OPENCLB_PROXY_ACCESS_LOG=str(path),
        OPENCLB_PROXY_ACCESS_LOG_SIZE_MB="1",
        OPENCLB_PROXY_ACCESS_LOG_FILES="3",
    )
    fill = "x" * 1000  # so that not many requests fill a file
    asked = 0
    with estate.connect("http") as client, client.makefile("rb") as answers:
        while not path.with_name("access.log.1").exists():
            client.sendall(f"GET /{asked}-{fill} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            asked += 1
            while answers.readline().strip():
                pass
            answers.read(1)  # the name of the server
            assert asked < 20_000
    estate.get(f"/{asked}-last")
    node.stop()
    numbers = [
        int(target[1:].partition("-")[0])
        for target in targets_in(*(tmp_path / f"access.log{end}" for end in (".2", ".1", "")))
    ]
    assert sorted(numbers) == list(range(asked + 1))


def test_full_disk_costs_lines_and_no_request(start_node, feed, estate):
    node = start_node(OPENCLB_PROXY_ACCESS_LOG="/dev/full")
    for _ in range(10):
        assert estate.get()[0] == 200
    wait_until(
        lambda: feed.counters(node.node).get("access_log") == {"written": 0, "lost": 10},
        "ten lost lines to be reported",
    )
    assert "the access log cannot be written, lines are lost" in node.log_text()
