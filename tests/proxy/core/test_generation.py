"""A snapshot in its runnable form: targets, the reasons for none, and what a new one keeps."""

import collections
from dataclasses import replace

import pytest

from proxy.core.generation import (
    Generation,
    ListenerPlan,
    build_generation,
    foresee_targets,
    unserved_reason,
)
from proxy.core.health import EJECTION_S, Availability, Target
from proxy.core.http.response_reader import ResponseReader
from proxy.core.reasons import Reason
from proxy.core.stickiness import Session
from proxy.core.targets import SERVERS_PER_PART
from proxy.snapshot import (
    CheckKind,
    ForwardingRule,
    GroupKind,
    HealthCheck,
    HealthDelta,
    HealthStatus,
    HealthTable,
    HealthVersion,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    ServerRole,
    Snapshot,
    Sticky,
    StickyKind,
    probe_id,
)
from tests.proxy.parts import finish

CHECK = HealthCheck(CheckKind.TCP, 2, 5, 3, 3)
LISTENER = Listener(
    "lsn-1",
    Protocol.HTTP,
    80,
    "rsp-1",
    8080,
    SchedulerName.WEIGHTED_ROUND_ROBIN,
    None,
    connect_timeout_s=5,
    idle_timeout_s=15,
    request_timeout_s=60,
)


def snapshot(weights: dict[str, int], check: HealthCheck | None = None, version: int = 1):
    servers = tuple(
        Server(name, f"10.0.0.{at}", None, weight)
        for at, (name, weight) in enumerate(weights.items(), 1)
    )
    listener = replace(LISTENER, health_check=check)
    group = ServerGroup("rsp-1", GroupKind.DEFAULT, servers)
    return Snapshot("lb-1", version, "127.0.0.1", (listener,), (group,))


def plan_of(generation: Generation) -> ListenerPlan:
    return generation.listeners["lsn-1"]


def healthy(plan: ListenerPlan, *names: str) -> Availability:
    """Return an overlay in which only the named servers have had a success."""
    availability = Availability()
    statuses = {
        target.probe: HealthStatus.HEALTHY for target in plan.targets if target.server_id in names
    }
    availability.replace(HealthTable(0, HealthVersion(1, 1), statuses))
    return availability


def counts(plan: ListenerPlan, availability: Availability, count: int, now: float = 0.0):
    picked = (plan.route.pick(availability, now) for _ in range(count))
    return collections.Counter(
        each if isinstance(each, Reason) else each.server_id for each in picked
    )


def test_targets_are_made_ahead_in_parts_while_the_plan_before_serves_on():
    many = {f"s-{at}": 1 + at % 5 for at in range(1000)}
    first = build_generation(snapshot(many, CHECK), None)
    availability = healthy(plan_of(first), *many)
    second = snapshot(dict.fromkeys(many, 7), CHECK, version=2)
    book, pauses = finish(foresee_targets(second, first))
    assert pauses >= 1000 // SERVERS_PER_PART
    target = plan_of(first).route.pick(availability, 0.0)
    assert isinstance(target, Target), "the plan before serves on"
    built = build_generation(second, first, 0.0, book)
    assert plan_of(built).targets == plan_of(build_generation(second, first)).targets
    assert {target.weight for target in plan_of(built).targets} == {7}
    assert plan_of(built).places is plan_of(first).places, "nobody came, went or moved"


def test_rules_that_lead_to_one_group_in_one_way_share_its_targets():
    wanted = snapshot({"a": 1, "b": 2})
    rules = tuple(
        ForwardingRule(f"rule-{at}", f"{at}.example", "", "rsp-1", LISTENER.scheduler, None)
        for at in range(3)
    )
    wanted = replace(wanted, listeners=(replace(wanted.listeners[0], rules=rules),))
    plan = plan_of(build_generation(wanted, None))
    assert {id(each.members) for each in plan.rule_routes.values()} == {id(plan.route.members)}
    assert [each.server_id for each in plan.targets] == ["a", "b"]


