"""Draining over REST: a server gets nothing new, and what is left there is told (I5, S69, C3)."""

from datetime import UTC, datetime, timedelta

import pytest

from balancer.feed import FeedUnavailable
from balancer.models import Activity, BackendServer, Listener, PublishHead
from balancer.selectors import draining
from balancer.selectors.publishing import ApplyState, ApplyStatus
from tests.balancer.api.problems import fields_of, problem_of


@pytest.fixture
def tcp(estate):
    """Return a running TCP listener of the default group that closes after 30 seconds."""
    return Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol="tcp",
        port=9000,
        backend_port=9000,
        name="tcp",
        status="running",
        drain_enabled=True,
        drain_timeout_s=30,
    )


class Proxies:
    """What two nodes say: how much is open, how late that was counted, what they apply."""

    def __init__(self) -> None:
        self.state = ApplyState.APPLIED
        self.late = timedelta(seconds=60)
        self.open: dict[tuple[str, str], int] | None = {}

    def counters(self):
        if self.open is None:
            raise FeedUnavailable
        listeners: dict[str, dict[str, dict[str, dict[str, int]]]] = {}
        for (listener, server), number in self.open.items():
            servers = listeners.setdefault(listener, {"servers": {}})["servers"]
            servers[server] = {"active": number}
        at = (datetime.now(UTC) + self.late).timestamp()
        return {node: {"at": at, "listeners": listeners} for node in ("a", "b")}


@pytest.fixture
def proxies(monkeypatch) -> Proxies:
    said = Proxies()
    monkeypatch.setattr(draining, "read_counters", said.counters)
    status = lambda _: ApplyStatus(1, 1, said.state)  # noqa: E731
    monkeypatch.setattr(draining, "get_apply_status", status)
    return said


def drain_of(server: BackendServer) -> str:
    return f"/api/v1/backend-servers/{server.public_id}/drain/"


def drains_of(estate) -> str:
    return f"/api/v1/server-groups/{estate.group.public_id}/servers/drain/"


def test_a_server_drains_and_says_what_is_left_until_when(operator, estate, tcp, proxies):
    server = estate.servers[0]
    assert operator.get(drain_of(server)).json()["state"] == "serving"
    proxies.open = {(tcp.public_id, server.public_id): 3, (tcp.public_id, "bs-other"): 5}
    answer = operator.post(drain_of(server))
    assert answer.status_code == 200, answer.content
    told = answer.json()
    server.refresh_from_db()
    assert (server.weight, told["weight"], told["state"], told["open"]) == (0, 0, "draining", 6)
    ends = server.updated_at + timedelta(seconds=30)
    assert datetime.fromisoformat(told["closes_by"]) == ends
    http, layer4 = told["listeners"]
    assert (http["port"], http["open"], http["closes_by"]) == (80, 0, None)
    assert (layer4["listener"], layer4["protocol"], layer4["open"]) == (tcp.public_id, "tcp", 6)
    assert PublishHead.objects.get().wanted == 1
    entry = Activity.objects.get(entrance="rest")
    assert (entry.action, entry.before, entry.after) == ("server.weight_changed", 50, 0)
    proxies.open = {}
    told = operator.get(drain_of(server)).json()
    assert (told["state"], told["open"], told["closes_by"]) == ("drained", 0, None)


@pytest.mark.parametrize(
    ("late", "state"),
    [(timedelta(0), ApplyState.APPLIED), (timedelta(seconds=60), ApplyState.PENDING)],
    ids=["counted-before", "not-everywhere-yet"],
)
def test_nobody_is_drained_before_every_proxy_has_told(operator, estate, proxies, late, state):
    """A count from before the change knows nothing of the last connection."""
    proxies.late, proxies.state = late, state
    told = operator.post(drain_of(estate.servers[0])).json()
    assert (told["state"], told["open"]) == ("draining", 0)


def test_without_a_drain_timeout_clients_end_what_is_open(operator, estate, tcp, proxies):
    Listener.objects.update(drain_enabled=False, drain_timeout_s=None)
    server = estate.servers[0]
    proxies.open = {(tcp.public_id, server.public_id): 1}
    told = operator.post(drain_of(server)).json()
    assert (told["state"], told["open"], told["closes_by"]) == ("draining", 2, None)


def test_nothing_is_invented_when_nobody_can_be_asked(operator, estate, tcp, proxies):
    proxies.open = None
    told = operator.post(drain_of(estate.servers[0])).json()
    assert (told["weight"], told["state"], told["open"]) == (0, "unknown", None)
    assert {each["open"] for each in told["listeners"]} == {None}


def test_a_server_that_drains_already_is_left_alone(operator, estate, proxies):
    path = drain_of(estate.servers[0])
    first = operator.post(path).json()
    assert operator.post(path).json() == first
    assert Activity.objects.filter(entrance="rest").count() == 1
    assert PublishHead.objects.get().wanted == 1


def test_several_drain_in_one_act_all_or_none(operator, estate, proxies):
    a, b, c = estate.servers
    path = drains_of(estate)
    wrong = operator.post(path, {"servers": [a.public_id, "bs-none"]})
    assert fields_of(wrong).keys() == {"servers[1]"}
    assert not BackendServer.objects.filter(weight=0).exists()
    told = operator.post(path, {"servers": [a.public_id, c.public_id]}).json()
    assert [each["server"] for each in told["servers"]] == [a.public_id, c.public_id]
    assert {each["state"] for each in told["servers"]} == {"drained"}
    assert operator.get(path).json() == told
    b.refresh_from_db()
    assert b.weight == 30
    assert Activity.objects.get(entrance="rest").action == "servers.weights_changed"


def test_a_drain_tried_dry_shows_who_takes_over(operator, estate, proxies):
    a, b, _ = estate.servers
    told = operator.post(f"{drain_of(a)}?dry_run=true").json()
    shares = {each["server"]: (each["before"], each["after"]) for each in told["shares"]}
    assert (shares[a.public_id], shares[b.public_id]) == ((50.0, 0.0), (30.0, 60.0))
    a.refresh_from_db()
    assert a.weight == 50


def test_a_drain_is_built_on_what_was_read(operator, estate, proxies):
    problem_of(operator.post(drain_of(estate.servers[0]), headers={"If-Match": '"9"'}), 412)
    body = {"servers": [estate.servers[0].public_id]}
    problem_of(operator.post(drains_of(estate), body, headers={"If-Match": '"9"'}), 412)
    assert not BackendServer.objects.filter(weight=0).exists()
