"""Weighted round robin: exact shares, even spacing, and a place that is kept over changes."""

import collections
import math
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core.scheduling.weighted_round_robin import CHUNK, WeightedRoundRobin

WEIGHTS = st.dictionaries(
    st.sampled_from([f"s{number}" for number in range(12)]), st.integers(0, 100), min_size=1
)


def picks(scheduler: WeightedRoundRobin, count: int) -> collections.Counter:
    return collections.Counter(scheduler.pick() for _ in range(count))


def cycle_of(weights: dict[str, int]) -> int:
    return sum(weights.values()) // math.gcd(*weights.values())


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param({"a": 5, "b": 1, "c": 1}, "abaaaca", id="interleaves-heavy-server"),
        pytest.param({"a": 1, "b": 1, "c": 1}, "abcabc", id="equals-take-turns"),
        pytest.param({"a": 100, "b": 100}, "ababab", id="common-divisor"),
        pytest.param({"a": 50, "b": 30, "c": 20}, "abcaabacba", id="fifty-thirty-twenty"),
        pytest.param({"a": 0, "b": 1}, "bbb", id="weight-zero-gets-nothing"),
        pytest.param({"a": 7}, "aaa", id="one-server"),
    ],
)
def test_pick_order(weights, expected):
    scheduler = WeightedRoundRobin(weights)
    assert "".join(scheduler.pick() for _ in expected) == expected


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 0, "b": 0}])
def test_nothing_to_pick(weights):
    assert WeightedRoundRobin(weights).pick() is None


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param({"a": 50, "b": 30, "c": 20}, id="small"),
        pytest.param({"a": 100, "b": 99, "c": 1}, id="no-divisor"),
        pytest.param({f"s{at}": at % 101 for at in range(2000)}, id="two-thousand-servers"),
        pytest.param({f"s{at}": 40 for at in range(2000)}, id="two-thousand-equals"),
    ],
)
def test_every_cycle_gives_exact_shares(weights):
    """The counts hold in the first cycle, and again in the next ones, which are remembered."""
    scheduler = WeightedRoundRobin(weights)
    divisor = math.gcd(*weights.values())
    for _ in range(3):
        counts = picks(scheduler, cycle_of(weights))
        assert all(counts[each] == weight // divisor for each, weight in weights.items())


@given(WEIGHTS, st.floats(0, 1, exclude_max=True), st.integers(1, 3 * CHUNK))
def test_every_prefix_is_close_to_the_shares(weights, phase, count):
    """At no moment is a server more than one turn of its ring away from its share."""
    total = sum(weights.values())
    counts = picks(WeightedRoundRobin(weights, phase), count)
    for server, weight in weights.items():
        if total:
            assert abs(counts[server] - count * weight / total) < 3


@given(WEIGHTS, st.integers(1, 8), st.integers(0, 1000))
def test_workers_with_phases_stay_within_their_number_of_the_shares(weights, workers, each):
    """data-plane.md, design 7: with k workers every server is within k requests of its share."""
    total = sum(weights.values())
    if not total:
        return
    counts: collections.Counter = collections.Counter()
    for index in range(workers):
        counts += picks(WeightedRoundRobin(weights, index / workers), each)
    for server, weight in weights.items():
        expected = workers * each * weight / total
        assert abs(counts[server] - expected) <= 2 * workers


def test_phases_begin_with_different_servers():
    firsts = {WeightedRoundRobin(dict.fromkeys("abcd", 1), at / 4).pick() for at in range(4)}
    assert firsts == set("abcd")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lightest", [0, 1], ids=["joining-and-leaving", "weights-only"])
def test_shares_stay_exact_over_a_thousand_changes(seed, lightest):
    """A trap of architecture.md: restarting at every change would favour the head."""
    random = Random(seed)
    weights = {"a": 50, "b": 30, "c": 20, "d": 20, "e": 20}
    scheduler = WeightedRoundRobin(weights)
    expected: dict[str, float] = dict.fromkeys(weights, 0.0)
    counts: collections.Counter = collections.Counter()
    for _ in range(1000):
        weights = weights | {random.choice("abcde"): random.randint(lightest, 100)}
        scheduler.replace(weights)
        count = random.randint(1, 20)
        counts += picks(scheduler, count)
        for each, weight in weights.items():
            expected[each] += count * weight / sum(weights.values())
    for each, share in expected.items():
        assert abs(counts[each] - share) <= 8


def test_restarting_at_every_change_would_favour_the_head():
    """The same many changes with a scheduler that forgets its place are far from the shares."""
    counts: collections.Counter = collections.Counter()
    scheduler = WeightedRoundRobin({"a": 50, "b": 50})
    for turn in range(100):
        scheduler.replace({"a": 50 + turn % 2, "b": 50})
        counts[scheduler.pick()] += 1
    assert abs(counts["a"] - counts["b"]) <= 3


def test_failed_server_is_shared_out_by_weight_and_not_given_to_a_neighbour():
    scheduler = WeightedRoundRobin({"a": 10, "b": 10, "c": 30, "d": 50})
    picks(scheduler, 7)
    scheduler.replace({"b": 10, "c": 30, "d": 50})
    assert picks(scheduler, 900) == {"b": 100, "c": 300, "d": 500}


@given(WEIGHTS, WEIGHTS, st.integers(0, 3 * CHUNK))
# Rings that are due together, once counted from the start of a cycle and once from its middle.
@example({"a": 7, "b": 6, "c": 7}, {"a": 7, "b": 6, "c": 7}, 115)
def test_successor_goes_on_and_leaves_the_old_one_alone(weights, others, before):
    old, twin = WeightedRoundRobin(weights), WeightedRoundRobin(weights)
    picks(old, before)
    picks(twin, before)
    heir = old.successor(others)
    twin.replace(others)
    assert [heir.pick() for _ in range(50)] == [twin.pick() for _ in range(50)]
    reference = WeightedRoundRobin(weights)
    picks(reference, before)
    assert [old.pick() for _ in range(50)] == [reference.pick() for _ in range(50)]