def test_targets_take_the_listeners_port_unless_they_have_their_own():
    built = snapshot({"a": 1, "b": 2})
    servers = (replace(built.groups[0].servers[0], port=9), built.groups[0].servers[1])
    built = replace(built, groups=(replace(built.groups[0], servers=servers),))
    plan = plan_of(build_generation(built, None))
    assert [(each.address, each.port) for each in plan.targets] == [
        ("10.0.0.1", 9),
        ("10.0.0.2", 8080),
    ]


def test_probe_of_a_target_is_the_checkers():
    plan = plan_of(build_generation(snapshot({"a": 1}, CHECK), None))
    assert plan.targets[0].probe == probe_id("10.0.0.1", 8080, CHECK)


@pytest.mark.parametrize(
    ("weights", "up", "reason"),
    [
        pytest.param({}, "", Reason.NO_SERVERS, id="empty"),
        pytest.param({"a": 0, "b": 0}, "ab", Reason.NO_WEIGHT, id="all-weights-zero"),
        pytest.param({"a": 1, "b": 1}, "", Reason.NO_HEALTHY_SERVER, id="none-healthy"),
        pytest.param({"a": 0, "b": 1}, "a", Reason.NO_HEALTHY_SERVER, id="healthy-one-has-none"),
    ],
)
def test_reason_for_no_server(weights, up, reason):
    plan = plan_of(build_generation(snapshot(weights, CHECK), None))
    assert plan.route.pick(healthy(plan, *up), 0.0) is reason


def test_ratios_among_the_available_are_exact():
    """A failing server's share goes to all others by weight, not to its neighbour."""
    plan = plan_of(build_generation(snapshot({"a": 10, "b": 20, "c": 30, "d": 40}, CHECK), None))
    assert counts(plan, healthy(plan, "b", "d"), 600) == {"b": 200, "d": 400}


def test_flip_is_seen_by_the_next_pick_and_recovery_brings_the_old_ratio_back():
    plan = plan_of(build_generation(snapshot({"a": 30, "b": 10}, CHECK), None))
    availability = healthy(plan, "a", "b")
    assert counts(plan, availability, 40) == {"a": 30, "b": 10}
    probe = plan.targets[0].probe
    availability.apply(HealthDelta(0, 1, 2, {probe: HealthStatus.UNHEALTHY}))
    assert counts(plan, availability, 40) == {"b": 40}
    availability.apply(HealthDelta(0, 1, 3, {probe: HealthStatus.HEALTHY}))
    assert counts(plan, availability, 40) == {"a": 30, "b": 10}


def test_weight_change_keeps_the_place():
    """Many changes with one pick between them do not favour the server at the head."""
    availability, generation, total = Availability(), None, collections.Counter()
    for version in range(1, 101):
        built = snapshot({"a": 50 + version % 2, "b": 50, "c": 50}, version=version)
        generation = build_generation(built, generation)
        total += counts(plan_of(generation), availability, 1)
    assert all(abs(total[name] - 100 / 3) <= 3 for name in "abc")


def test_requests_in_flight_keep_the_plan_they_started_with():
    first = build_generation(snapshot({"a": 1}), None)
    availability = Availability()
    counts(plan_of(first), availability, 3)
    second = build_generation(snapshot({"b": 1}, version=2), first)
    assert counts(plan_of(second), availability, 3) == {"b": 3}
    assert counts(plan_of(first), availability, 3) == {"a": 3}


def test_unchanged_targets_are_kept_and_a_new_weight_keeps_the_probe():
    first = build_generation(snapshot({"a": 1, "b": 1}, CHECK), None)
    second = build_generation(snapshot({"a": 1, "b": 2}, CHECK, version=2), first)
    assert plan_of(second).targets[0] is plan_of(first).targets[0]
    assert plan_of(second).targets[1].probe == plan_of(first).targets[1].probe
    without = build_generation(snapshot({"a": 1, "b": 2}, version=3), second)
    assert {target.probe for target in plan_of(without).targets} == {None}


