"""Counters on the feed become points by the minute, and those coarser ones."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from balancer import feed
from balancer.domain.health import shard_of
from balancer.domain.metric_catalogue import METRICS
from balancer.domain.metrics import MetricSubject
from balancer.feed import Evidence
from balancer.models import Measurement
from balancer.selectors.metrics import Span, read_series
from balancer.services import housekeeping, metric_tiers
from balancer.services.metrics import record_metrics
from balancer.snapshot.checks import compile_check
from proxy.snapshot import HealthStatus, counters_key, probe_id
from tests.balancer.estate import estate  # noqa: F401  (a fixture)
from tests.broker import broker, broker_process  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LISTENER, LOAD_BALANCER = MetricSubject.LISTENER, MetricSubject.LOAD_BALANCER
GROUP, SERVER = MetricSubject.SERVER_GROUP, MetricSubject.BACKEND_SERVER


def count(broker, estate, requests, *, node="n1"):  # noqa: F811
    """Say what a proxy would: all requests went to the first server."""
    work = {"requests": requests, "active": 1, "responses": {"2xx": requests}}
    counted = {
        "requests": requests,
        "active": 2,
        "responses": {"2xx": requests},
        "groups": {estate.group.public_id: work},
        "servers": {estate.servers[0].public_id: work},
    }
    counters = {"at": 0, "listeners": {estate.listener.public_id: counted}}
    broker.client.set(counters_key(node), json.dumps(counters))


def at(minute, second=0):
    return START + timedelta(minutes=minute, seconds=second)


def values(kind, subject, metric="requests_per_s", *, minutes=4, step_s=60):
    span = Span.around(START, START + timedelta(minutes=minutes), step_s)
    return read_series(kind, subject.public_id, [METRICS[metric]], span)[metric]


def test_points_of_a_listener_its_load_balancer_its_group_and_servers(broker, estate):  # noqa: F811
    for minute, requests in enumerate([100, 160, 460]):
        count(broker, estate, requests)
        record_metrics(now=at(minute))
    measured = [1.0, 5.0, None, None]
    assert values(LISTENER, estate.listener) == measured
    assert values(LOAD_BALANCER, estate.load_balancer) == measured
    assert values(GROUP, estate.group) == measured
    assert values(SERVER, estate.servers[0]) == measured
    assert values(SERVER, estate.servers[1]) == [0.0, 0.0, None, None]
    assert values(LISTENER, estate.listener, "active_connections") == [2.0, 2.0, None, None]


def test_nothing_is_written_before_a_minute_is_over(broker, estate):  # noqa: F811
    count(broker, estate, 100)
    for second in (0, 10, 50):
        assert record_metrics(now=at(0, second)) == 0
    assert not Measurement.objects.exists()


def test_every_minute_has_a_point_however_calls_are_late(broker, estate):  # noqa: F811
    """Calls come every ten seconds and drift; one a minute late covers two minutes."""
    for number, moment in enumerate([at(0, 9), at(1, 2), at(3, 8)]):
        count(broker, estate, 530 * number)
        record_metrics(now=moment)
    rate = pytest.approx(530 / 126, abs=0.001)
    assert values(LISTENER, estate.listener) == [10.0, rate, rate, None]


def test_minutes_weigh_as_long_as_they_were_measured(broker, estate):  # noqa: F811
    """However calls drift, averages are those of what was counted."""
    for second, requests in [(0, 0), (69, 690), (120, 690)]:
        count(broker, estate, requests)
        record_metrics(now=at(0, second))
    assert values(LISTENER, estate.listener, minutes=2) == [10.0, 0.0]
    assert values(LISTENER, estate.listener, minutes=2, step_s=120) == [690 / 120]


@pytest.mark.parametrize("pause_s", [-3600, 3600])
def test_samples_that_do_not_belong_together_are_not_compared(broker, estate, pause_s):  # noqa: F811
    count(broker, estate, 100)
    record_metrics(now=START)
    count(broker, estate, 900)
    assert record_metrics(now=START + timedelta(seconds=pause_s)) == 0


def test_health_is_counted_with_the_traffic(broker, estate, settings):  # noqa: F811
    """Section 2.17: healthy and unhealthy server counts."""
    check = compile_check(estate.listener)
    statuses = [HealthStatus.HEALTHY, HealthStatus.UNHEALTHY]
    for server, status in zip(estate.servers, statuses, strict=False):
        probe = probe_id(server.address, estate.listener.backend_port, check)
        checked_at = time.time() + 3600  # fresh, however slow the machine is
        found = {probe: Evidence(status, checked_at, checked_at, "")}
        feed.put_evidence(shard_of(probe, settings.OPENCLB_HEALTH_SHARDS), found, [])
    for minute in range(2):
        count(broker, estate, 0)
        record_metrics(now=at(minute))
    for kind, subject in [
        (LISTENER, estate.listener),
        (LOAD_BALANCER, estate.load_balancer),
        (GROUP, estate.group),
    ]:
        assert values(kind, subject, "healthy_servers")[0] == 1
        assert values(kind, subject, "unhealthy_servers")[0] == 1
    health = [values(SERVER, server, "healthy")[0] for server in estate.servers]
    assert health == [1.0, 0.0, None]


def test_coarse_points_are_made_once_and_say_the_same(broker, estate, monkeypatch):  # noqa: F811
    monkeypatch.setattr(metric_tiers, "SUBJECTS_AT_ONCE", 1)
    for minute in range(21):
        count(broker, estate, 60 * minute**2)
        record_metrics(now=at(minute))
    coarse = Measurement.objects.filter(period_s=900, kind=LISTENER)
    assert [(row.at, row.measured_s) for row in coarse] == [(START, 900)]
    fine = values(LISTENER, estate.listener, minutes=15)
    assert coarse.get().figures["requests"] == pytest.approx(sum(fine) / 15, abs=0.0001)
    whole = values(LISTENER, estate.listener, minutes=30, step_s=900)
    assert whole == [pytest.approx(sum(fine) / 15), pytest.approx((29 + 39) / 2, abs=5)]
    assert metric_tiers.roll_up(now=at(21)) == 0


def test_coarse_points_that_a_cut_short_call_left_out_come_with_the_next_ones(estate):  # noqa: F811
    def fine(subject, minute):
        Measurement.objects.create(
            kind=LISTENER,
            subject_id=subject,
            period_s=60,
            at=at(minute),
            measured_s=60,
            figures={"requests": 1},
        )

    fine("a", 0)
    metric_tiers.roll_up(now=at(20))
    fine("b", 1)
    fine("a", 15)
    metric_tiers.roll_up(now=at(40))
    rows = Measurement.objects.filter(period_s=900).order_by("at", "subject_id")
    made = [(row.subject_id, row.at) for row in rows]
    assert made == [("a", at(0)), ("b", at(0)), ("a", at(15))]


def test_points_are_kept_as_long_as_their_tier_says(db):
    now = at(0)
    for kind, period_s, age in [
        (LISTENER, 60, timedelta(hours=24)),
        (LISTENER, 60, timedelta(hours=25)),
        (LISTENER, 900, timedelta(days=8)),
        (LISTENER, 900, timedelta(days=9)),
        (SERVER, 60, timedelta(hours=2)),
        (SERVER, 60, timedelta(hours=3)),
        (SERVER, 3600, timedelta(days=8)),
    ]:
        Measurement.objects.create(
            kind=kind, subject_id=kind, period_s=period_s, at=now - age, measured_s=1
        )
    assert housekeeping.expire_records(now=now) == {"measurement": 3}
    kept = {(row.kind, row.period_s, now - row.at) for row in Measurement.objects.all()}
    assert kept == {
        (LISTENER, 60, timedelta(hours=24)),
        (LISTENER, 900, timedelta(days=8)),
        (SERVER, 60, timedelta(hours=2)),
        (SERVER, 3600, timedelta(days=8)),
    }


def test_no_call_deletes_without_end(db, monkeypatch):
    """What is left goes at the next call: nobody's edit waits for it."""
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    monkeypatch.setattr(housekeeping, "MOST_BATCHES", 2)
    for minute in range(6):
        Measurement.objects.create(
            kind=LISTENER, subject_id="x", period_s=60, at=at(minute), measured_s=60
        )
    later = START + timedelta(days=30)
    assert housekeeping.expire_records(now=later) == {"measurement": 4}
    assert housekeeping.expire_records(now=later) == {"measurement": 2}


def test_points_are_written_in_short_transactions(broker, estate, monkeypatch):  # noqa: F811
    monkeypatch.setattr(metric_tiers, "BATCH", 2)
    for minute in range(2):
        count(broker, estate, 60 * minute)
        record_metrics(now=at(minute))
    assert Measurement.objects.count() == 6  # three servers, a group, a listener, an instance
