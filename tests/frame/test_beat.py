"""Beat: one of many is active, and a clock set back or a broker away stops nothing."""

import time

import pytest

from console import beat
from console.beat import BeatLease, LeaseScheduler
from console.broker import BEAT_LEASE_KEY, celery_broker_url
from console.celery import SCHEDULE, app


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/broker.sock", "redis+socket:///run/broker.sock?virtual_host=0"),
        ("unix:///run/broker.sock?db=3", "redis+socket:///run/broker.sock?virtual_host=3"),
        ("redis://:secret@host:6379/1", "redis://:secret@host:6379/1"),
    ],
)
def test_broker_url_in_celerys_spelling(url, expected):
    assert celery_broker_url(url) == expected


def test_only_one_of_two_beats_holds_the_lease(broker):
    first, second = BeatLease("first"), BeatLease("second")
    assert [first.hold(), second.hold(), first.hold()] == [True, False, True]


def test_lease_of_a_dead_beat_ends_and_another_takes_it(broker):
    dead, next_one = BeatLease("dead"), BeatLease("next")
    assert dead.hold()
    assert 0 < broker.client.pttl(BEAT_LEASE_KEY) <= beat.LEASE_MS
    broker.client.delete(BEAT_LEASE_KEY)  # what its expiry does
    assert next_one.hold()
    assert not dead.hold()


def test_beat_without_broker_holds_nothing_and_comes_back(broker):
    lease = BeatLease("only")
    assert lease.hold()
    broker.stop()
    assert not lease.hold()
    broker.start()
    assert lease.hold()


class Recorder(LeaseScheduler):
    """Notes what it would send."""

    def __init__(self):
        super().__init__(app=app)
        self.sent = []

    def _send(self, line):
        self.sent.append(line.task)


def test_everything_is_sent_at_once_and_then_in_its_rhythm(broker, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    scheduler = Recorder()
    assert scheduler.tick() == pytest.approx(1.0)
    assert sorted(scheduler.sent) == sorted(line.task for line in SCHEDULE.values())
    scheduler.sent.clear()
    now += 1.0
    scheduler.tick()
    assert scheduler.sent == ["balancer.tasks.health.assign_shards"]


def test_clock_set_back_an_hour_delays_nothing(broker, monkeypatch):
    scheduler = Recorder()
    wall = time.time() - 3600
    monkeypatch.setattr(time, "time", lambda: wall)
    assert scheduler.tick() <= 1.0


def test_long_pause_is_not_caught_up_with(broker, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    scheduler = Recorder()
    scheduler.tick()
    scheduler.sent.clear()
    now += 3600
    scheduler.tick()
    scheduler.tick()
    assert scheduler.sent.count("balancer.tasks.health.assign_shards") == 1
    assert len(scheduler.sent) == len(SCHEDULE)


def test_every_task_of_the_schedule_exists():
    app.loader.import_default_modules()
    missing = {line.task for line in SCHEDULE.values()} - set(app.tasks)
    assert not missing