def test_server_that_refuses_is_passed_over_for_a_short_time():
    plan = plan_of(build_generation(snapshot({"a": 1, "b": 1}), None))
    availability = Availability()
    failed = plan.route.pick(availability, 10.0)
    availability.eject(failed, 10.0)
    other = ({"a", "b"} - {failed.server_id}).pop()
    assert counts(plan, availability, 10, now=10.0) == {other: 10}
    assert counts(plan, availability, 10, now=10.0 + EJECTION_S) == {"a": 5, "b": 5}


def test_servers_that_all_refuse_are_each_tried_and_then_it_is_over():
    plan = plan_of(build_generation(snapshot({"a": 1, "b": 100, "c": 5}), None))
    availability, tried = Availability(), []
    while not isinstance(target := plan.route.pick(availability, 10.0, tried), Reason):
        availability.eject(target, 10.0)
        tried.append(target)
    assert target is Reason.CONNECT_FAILED
    assert sorted(each.server_id for each in tried) == ["a", "b", "c"]
    assert not isinstance(plan.route.pick(availability, 10.0), Reason)


@pytest.mark.parametrize(
    ("changes", "served"),
    [
        ({}, True),
        ({"protocol": Protocol.TCP}, True),
        ({"protocol": Protocol.UDP}, True),
        ({"protocol": Protocol.HTTPS}, True),
        ({"scheduler": SchedulerName.ROUND_ROBIN}, True),
        ({"scheduler": SchedulerName.WEIGHTED_LEAST_CONNECTIONS}, True),
        ({"scheduler": SchedulerName.SOURCE_HASH}, False),
        ({"scheduler": SchedulerName.SOURCE_HASH, "protocol": Protocol.TCP}, True),
        ({"scheduler": SchedulerName.TUPLE_HASH, "protocol": Protocol.TCP}, True),
        ({"scheduler": SchedulerName.CONNECTION_ID_HASH, "protocol": Protocol.TCP}, False),
    ],
)
def test_only_what_this_proxy_can_do_gets_a_plan(changes, served):
    built = snapshot({"a": 1})
    listener = replace(built.listeners[0], **changes)
    generation = build_generation(replace(built, listeners=(listener,)), None)
    assert bool(generation.listeners) is served
    assert (unserved_reason(listener) is None) is served


def test_rule_whose_scheduler_is_not_served_makes_the_listener_one_that_is_not():
    rule = ForwardingRule("rule-1", "", "/a", "rsp-1", SchedulerName.SOURCE_HASH, None)
    listener = replace(LISTENER, rules=(rule,))
    assert "source_hash is not for http" in (unserved_reason(listener) or "")


@pytest.mark.parametrize(
    ("changes", "is_simple"),
    [
        pytest.param({}, True, id="plain"),
        pytest.param({"forwarded_for": False}, False, id="no-forwarded-for"),
        pytest.param({"sticky": Sticky(StickyKind.INSERT, 60)}, False, id="sticky"),
        pytest.param(
            {
                "rules": (
                    ForwardingRule("rule-1", "", "/a", "rsp-1", SchedulerName.ROUND_ROBIN, None),
                )
            },
            False,
            id="rules",
        ),
    ],
)
def test_only_a_plain_listener_may_go_the_short_way(changes, is_simple):
    built = snapshot({"a": 1})
    built = replace(built, listeners=(replace(LISTENER, **changes),), cookie_key="00")
    assert plan_of(build_generation(built, None)).is_simple is is_simple


def pair_snapshot(*servers: Server, check: HealthCheck | None = CHECK) -> Snapshot:
    built = snapshot({}, check)
    listener = replace(built.listeners[0], protocol=Protocol.TCP)
    group = ServerGroup("rsp-1", GroupKind.PRIMARY_SECONDARY, servers)
    return replace(built, listeners=(listener,), groups=(group,))


