"""A thousand changes of the configuration under load: the ledger of requests closes."""

import itertools
from dataclasses import replace

import pytest

from proxy.snapshot import Listener, Snapshot
from tests.proxy.node_scene import (
    Estate,
    NodeProcess,
    applied_version,
    free_port,
    kill,
    wait_until,
)
from tests.proxy.traffic import load, wait_for_requests

CHANGES = 1000
STRIDE = 10
"""So many versions are under way before one is waited for: some are overtaken, as in life."""


@pytest.fixture
def estate(backends) -> Estate:
    return Estate(backends)


@pytest.fixture
def node(new_node, feed, estate) -> NodeProcess:
    feed.put(estate.snapshot())
    running = new_node().start()
    wait_until(lambda: applied_version(feed, running.node, estate.name), "the first report")
    return running


class Changes:
    """Weights, members, and a listener beside the one that carries the load."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._beside = replace(
            estate.listener("tcp"), id="lsn-beside", port=free_port(estate.address)
        )

    def __iter__(self):
        for number in itertools.count():
            yield self._change(number)

    def _change(self, number: int) -> Snapshot:
        weights = {"a": 1 + number % 100, "b": (7 * number) % 101, "c": 100 - number % 100}
        snapshot = self._estate.snapshot(weights)
        (group,) = snapshot.groups
        if number % 3 == 0:
            left_out = 1 + number % 2
            servers = group.servers[:left_out] + group.servers[left_out + 1 :]
            snapshot = replace(snapshot, groups=(replace(group, servers=servers),))
        return replace(snapshot, listeners=self._listeners(snapshot, number))

    def _listeners(self, snapshot: Snapshot, number: int) -> tuple[Listener, ...]:
        http = snapshot.listeners[0]
        if number % 5 == 0:
            http = replace(http, request_timeout_s=20 + number % 7)
        return (http, self._beside) if number % 4 < 2 else (http,)


def test_killed_worker_costs_only_the_requests_it_held(node, estate):
    """Issue 3, section 2, and reliability 2.5: each client has one request in flight at most."""
    kills = 3
    with load(estate, may_lose=kills) as ledgers:
        for _ in range(kills):
            victim = min(node.workers())
            kill(victim)
            wait_for_requests(ledgers, 20)
            wait_until(lambda: len(node.workers()) == 2, "another worker")


def test_a_thousand_changes_lose_no_request(feed, node, estate):
    """Issue 3, section 2: weights, members and listeners change beneath running requests."""
    with load(estate) as ledgers:
        for number, snapshot in enumerate(itertools.islice(Changes(estate), CHANGES), 1):
            feed.put(snapshot)
            if number % STRIDE == 0:
                wait_until(
                    lambda: applied_version(feed, node.node, estate.name) == estate.version,
                    f"change {number} in force",
                )
    assert sum(each.good for each in ledgers) >= 100
    assert not feed.report(node.node).refused
