"""Counters on the feed become points for the Monitoring page."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from balancer.models import MetricPoint
from balancer.selectors.metrics import list_metric_points
from balancer.services.metrics import PERIOD_S, record_metrics
from proxy.snapshot import counters_key
from tests.balancer.estate import estate  # noqa: F401  (a fixture)
from tests.broker import broker, broker_process  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def count(broker, listener, requests, *, node="n1"):  # noqa: F811
    counted = {"requests": requests, "active": 2, "responses": {"2xx": requests}}
    counters = {"at": 0, "listeners": {listener.public_id: counted}}
    broker.client.set(counters_key(node), json.dumps(counters))


def values(subject_id, metric="requests_per_s"):
    points = list_metric_points(subject_id=subject_id, since=START - timedelta(days=1))
    return [point.value for point in points if point.metric == metric]


def test_points_of_a_listener_and_its_load_balancer(broker, estate):  # noqa: F811
    listener = estate.listener
    for minute, requests in enumerate([100, 160, 460]):
        count(broker, listener, requests)
        record_metrics(now=START + timedelta(seconds=PERIOD_S * minute))
    assert values(listener.public_id) == [1.0, 5.0]
    assert values(estate.load_balancer.public_id) == [1.0, 5.0]
    assert values(listener.public_id, "active_connections") == [2.0, 2.0]


def test_nothing_is_written_before_a_period_is_over(broker, estate):  # noqa: F811
    count(broker, estate.listener, 100)
    for second in (0, 10, 50):
        assert record_metrics(now=START + timedelta(seconds=second)) == 0
    assert not MetricPoint.objects.exists()


@pytest.mark.parametrize("pause_s", [-3600, 3600])
def test_samples_that_do_not_belong_together_are_not_compared(broker, estate, pause_s):  # noqa: F811
    count(broker, estate.listener, 100)
    record_metrics(now=START)
    count(broker, estate.listener, 900)
    assert record_metrics(now=START + timedelta(seconds=pause_s)) == 0


def test_old_points_end(broker, estate):  # noqa: F811
    old = START - timedelta(days=9)
    MetricPoint.objects.create(subject_id="x", metric="m", at=old, period_s=PERIOD_S, value=1)
    for minute in range(2):
        count(broker, estate.listener, 100)
        record_metrics(now=START + timedelta(seconds=PERIOD_S * minute))
    assert not MetricPoint.objects.filter(at=old).exists()