def a_primary(name: str, port: int, weight: int = 100) -> Server:
    return Server(name, "10.0.0.1", port, weight, ServerRole.PRIMARY)


def a_secondary(name: str, port: int, weight: int = 100) -> Server:
    return Server(name, "10.0.0.2", port, weight, ServerRole.SECONDARY)


PAIR = pair_snapshot(a_primary("p", 1), a_secondary("s", 1))


class Checks:
    """An overlay whose word changes while a plan follows it."""

    def __init__(self, plan: ListenerPlan) -> None:
        self.availability = Availability()
        self._plan = plan
        self._sequence = 0

    def say(self, *healthy: str) -> Availability:
        """Have the checks find exactly these servers healthy."""
        self._sequence += 1
        statuses = {
            target.probe: HealthStatus.HEALTHY
            if target.server_id in healthy
            else HealthStatus.UNHEALTHY
            for target in self._plan.targets
            if target.probe
        }
        self.availability.replace(HealthTable(0, HealthVersion(1, self._sequence), statuses))
        return self.availability


def test_pair_serves_from_its_primary_while_that_is_healthy_and_then_again():
    """S38, S39, S125."""
    plan = plan_of(build_generation(PAIR, None))
    checks = Checks(plan)
    assert counts(plan, checks.say("p"), 10) == {"p": 10}
    assert counts(plan, checks.say(), 10) == {"s": 10}
    assert counts(plan, checks.say("p"), 10) == {"p": 10}


def test_secondary_has_no_probe_and_counts_as_healthy():
    """S37: nobody asks it, and nothing that is said of its address matters."""
    plan = plan_of(build_generation(PAIR, None))
    assert [each.probe is None for each in plan.targets] == [False, True]


def test_pair_without_checks_never_switches():
    """slb-rpc-api 5.5: with the check off there is no switch."""
    plan = plan_of(build_generation(replace_check(PAIR, None), None))
    availability = Availability()
    availability.eject(plan.targets[0], 0.0)
    assert counts(plan, availability, 10) == {"p": 10}


def test_refused_connection_alone_does_not_wake_the_secondary():
    plan = plan_of(build_generation(PAIR, None))
    availability = healthy(plan, "p")
    availability.eject(plan.targets[0], 0.0)
    assert plan.route.pick(availability, 0.0, [plan.targets[0]]) is Reason.CONNECT_FAILED
    assert counts(plan, availability, 5) == {"p": 5}


def test_several_ports_of_a_pair_share_the_work_of_their_half():
    """C13: each server may have several ports."""
    built = pair_snapshot(
        a_primary("p1", 1), a_primary("p2", 2), a_secondary("s1", 1), a_secondary("s2", 2)
    )
    plan = plan_of(build_generation(built, None))
    checks = Checks(plan)
    assert counts(plan, checks.say("p1", "p2"), 10) == {"p1": 5, "p2": 5}
    assert counts(plan, checks.say("p2"), 10) == {"p2": 10}
    assert counts(plan, checks.say(), 10) == {"s1": 5, "s2": 5}


def test_primary_of_weight_zero_hands_over_to_the_secondary():
    built = pair_snapshot(a_primary("p", 1, 0), a_secondary("s", 1))
    plan = plan_of(build_generation(built, None))
    assert counts(plan, healthy(plan, "p"), 4) == {"s": 4}


def test_exchanged_roles_exchange_their_checks_and_interrupt_nobody():
    before = build_generation(PAIR, None)
    exchanged = pair_snapshot(
        replace(a_primary("p", 1), role=ServerRole.SECONDARY),
        replace(a_secondary("s", 1), role=ServerRole.PRIMARY),
    )
    plan = plan_of(build_generation(exchanged, before))
    assert [each.probe is None for each in plan.targets] == [True, False]
    assert counts(plan, Availability(), 4) == {"s": 4}
    assert counts(plan, Checks(plan).say(), 4) == {"p": 4}


