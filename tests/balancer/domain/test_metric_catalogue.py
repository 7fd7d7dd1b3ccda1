"""What metrics mean, and which steps have values."""

import pytest

from balancer.domain.metric_catalogue import (
    LONGEST_KEPT_S,
    METRICS,
    TIERS,
    TOLERANCE_S,
    finest_period_s,
    metrics_of,
    steps,
)
from balancer.domain.metrics import MetricSubject, Point

HOUR_S, DAY_S = 3600, 86400


def of(points, *names, until=240, step_s=60):
    return steps(points, [METRICS[name] for name in names], since=0, until=until, step_s=step_s)


def test_a_step_without_points_has_no_value_and_one_without_traffic_has_zero():
    """Section 2.17: no data is not a zero line."""
    points = [Point(0, 60, {"requests": 2}), Point(120, 60, {})]
    assert of(points, "requests_per_s") == {"requests_per_s": [2.0, None, 0.0, None]}


def test_rates_are_averaged_and_open_connections_told_at_their_highest():
    points = [Point(60 * n, 60, {"requests": n, "active": n}) for n in range(4)]
    found = of(points, "requests_per_s", "active_connections", "active_connections_max", step_s=120)
    assert found == {
        "requests_per_s": [0.5, 2.5],
        "active_connections": [0.5, 2.5],
        "active_connections_max": [1.0, 3.0],
    }


def test_response_time_is_that_of_the_requests_and_is_missing_where_there_were_none():
    """A busy minute weighs more: it is the average of requests, not of minutes."""
    points = [
        Point(0, 60, {"time_s": 0.1, "timed": 1}),
        Point(60, 60, {"time_s": 0.9, "timed": 99}),
        Point(120, 60, {}),
    ]
    assert of(points, "response_ms", step_s=120) == {"response_ms": [pytest.approx(10.0), None]}


def test_health_is_missing_where_nothing_is_checked():
    points = [Point(0, 60, {"healthy": 0, "unhealthy": 2}), Point(60, 60, {})]
    assert of(points, "healthy_servers", "unhealthy_servers", until=120) == {
        "healthy_servers": [0.0, None],
        "unhealthy_servers": [2.0, None],
    }


@pytest.mark.parametrize("kind", MetricSubject)
def test_every_kind_has_metrics_with_a_unit_and_a_meaning(kind):
    metrics = metrics_of(kind)
    assert {"requests_per_s", "bytes_in_per_s", "response_ms"} <= {each.name for each in metrics}
    assert all(each.unit and each.description.endswith(".") for each in metrics)


@pytest.mark.parametrize("kind", MetricSubject)
def test_each_tier_is_made_of_the_one_before_and_kept_longer(kind):
    tiers = TIERS[kind]
    for fine, coarse in zip(tiers, tiers[1:], strict=False):
        assert coarse.period_s % fine.period_s == 0
        assert coarse.kept_s > fine.kept_s > 2 * coarse.period_s
    assert tiers[-1].kept_s == LONGEST_KEPT_S


@pytest.mark.parametrize(
    ("kind", "age_s", "period_s"),
    [
        (MetricSubject.LISTENER, HOUR_S, 60),
        (MetricSubject.LISTENER, DAY_S, 60),
        (MetricSubject.LISTENER, DAY_S + TOLERANCE_S + 1, 900),
        (MetricSubject.BACKEND_SERVER, 2 * HOUR_S, 60),
        (MetricSubject.BACKEND_SERVER, 3 * HOUR_S, 900),
        (MetricSubject.BACKEND_SERVER, 2 * DAY_S, 3600),
        (MetricSubject.LISTENER, 8 * DAY_S + TOLERANCE_S + 1, None),
    ],
)
def test_how_fine_the_past_is(kind, age_s, period_s):
    assert finest_period_s(kind, age_s) == period_s
