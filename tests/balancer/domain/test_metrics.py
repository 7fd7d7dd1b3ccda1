"""Running sums become figures per second, and those of minutes figures of longer times."""

import json

import pytest

from balancer.domain.metrics import (
    MetricSubject,
    Point,
    compact,
    merge,
    place_of,
    rates,
    read_listener,
    read_places,
    read_work,
)

LISTENER = place_of(MetricSubject.LISTENER, "lsn")
SUBJECT = (MetricSubject.LISTENER, "lsn")
BEFORE = {"n1": {LISTENER: {"requests": 100.0, "active": 7.0}}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            BEFORE,
            {"n1": {LISTENER: {"requests": 160.0, "active": 3.0}}},
            {SUBJECT: {"requests": 6.0, "active": 3.0}},
            id="growth-over-time-and-what-is-open-now",
        ),
        pytest.param(
            BEFORE,
            {"n1": {LISTENER: {"requests": 20.0}}},
            {SUBJECT: {"requests": 2.0}},
            id="node-that-started-anew-counts-from-zero",
        ),
        pytest.param(
            BEFORE, {"n2": {LISTENER: {"requests": 9000.0}}}, {}, id="new-node-says-nothing-yet"
        ),
        pytest.param(
            {"n1": {LISTENER: {"requests": 0.0}}, "n2": {LISTENER: {"requests": 0.0}}},
            {"n1": {LISTENER: {"requests": 10.0}}, "n2": {LISTENER: {"requests": 20.0}}},
            {SUBJECT: {"requests": 3.0}},
            id="nodes-add-up",
        ),
        pytest.param(
            {"n1": {}},
            {"n1": {LISTENER: {"requests": 10.0}}},
            {SUBJECT: {"requests": 1.0}},
            id="new-listener-of-a-known-node",
        ),
        pytest.param(
            {"n1": {place_of(MetricSubject.SERVER_GROUP, "rsp", "a"): {"requests": 50.0}}},
            {
                "n1": {
                    place_of(MetricSubject.SERVER_GROUP, "rsp", "a"): {"requests": 60.0},
                    place_of(MetricSubject.SERVER_GROUP, "rsp", "b"): {"requests": 20.0},
                }
            },
            {(MetricSubject.SERVER_GROUP, "rsp"): {"requests": 3.0}},
            id="listeners-that-share-a-group-add-up",
        ),
    ],
)
def test_rates(before, after, expected):
    assert rates(before, after, 10.0) == expected


def test_counters_of_a_listener_are_read():
    counted = {"accepted": 1, "active": 2, "requests": 3, "bytes_in": 4, "bytes_out": 5}
    counted |= {"packets_in": 7, "packets_out": 8, "packets_dropped": 9, "retries": 10}
    counted |= {"own_answers": {"no_weight": 1, "bad_request": 2}, "time_s": 0.5}
    counted |= {"times": {"0.001": 4, "inf": 1}, "over_requests": 2, "denied": 0}
    assert read_listener(counted | {"responses": {"2xx": 6, "5xx": 0}}) == {
        "connections": 1.0,
        "active": 2.0,
        "requests": 3.0,
        "bytes_in": 4.0,
        "bytes_out": 5.0,
        "packets_in": 7.0,
        "packets_out": 8.0,
        "packets_dropped": 9.0,
        "over_requests": 2.0,
        "responses_2xx": 6.0,
        "retries": 10.0,
        "own_answers": 3.0,
        "time_s": 0.5,
        "timed": 5.0,
    }


def test_counters_of_a_server_are_read():
    counted = {"connections": 1, "requests": 3, "failures": 2, "time_s": 0.5, "draining": 1}
    assert read_work(counted | {"active": 1, "responses": {"2xx": 2, "4xx": 1}}) == {
        "connections": 1.0,
        "requests": 3.0,
        "failures": 2.0,
        "time_s": 0.5,
        "draining": 1.0,
        "active": 1.0,
        "responses_2xx": 2.0,
        "responses_4xx": 1.0,
        "timed": 3.0,
    }


def test_places_are_listeners_and_what_they_use():
    counted = {"requests": 1, "groups": {"rsp": {"requests": 1}}, "servers": {"s": {"requests": 1}}}
    assert read_places({"listeners": {"lsn": counted}}) == {
        "listener/lsn/": {"requests": 1.0},
        "server_group/rsp/lsn": {"requests": 1.0},
        "backend_server/s/lsn": {"requests": 1.0},
    }


def test_longer_times_are_averages_over_what_was_measured_and_keep_the_highest():
    merged, measured_s = merge(
        [
            Point(0, 60, {"requests": 10, "active": 4}),
            Point(60, 30, {"active": 10, "active_max": 12}),
        ]
    )
    assert measured_s == 90
    assert merged == pytest.approx({"requests": 600 / 90, "active": 540 / 90, "active_max": 12})


def test_merging_in_two_steps_is_merging_in_one():
    points = [Point(60 * n, 60, {"requests": n, "active": n % 3}) for n in range(6)]
    halves = [merge(points[:3]), merge(points[3:])]
    again = merge(
        Point(180 * n, measured_s, figures) for n, (figures, measured_s) in enumerate(halves)
    )
    assert again[0] == pytest.approx(merge(points)[0])


def test_health_that_nobody_knew_is_no_zero():
    merged, _ = merge([Point(0, 60, {"healthy": 3}), Point(60, 60, {"requests": 1})])
    assert merged["healthy"] == 3
    assert "healthy" not in merge([Point(0, 60, {})])[0]


def test_stored_figures_are_short():
    figures = {"requests": 1 / 3, "bytes_in": 2e9 / 3, "active": 2.0, "retries": 0.0}
    stored = compact(figures | {"healthy": 0.0, "unhealthy": 1.0})
    assert json.dumps(stored) == (
        '{"requests": 0.333333, "bytes_in": 666667000, "active": 2, "healthy": 0, "unhealthy": 1}'
    )