def test_work_without_a_connection_follows_health_and_the_half_in_use():
    plan = plan_of(build_generation(PAIR, None))
    checks = Checks(plan)
    assert plan.route.keeps("p", checks.say("p"), 0.0)
    assert not plan.route.keeps("s", checks.say("p"), 0.0)
    assert plan.route.keeps("s", checks.say(), 0.0)
    assert not plan.route.keeps("p", checks.say(), 0.0)
    assert not plan.route.keeps("unknown", checks.say("p"), 0.0)


def replace_check(built: Snapshot, check: HealthCheck | None) -> Snapshot:
    return replace(built, listeners=(replace(built.listeners[0], health_check=check),))


OTHER_CHECK = replace(CHECK, interval_s=9)
BAD_CHECK = replace(CHECK, port=1)


def tell(availability: Availability, check: HealthCheck, status: HealthStatus, at: int) -> None:
    """Say of the only server what a probe with these settings has found."""
    probe = probe_id("10.0.0.1", 8080, check)
    assert availability.apply(HealthDelta(0, 1, at, {probe: status}))


def picked(generation: Generation, availability: Availability) -> str:
    """Return the server's name, or the reason for none."""
    choice = plan_of(generation).route.pick(availability, 0.0)
    return str(choice) if isinstance(choice, Reason) else choice.server_id


@pytest.mark.parametrize(
    "checks",
    [
        pytest.param([CHECK, OTHER_CHECK], id="other-settings"),
        pytest.param([CHECK, OTHER_CHECK, BAD_CHECK], id="edited-twice-before-the-first-word"),
        pytest.param([None, OTHER_CHECK], id="checks-turned-on"),
    ],
)
def test_server_serves_on_while_new_check_settings_have_no_word_yet(checks):
    generation = build_generation(snapshot({"a": 1}, CHECK), None)
    availability = healthy(plan_of(generation), "a")
    for version, check in enumerate(checks, 2):
        generation = build_generation(snapshot({"a": 1}, check, version), generation)
    assert picked(generation, availability) == "a"
    tell(availability, checks[-1], HealthStatus.UNHEALTHY, 2)
    assert picked(generation, availability) == Reason.NO_HEALTHY_SERVER
    tell(availability, checks[-1], HealthStatus.HEALTHY, 3)
    assert picked(generation, availability) == "a"


def test_server_that_failed_the_settings_before_waits_for_its_first_success():
    generation = build_generation(snapshot({"a": 1}, CHECK), None)
    availability = healthy(plan_of(generation))
    tell(availability, CHECK, HealthStatus.UNHEALTHY, 2)
    generation = build_generation(snapshot({"a": 1}, OTHER_CHECK, 2), generation)
    assert picked(generation, availability) == Reason.NO_HEALTHY_SERVER
    tell(availability, OTHER_CHECK, HealthStatus.HEALTHY, 3)
    assert picked(generation, availability) == "a"


def test_server_that_moved_to_another_port_is_a_new_one():
    generation = build_generation(snapshot({"a": 1}, CHECK), None)
    availability = healthy(plan_of(generation), "a")
    moved = snapshot({"a": 1}, CHECK, 2)
    moved = replace(moved, listeners=(replace(moved.listeners[0], backend_port=9090),))
    generation = build_generation(moved, generation)
    assert picked(generation, availability) == Reason.NO_HEALTHY_SERVER


# --- the other schedulers ------------------------------------------------------------------------

EVERY_SCHEDULER = [
    SchedulerName.WEIGHTED_ROUND_ROBIN,
    SchedulerName.ROUND_ROBIN,
    SchedulerName.WEIGHTED_LEAST_CONNECTIONS,
    SchedulerName.SOURCE_HASH,
    SchedulerName.TUPLE_HASH,
]
CLIENTS = [(f"192.0.2.{at % 250}", 1024 + at) for at in range(500)]


