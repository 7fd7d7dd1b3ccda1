"""The wheel: never early, at most two ticks late, moved and cancelled for next to nothing."""

import pytest

from proxy.net.deadlines import SLOTS, DeadlineWheel

TICK = 0.25


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wheel(clock) -> DeadlineWheel:
    return DeadlineWheel(TICK, clock)


def advance(wheel: DeadlineWheel, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds / TICK)):
        clock.now += TICK
        wheel.advance()


@pytest.mark.parametrize("delay_s", [0.01, 0.25, 1, 5.1, 60, 3600])
def test_fires_once_not_early_and_at_most_two_ticks_late(wheel, clock, delay_s):
    begun, fired = clock.now, []
    wheel.schedule(delay_s, lambda: fired.append(clock.now))
    advance(wheel, clock, delay_s + 4 * TICK)
    assert len(fired) == 1
    assert delay_s <= fired[0] - begun <= delay_s + 3 * TICK
    assert len(wheel) == 0


def test_touch_puts_it_off_and_brings_it_forward(wheel, clock):
    fired = []
    later = wheel.schedule(2, lambda: fired.append("later"))
    sooner = wheel.schedule(1000, lambda: fired.append("sooner"))
    sooner.touch(1)
    advance(wheel, clock, 1.5)
    later.touch(2)
    advance(wheel, clock, 1)
    assert fired == ["sooner"]
    advance(wheel, clock, 2)
    assert fired == ["sooner", "later"]


def test_cancelled_one_leaves_nothing_behind(wheel, clock):
    fired = []
    deadline = wheel.schedule(1, lambda: fired.append(1))
    deadline.cancel()
    deadline.cancel()
    assert len(wheel) == 0
    advance(wheel, clock, 3)
    assert fired == []


def test_touch_after_cancel_or_firing_does_not_bring_it_back(wheel, clock):
    fired = []
    cancelled = wheel.schedule(5, lambda: fired.append("cancelled"))
    cancelled.cancel()
    cancelled.touch(0.1)
    done = wheel.schedule(0.1, lambda: fired.append("done"))
    advance(wheel, clock, 2)
    done.touch(0.1)
    advance(wheel, clock, 2)
    assert fired == ["done"]


def test_callback_may_cancel_a_neighbour_of_the_same_tick(wheel, clock):
    fired = []
    pair = []
    for name in "ab":
        pair.append(wheel.schedule(1, lambda name=name: (fired.append(name), cancel_all())))

    def cancel_all() -> None:
        for each in pair:
            each.cancel()

    advance(wheel, clock, 3)
    assert len(fired) == 1


def test_failing_callback_does_not_hold_up_the_others(wheel, clock, caplog):
    fired = []
    wheel.schedule(1, lambda: 1 / 0)
    wheel.schedule(1, lambda: fired.append(1))
    advance(wheel, clock, 3)
    assert fired == [1]
    assert "deadline failed" in caplog.text


def test_pause_longer_than_the_wheel_fires_everything_due(wheel, clock):
    """A stopped process that goes on finds all its deadlines passed."""
    fired = []
    for delay_s in (1, 30, 90):
        wheel.schedule(delay_s, lambda delay_s=delay_s: fired.append(delay_s))
    clock.now += 3 * SLOTS * TICK
    wheel.advance()
    assert sorted(fired) == [1, 30, 90]
