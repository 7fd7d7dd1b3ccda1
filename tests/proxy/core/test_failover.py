"""Two-group failover: whose turn it is, when it changes, and what a new plan keeps (S24 to S30)."""

import collections
from dataclasses import replace

import pytest

from proxy.core.generation import Generation, ListenerPlan, build_generation, unserved_reason
from proxy.core.health import EJECTION_S, Availability
from proxy.core.reasons import Reason
from proxy.snapshot import (
    CheckKind,
    Failover,
    GroupKind,
    HealthCheck,
    HealthStatus,
    HealthTable,
    HealthVersion,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    Snapshot,
    SnapshotInvalid,
)

HOLD_S = 10
LISTENER = Listener(
    id="lsn-1",
    protocol=Protocol.TCP,
    port=80,
    group="rsp-1",
    backend_port=None,
    scheduler=SchedulerName.WEIGHTED_ROUND_ROBIN,
    health_check=HealthCheck(CheckKind.TCP, 2, 5, 3, 3),
    connect_timeout_s=5,
    idle_timeout_s=900,
    request_timeout_s=60,
    failover=Failover("rsp-2", 2, HOLD_S),
)


def group(name: str, **weights: int) -> ServerGroup:
    servers = tuple(
        Server(server, f"10.0.{name[-1]}.{at}", 80, weight)
        for at, (server, weight) in enumerate(weights.items(), 1)
    )
    return ServerGroup(name, GroupKind.VSERVER, servers)


FIRST = group("rsp-1", a=1, b=1, c=1)
SECOND = group("rsp-2", x=1, y=1)


class Scene:
    """A plan with two groups, what the checks say of their servers, and a clock of its own."""

    def __init__(
        self, first: ServerGroup = FIRST, second: ServerGroup = SECOND, threshold: int = 2
    ) -> None:
        self.availability = Availability()
        self.now = 100.0
        self._health = 0
        self._generation: Generation | None = None
        self._version = 0
        self.adopt(first, second, threshold)

    def adopt(
        self,
        first: ServerGroup = FIRST,
        second: ServerGroup = SECOND,
        threshold: int = 2,
        **changes: object,
    ) -> None:
        self._version += 1
        failover = Failover(second.id, threshold, HOLD_S)
        listener = replace(LISTENER, group=first.id, failover=failover, **changes)
        snapshot = Snapshot("lb-1", self._version, "127.0.0.1", (listener,), (first, second))
        snapshot.validate()
        self._generation = build_generation(snapshot, self._generation)
        self.plan: ListenerPlan = self._generation.listeners["lsn-1"]

    def say(self, down: str = "", unknown: str = "") -> None:
        """Have the checks find these servers down, those not judged yet, and all others well."""
        self._health += 1
        words = dict.fromkeys(unknown, HealthStatus.UNKNOWN) | dict.fromkeys(
            down, HealthStatus.UNHEALTHY
        )
        found = {
            each.probe: words.get(each.server_id, HealthStatus.HEALTHY)
            for each in self.plan.targets
            if each.probe
        }
        self.availability.replace(HealthTable(0, HealthVersion(1, self._health), found))

    def counts(self, number: int = 12) -> dict[str, int]:
        picked = (self.plan.layer4_route.pick(self.availability, self.now) for _ in range(number))
        return collections.Counter(
            each if isinstance(each, Reason) else each.server_id for each in picked
        )

    def keeps(self, server: str) -> bool:
        return self.plan.layer4_route.keeps(server, self.availability, self.now)


@pytest.fixture
def scene() -> Scene:
    built = Scene()
    built.say()
    return built


def test_first_group_serves_below_the_threshold(scene):
    assert scene.counts() == {"a": 4, "b": 4, "c": 4}
    scene.say(down="b")
    assert scene.counts() == {"a": 6, "c": 6}


def test_second_group_serves_from_the_threshold_on(scene):
    """S25: though a server of the first is well."""
    scene.say(down="ab")
    assert scene.counts() == {"x": 6, "y": 6}
    assert scene.plan.layer4_route.is_failed_over


def test_first_group_is_back_after_the_hold_time(scene):
    scene.say(down="ab")
    scene.counts()
    scene.say(down="a")
    assert scene.counts() == {"x": 6, "y": 6}
    scene.now += HOLD_S - 0.01
    assert scene.counts() == {"x": 6, "y": 6}
    scene.now += 0.01
    assert scene.counts() == {"b": 6, "c": 6}
    assert not scene.plan.layer4_route.is_failed_over


def test_hold_time_begins_anew_when_the_threshold_is_reached_meanwhile(scene):
    """Issue 3: no ping-pong by a server that comes and goes."""
    for _ in range(5):
        scene.say(down="ab")
        assert scene.counts() == {"x": 6, "y": 6}
        scene.now += HOLD_S - 1
        scene.say(down="a")
        assert scene.counts() == {"x": 6, "y": 6}
        scene.now += HOLD_S - 1
    scene.now += 1
    assert scene.counts() == {"b": 6, "c": 6}


def test_time_alone_brings_the_first_group_back_and_tells_everybody(scene):
    scene.say(down="ab")
    scene.counts()
    scene.say()
    scene.counts()
    stamp = scene.availability.stamp
    scene.now += HOLD_S
    scene.plan.layer4_route.follow(scene.availability, scene.now)
    assert scene.availability.stamp > stamp


