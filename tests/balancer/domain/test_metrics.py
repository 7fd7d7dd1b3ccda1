"""Running sums become figures per second."""

import pytest

from balancer.domain.metrics import average_ms, rates, read_sums

BEFORE = {"n1": {"lsn": {"requests_per_s": 100.0, "active_connections": 7.0}}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            BEFORE,
            {"n1": {"lsn": {"requests_per_s": 160.0, "active_connections": 3.0}}},
            {"lsn": {"requests_per_s": 6.0, "active_connections": 3.0}},
            id="growth-over-time-and-what-is-open-now",
        ),
        pytest.param(
            BEFORE,
            {"n1": {"lsn": {"requests_per_s": 20.0}}},
            {"lsn": {"requests_per_s": 2.0}},
            id="node-that-started-anew-counts-from-zero",
        ),
        pytest.param(
            BEFORE,
            {"n2": {"lsn": {"requests_per_s": 9000.0}}},
            {},
            id="new-node-says-nothing-yet",
        ),
        pytest.param(
            {"n1": {"lsn": {"requests_per_s": 0.0}}, "n2": {"lsn": {"requests_per_s": 0.0}}},
            {"n1": {"lsn": {"requests_per_s": 10.0}}, "n2": {"lsn": {"requests_per_s": 20.0}}},
            {"lsn": {"requests_per_s": 3.0}},
            id="nodes-add-up",
        ),
        pytest.param(
            {"n1": {}},
            {"n1": {"lsn": {"requests_per_s": 10.0}}},
            {"lsn": {"requests_per_s": 1.0}},
            id="new-listener-of-a-known-node",
        ),
    ],
)
def test_rates(before, after, expected):
    assert rates(before, after, 10.0) == expected


def test_counters_are_read_under_the_names_of_their_figures():
    counted = {"accepted": 1, "active": 2, "requests": 3, "bytes_in": 4, "bytes_out": 5}
    counted |= {"packets_in": 7, "packets_out": 8, "packets_dropped": 9, "retries": 10}
    counted |= {"own_answers": {"no_weight": 1, "bad_request": 2}, "time_s": 0.5}
    counted |= {"times": {"0.001": 4, "inf": 1}, "over_requests": 2}
    assert read_sums(counted | {"responses": {"2xx": 6}}) == {
        "connections_per_s": 1.0,
        "active_connections": 2.0,
        "requests_per_s": 3.0,
        "bytes_in_per_s": 4.0,
        "bytes_out_per_s": 5.0,
        "packets_in_per_s": 7.0,
        "packets_out_per_s": 8.0,
        "packets_dropped_per_s": 9.0,
        "denied_per_s": 0.0,
        "over_connections_per_s": 0.0,
        "over_new_connections_per_s": 0.0,
        "over_requests_per_s": 2.0,
        "over_bandwidth_per_s": 0.0,
        "responses_2xx_per_s": 6.0,
        "retries_per_s": 10.0,
        "own_answers_per_s": 3.0,
        "request_seconds_per_s": 0.5,
        "timed_requests_per_s": 5.0,
    }


def test_average_is_of_all_requests_and_is_missing_where_there_were_none():
    """Sums of two listeners give the average of their requests, not of their averages."""
    seconds = {1: 0.1 + 0.9, 2: 0.0, 3: 0.5}
    requests = {1: 1.0 + 99.0, 2: 0.0, 4: 2.0}
    assert average_ms(seconds, requests) == {1: 10.0}