def scheduled(
    scheduler: SchedulerName,
    weights: dict[str, int],
    previous: Generation | None = None,
    check: HealthCheck | None = CHECK,
) -> Generation:
    """Return a generation of one TCP listener with this scheduler."""
    version = previous.snapshot.version + 1 if previous else 1
    built = snapshot(weights, check, version)
    listener = replace(built.listeners[0], protocol=Protocol.TCP, scheduler=scheduler)
    return build_generation(replace(built, listeners=(listener,)), previous)


def served(plan: ListenerPlan, availability: Availability, now: float = 0.0) -> list[str]:
    """Return who gets each client's connection; each is over before the next one comes."""
    names = []
    for peer in CLIENTS:
        target = plan.route.pick(availability, now, peer=peer)
        if isinstance(target, Reason):
            names.append(str(target))
        else:
            plan.begin_work(target)
            plan.end_work(target)
            names.append(target.server_id)
    return names


@pytest.mark.parametrize("scheduler", EVERY_SCHEDULER)
@pytest.mark.parametrize(
    ("weights", "up", "reason"),
    [
        pytest.param({}, "", Reason.NO_SERVERS, id="empty"),
        pytest.param({"a": 0, "b": 0}, "ab", Reason.NO_WEIGHT, id="all-weights-zero"),
        pytest.param({"a": 1, "b": 1}, "", Reason.NO_HEALTHY_SERVER, id="none-healthy"),
    ],
)
def test_every_scheduler_says_why_there_is_no_server(scheduler, weights, up, reason):
    plan = plan_of(scheduled(scheduler, weights))
    assert set(served(plan, healthy(plan, *up))) == {reason}


@pytest.mark.parametrize("scheduler", EVERY_SCHEDULER)
def test_every_scheduler_leaves_out_weight_zero_and_the_unhealthy_until_they_recover(scheduler):
    plan = plan_of(scheduled(scheduler, {"a": 30, "b": 10, "c": 0, "d": 10}))
    availability = healthy(plan, "a", "b", "c", "d")
    before = served(plan, availability)
    assert set(before) == {"a", "b", "d"}
    probe = plan.targets[0].probe
    availability.apply(HealthDelta(0, 1, 2, {probe: HealthStatus.UNHEALTHY}))
    assert set(served(plan, availability)) == {"b", "d"}
    availability.apply(HealthDelta(0, 1, 3, {probe: HealthStatus.HEALTHY}))
    after = served(plan, availability)
    expected = 1 / 3 if scheduler is SchedulerName.ROUND_ROBIN else 3 / 5
    assert abs(after.count("a") / len(after) - expected) < 0.08
    if scheduler in (SchedulerName.SOURCE_HASH, SchedulerName.TUPLE_HASH):
        assert after == before


@pytest.mark.parametrize("scheduler", EVERY_SCHEDULER)
def test_every_scheduler_passes_over_a_server_that_refuses(scheduler):
    plan = plan_of(scheduled(scheduler, {"a": 1, "b": 1}, check=None))
    availability = Availability()
    failed = plan.route.pick(availability, 10.0, peer=CLIENTS[0])
    availability.eject(failed, 10.0)
    other = ({"a", "b"} - {failed.server_id}).pop()
    assert set(served(plan, availability, now=10.0)) == {other}
    assert set(served(plan, availability, now=10.0 + EJECTION_S)) == {"a", "b"}


@pytest.mark.parametrize("scheduler", EVERY_SCHEDULER)
def test_every_scheduler_tries_each_server_once_when_all_refuse(scheduler):
    plan = plan_of(scheduled(scheduler, {"a": 1, "b": 100, "c": 5}, check=None))
    availability, tried = Availability(), []
    while not isinstance(target := plan.route.pick(availability, 10.0, tried, CLIENTS[0]), Reason):
        availability.eject(target, 10.0)
        tried.append(target)
    assert target is Reason.CONNECT_FAILED
    assert sorted(each.server_id for each in tried) == ["a", "b", "c"]