def test_threshold_above_the_number_of_servers_means_all_of_them():
    scene = Scene(first=group("rsp-1", a=1, b=1), threshold=200)
    scene.say(down="a")
    assert scene.counts() == {"b": 12}
    scene.say(down="ab")
    assert scene.counts() == {"x": 6, "y": 6}


def test_servers_of_weight_0_count_as_well(scene):
    scene.adopt(first=group("rsp-1", a=1, b=0, c=0))
    scene.say(down="bc")
    assert scene.counts() == {"x": 6, "y": 6}


def test_servers_not_judged_yet_do_not_count(scene):
    """A new server must not send the clients away for its first check."""
    scene.say(unknown="ab")
    assert scene.counts() == {"c": 12}
    assert not scene.plan.layer4_route.is_failed_over


def test_refused_connections_do_not_count(scene):
    tried = []
    while not isinstance(
        target := scene.plan.layer4_route.pick(scene.availability, scene.now, tried), Reason
    ):
        scene.availability.eject(target, scene.now)
        tried.append(target)
    assert target is Reason.CONNECT_FAILED
    assert sorted(each.server_id for each in tried) == ["a", "b", "c"]
    scene.now += EJECTION_S
    assert scene.counts() == {"a": 4, "b": 4, "c": 4}


@pytest.mark.parametrize(
    ("first", "second", "down", "served"),
    [
        pytest.param({}, {"x": 1}, "", {"x": 12}, id="first-empty"),
        pytest.param({"a": 0}, {"x": 1}, "", {"x": 12}, id="first-without-weight"),
        pytest.param({"a": 0, "b": 1, "c": 0}, {"x": 1}, "b", {"x": 12}, id="first-cannot"),
        pytest.param({"a": 1, "b": 1, "c": 1}, {"x": 1}, "abx", {"c": 12}, id="second-dead"),
        pytest.param({"a": 1, "b": 1, "c": 1}, {}, "ab", {"c": 12}, id="second-empty"),
        pytest.param({"a": 1, "b": 1}, {"x": 0}, "a", {"b": 12}, id="second-without-weight"),
    ],
)
def test_group_that_can_serve_nobody_does_not_keep_clients_from_the_other(
    first, second, down, served
):
    scene = Scene(first=group("rsp-1", **first), second=group("rsp-2", **second))
    scene.say(down=down)
    assert scene.counts() == served


def test_reason_when_neither_group_can_serve(scene):
    scene.say(down="abcxy")
    assert scene.counts(1) == {Reason.NO_HEALTHY_SERVER: 1}
    scene = Scene(first=group("rsp-1", a=0), second=group("rsp-2"))
    scene.say()
    assert scene.counts(1) == {Reason.NO_WEIGHT: 1}


def test_new_plan_goes_on_where_the_one_before_stood(scene):
    """A weight that is changed in an emergency neither ends the turn nor the hold time."""
    scene.say(down="ab")
    scene.counts()
    scene.say()
    scene.counts()
    scene.now += HOLD_S / 2
    scene.adopt(first=group("rsp-1", a=2, b=1, c=1))
    scene.say()
    assert scene.counts() == {"x": 6, "y": 6}
    scene.now += HOLD_S / 2
    assert scene.counts() == {"a": 6, "b": 3, "c": 3}


def test_other_groups_begin_with_the_first(scene):
    scene.say(down="ab")
    scene.counts()
    scene.adopt(first=SECOND, second=FIRST)
    scene.say()
    assert scene.counts() == {"x": 6, "y": 6}
    assert not scene.plan.layer4_route.is_failed_over


def test_work_without_a_connection_moves_with_the_turn(scene):
    assert scene.keeps("a")
    scene.say(down="ab")
    assert not scene.keeps("c")
    assert scene.keeps("x")
    scene.say()
    assert scene.keeps("x")
    scene.now += HOLD_S
    assert not scene.keeps("x")
    assert scene.keeps("c")


def test_work_stays_where_the_other_group_could_not_take_it(scene):
    scene.say(down="abxy")
    assert scene.keeps("c")
    assert not scene.keeps("x")


def test_both_groups_are_checked():
    """C14: unlike the secondary of a pair."""
    scene = Scene()
    assert all(each.probe for each in scene.plan.targets)
    assert [each.server_id for each in scene.plan.targets] == ["a", "b", "c", "x", "y"]


def test_work_at_either_group_is_counted(scene):
    scene.adopt(scheduler=SchedulerName.WEIGHTED_LEAST_CONNECTIONS)
    scene.say(down="ab")
    for _ in range(2):
        target = scene.plan.layer4_route.pick(scene.availability, scene.now)
        scene.plan.begin_work(target)
    busy = {each.server_id: each for each in scene.plan.targets}
    scene.plan.end_work(busy["x"])
    assert scene.counts(1) == {"x": 1}


def test_http_listeners_have_no_failover():
    """S30."""
    reason = unserved_reason(replace(LISTENER, protocol=Protocol.HTTP))
    assert reason is not None
    assert "failover" in reason


def test_listener_cannot_fail_over_to_its_own_group():
    listener = replace(LISTENER, failover=Failover("rsp-1", 1, HOLD_S))
    with pytest.raises(SnapshotInvalid, match="itself"):
        Snapshot("lb-1", 1, "127.0.0.1", (listener,), (FIRST,)).validate()
