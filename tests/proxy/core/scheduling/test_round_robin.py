"""Round robin: everybody in turn, whatever the weights, except that 0 means none."""

import collections
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.scheduling.round_robin import RoundRobin

NAMES = [f"s{number}" for number in range(9)]
WEIGHTS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 100), min_size=1)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param({"a": 100, "b": 1, "c": 7}, "abcabc", id="weights-do-not-matter"),
        pytest.param({"a": 0, "b": 1, "c": 100}, "bcbc", id="weight-zero-gets-nothing"),
        pytest.param({"a": 3}, "aaa", id="one-server"),
    ],
)
def test_servers_take_turns(weights, expected):
    scheduler = RoundRobin(weights)
    assert "".join(scheduler.pick() for _ in expected) == expected


@pytest.mark.parametrize("weights", [{}, {"a": 0, "b": 0}])
def test_nothing_to_pick(weights):
    assert RoundRobin(weights).pick() is None


@given(WEIGHTS, st.integers(1, 400), st.floats(0, 1, exclude_max=True))
def test_counts_are_exact_at_every_moment(weights, count, phase):
    able = [server for server, weight in weights.items() if weight]
    scheduler = RoundRobin(weights, phase)
    counts = collections.Counter(scheduler.pick() for _ in range(count))
    if able:
        assert {counts[server] for server in able} <= {count // len(able), -(-count // len(able))}


def test_changed_weights_and_a_failure_favour_nobody():
    """Changes of weights are no changes here; a server that comes back gets what is due."""
    random, counts, expected = Random(3), collections.Counter(), dict.fromkeys("abcd", 0.0)
    scheduler = RoundRobin(dict.fromkeys("abcd", 1))
    for _ in range(1000):
        weights = {server: random.randint(1, 100) for server in "abcd"}
        weights[random.choice("abcd")] *= random.randint(0, 1)
        scheduler.replace(weights)
        able = [server for server, weight in weights.items() if weight]
        count = random.randint(1, 10)
        counts += collections.Counter(scheduler.pick() for _ in range(count))
        for server in able:
            expected[server] += count / len(able)
    for server, share in expected.items():
        assert abs(counts[server] - share) <= 8


def test_successor_is_of_the_same_kind_and_goes_on():
    first = RoundRobin({"a": 1, "b": 9, "c": 5})
    first.pick()
    heir = first.successor({"a": 7, "b": 2, "c": 1})
    assert "".join(heir.pick() for _ in range(5)) == "bcabc"
