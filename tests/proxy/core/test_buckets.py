"""So much a second, with a clock in the test's hands, for one worker and for several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.buckets import Bucket, OwnMeter


def test_one_second_s_worth_may_come_at_once_and_then_the_rate():
    bucket = Bucket(10, now=100.0)
    assert sum(bucket.take(100.0) for _ in range(50)) == 10
    assert sum(bucket.take(100.5) for _ in range(50)) == 5
    assert sum(bucket.take(200.0) for _ in range(50)) == 10, "it never holds more than a second"


def test_a_debt_is_waited_off():
    bucket = Bucket(1000, now=0.0)
    assert bucket.spend(0.0, 900)
    assert not bucket.spend(0.0, 1100)
    assert bucket.debt_s == pytest.approx(1.0)
    bucket.fill(0.9)
    assert bucket.level < 0
    bucket.fill(1.1)
    assert bucket.level == pytest.approx(100)
    assert bucket.debt_s == 0


@given(
    steps=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 2), st.integers(1, 20)), max_size=60)
)
def test_workers_that_share_a_meter_never_pass_the_limit_together(steps):
    """What was taken until a moment is at most the rate times the time, and one second's worth."""
    meter, now, taken = OwnMeter(), 0.0, 0
    buckets = [Bucket(10, now, meter) for _ in range(3)]
    for pause, worker, tries in steps:
        now += pause
        taken += sum(buckets[worker].take(now) for _ in range(tries))
        assert taken <= 10 * now + 10 + 1e-6


@pytest.mark.parametrize("busy", [1, 3])
def test_the_whole_limit_is_there_for_whoever_has_the_work(busy):
    """One worker with all connections may use it alone; three get as much together."""
    meter = OwnMeter()
    buckets = [Bucket(100, 0.0, meter) for _ in range(3)]
    taken = 0
    for tick in range(400):
        for bucket in buckets[:busy]:
            taken += sum(bucket.take(tick / 4) for _ in range(40))
    assert 100 * 99 <= taken <= 100 * 101