@pytest.mark.parametrize("before", EVERY_SCHEDULER)
@pytest.mark.parametrize("after", EVERY_SCHEDULER)
def test_a_listener_changes_from_any_scheduler_to_any_other(before, after):
    availability = Availability()
    first = scheduled(before, {"a": 1, "b": 1, "c": 1}, check=None)
    served(plan_of(first), availability)
    second = scheduled(after, {"b": 1, "c": 1, "d": 1}, first, check=None)
    plan = plan_of(second)
    while plan.prepare():
        pass
    assert set(served(plan, availability)) == {"b", "c", "d"}


def test_open_work_is_known_when_a_listener_changes_to_least_connections():
    availability = Availability()
    first = plan_of(robin := scheduled(SchedulerName.ROUND_ROBIN, {"a": 1, "b": 1}, check=None))
    (a,) = (each for each in first.targets if each.server_id == "a")
    for _ in range(4):
        first.begin_work(a)
    name = SchedulerName.WEIGHTED_LEAST_CONNECTIONS
    second = plan_of(scheduled(name, {"a": 1, "b": 1}, robin, check=None))
    second.end_work(a)
    for _ in range(3):
        target = second.route.pick(availability, 0.0)
        assert target.server_id == "b"
        second.begin_work(target)


def test_work_that_outlives_its_server_is_forgotten_with_its_end():
    name, availability = SchedulerName.WEIGHTED_LEAST_CONNECTIONS, Availability()
    first = scheduled(name, {"a": 1, "b": 1}, check=None)
    (a,) = (each for each in plan_of(first).targets if each.server_id == "a")
    plan_of(first).begin_work(a)
    second = scheduled(name, {"b": 1}, first, check=None)
    plan_of(second).end_work(a)
    third = plan_of(scheduled(name, {"a": 1, "b": 1}, second, check=None))
    assert {served(third, availability).count(each) for each in "ab"} == {250}


@pytest.mark.parametrize("scheduler", [SchedulerName.SOURCE_HASH, SchedulerName.TUPLE_HASH])
def test_two_proxies_agree_with_members_in_any_order(scheduler):
    weights = {"a": 50, "b": 30, "c": 20}
    built = snapshot(weights)
    listener = replace(built.listeners[0], protocol=Protocol.TCP, scheduler=scheduler)
    group = replace(built.groups[0], servers=built.groups[0].servers[::-1])
    one = replace(built, listeners=(listener,))
    other = replace(built, listeners=(listener,), groups=(group,))
    availability = Availability()
    choices = [
        served(plan_of(build_generation(each, None, phase)), availability)
        for each, phase in ((one, 0.0), (other, 0.5))
    ]
    assert choices[0] == choices[1]


def cookies_set(*listeners: Listener) -> list[bytes]:
    """Return the attributes of the cookie that each listener inserts."""
    made = replace(snapshot({"bs-1": 100}), listeners=listeners, cookie_key="00ff")
    plans = build_generation(made, None).listeners.values()
    reader = ResponseReader()
    reader.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    head = reader.next_head()
    marked = (plan.route.stickiness.mark(head, Session(), "bs-1", 0.0) for plan in plans)
    return [each.fields.lines.partition(b"; ")[2] for each in marked]


def test_listeners_of_an_instance_share_what_a_browser_keeps():
    """One host, one cookie: as long as the longest, and secure where all of it is (RFC 6265bis)."""
    short = replace(LISTENER, sticky=Sticky(StickyKind.INSERT, 60))
    secure = replace(
        short, id="lsn-2", port=443, protocol=Protocol.HTTPS, sticky=Sticky(StickyKind.INSERT, 900)
    )
    plain_end, secure_end = (
        b"Path=/; HttpOnly; SameSite=Lax%b\r\n" % each for each in (b"", b"; Secure")
    )
    assert cookies_set(short) == [b"Max-Age=60; " + plain_end]
    assert cookies_set(secure) == [b"Max-Age=900; " + secure_end]
    assert cookies_set(short, secure) == [b"Max-Age=900; " + plain_end] * 2
