"""A thousand changes of the configuration under load: the ledger of requests closes."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from proxy.snapshot import (
    Certificate,
    ForwardingRule,
    GroupKind,
    Listener,
    SchedulerName,
    Snapshot,
    Tls,
    TlsPolicy,
)
from tests.certificates import certificate_for
from tests.proxy.node_scene import (
    Backend,
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


class ManyListeners(Estate):
    """An estate with an HTTPS listener, too, whose certificate changes with the version."""

    def __init__(self, backends: list[Backend]) -> None:
        super().__init__(backends)
        self.ports["https"] = free_port(self.address)
        self._issued = [certificate_for("a.example"), certificate_for("b.example")]

    def listener(self, protocol: str) -> Listener:
        made = super().listener(protocol)
        return (
            replace(made, tls=Tls(TlsPolicy.TLS_1_2, "cert-1"))
            if made.protocol == "https"
            else made
        )

    def snapshot(self, weights: Mapping[str, int] | None = None, **changes: object) -> Snapshot:
        issued = self._issued[self.version % 2]
        certificate = Certificate("cert-1", issued.chain_pem, issued.key_pem)
        return super().snapshot(weights, **({"certificates": (certificate,)} | changes))


@pytest.fixture
def estate(backends) -> Estate:
    return ManyListeners(backends)


@pytest.fixture
def node(new_node, feed, estate) -> NodeProcess:
    feed.put(estate.snapshot())
    running = new_node().start()
    wait_until(lambda: applied_version(feed, running.node, estate.name), "the first report")
    return running


class Changes:
    """Weights, members, rules, certificates, and a listener beside those that carry the load."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._beside = replace(
            estate.listener("tcp"), id="lsn-beside", port=free_port(estate.address)
        )

    def __iter__(self) -> Iterator[Snapshot]:
        for number in itertools.count():
            yield self._change(number)

    def _change(self, number: int) -> Snapshot:
        weights = {"a": 1 + number % 100, "b": (7 * number) % 101, "c": 100 - number % 100}
        snapshot = self._estate.snapshot(weights)
        (group,) = snapshot.groups
        if number % 3 == 0:
            left_out = 1 + number % 2
            servers = group.servers[:left_out] + group.servers[left_out + 1 :]
            group = replace(group, servers=servers)
        own = replace(group, id="rsp-2", kind=GroupKind.VSERVER, servers=group.servers[:1])
        listeners = self._listeners(snapshot, number)
        return replace(snapshot, groups=(group, own), listeners=listeners)

    def _listeners(self, snapshot: Snapshot, number: int) -> tuple[Listener, ...]:
        http, _, https = snapshot.listeners
        if number % 5 == 0:
            http = replace(http, request_timeout_s=20 + number % 7)
        rules = (self._rule(number),) if number % 7 < 4 else ()
        http, https = replace(http, rules=rules), replace(https, rules=rules)
        return (http, https, self._beside) if number % 4 < 2 else (http, https)

    def _rule(self, number: int) -> ForwardingRule:
        """Take the requests of some of the clients, whose names begin their paths."""
        path = ("/kept-http-0", "/new-https-0")[number % 2]
        scheduler = SchedulerName.WEIGHTED_ROUND_ROBIN
        return ForwardingRule("rule-1", "", path, "rsp-2", scheduler, None)


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
    """Issue 3, section 2: all that can change does so beneath running requests."""
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
