"""What may be asked of metrics, and what a refusal says: parameter, rule and what was given."""

from datetime import UTC, datetime, timedelta

import pytest

from balancer.domain.metric_catalogue import metrics_of
from balancer.domain.metric_query import MOST_POINTS, read_query
from balancer.domain.metrics import MetricSubject
from balancer.exceptions import Invalid

NOW = datetime(2026, 3, 9, 12, 0, 30, tzinfo=UTC)
LISTENER, SERVER = MetricSubject.LISTENER, MetricSubject.BACKEND_SERVER


def ask(kind=LISTENER, **given):
    values = {name: each if isinstance(each, list) else [each] for name, each in given.items()}
    return read_query(kind, values, now=NOW)


def ago(**length):
    return (NOW - timedelta(**length)).isoformat()


def test_without_a_word_it_is_the_last_hour_of_everything_by_the_minute():
    query = ask()
    assert (query.since, query.until, query.step_s) == (NOW - timedelta(hours=1), NOW, 60)
    assert query.metrics == metrics_of(LISTENER)


def test_metrics_are_named_one_by_one_or_together_and_come_once():
    query = ask(metric=["response_ms,requests_per_s", "response_ms"])
    assert [metric.name for metric in query.metrics] == ["response_ms", "requests_per_s"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-09T11:00:00Z", datetime(2026, 3, 9, 11, tzinfo=UTC)),
        ("2026-03-09t11:00:00z", datetime(2026, 3, 9, 11, tzinfo=UTC)),
        ("2026-03-09T12:00:00+01:00", datetime(2026, 3, 9, 11, tzinfo=UTC)),
        ("2026-03-09T12:00:00 01:00", datetime(2026, 3, 9, 11, tzinfo=UTC)),
        ("2026-03-09T11:00:00.250Z", datetime(2026, 3, 9, 11, 0, 0, 250000, tzinfo=UTC)),
    ],
)
def test_times_are_those_of_rfc_3339(text, moment):
    assert ask(since=text).since == moment


@pytest.mark.parametrize(
    ("kind", "length", "step_s"),
    [
        (LISTENER, {"hours": 6}, 60),
        (LISTENER, {"hours": 24}, 300),
        (LISTENER, {"days": 7}, 1800),
        (SERVER, {"hours": 2}, 60),
        (SERVER, {"hours": 6}, 900),
        (SERVER, {"days": 7}, 3600),
    ],
)
def test_a_step_is_chosen_that_fits_the_time_and_what_is_kept(kind, length, step_s):
    assert ask(kind, since=ago(**length)).step_s == step_s


@pytest.mark.parametrize(
    ("field", "given", "rule"),
    [
        ("metric", {"metric": "requests"}, "no metric of this name"),
        ("metric", {"metric": "failures_per_s"}, "A listener has no metric"),
        ("metric", {"metric": ""}, "no metric of this name"),
        ("since", {"since": "yesterday"}, "RFC 3339"),
        ("since", {"since": "2026-03-09T11:00:00"}, "offset"),
        ("since", {"since": "2026-02-30T11:00:00Z"}, "RFC 3339"),
        ("since", {"since": "0001-01-01T00:00:00+14:00"}, "RFC 3339"),
        ("since", {"since": ["2026-03-09T11:00:00Z"] * 2}, "once"),
        ("since", {"since": ago(days=9)}, "kept for 8 days"),
        ("since", {"since": ago(hours=1), "until": ago(hours=1)}, "before until"),
        ("until", {"until": "2026-03-09T25:00:00Z"}, "RFC 3339"),
        ("step", {"step": "59"}, "from 60 to 86400"),
        ("step", {"step": "90"}, "multiple"),
        ("step", {"step": "1e3"}, "whole number"),
        ("step", {"step": "60", "since": ago(days=2)}, "points of 900 s"),
        ("step", {"step": "60", "since": ago(hours=24), "until": ago(hours=-2)}, "at most 1500"),
        ("until", {"until": "9999-12-31T23:59:59Z"}, "a day from now"),
        ("since", {"until": "0001-01-01T00:00:00Z"}, "before until"),
    ],
)
def test_refusals_name_the_parameter_and_the_rule(field, given, rule):
    with pytest.raises(Invalid) as refused:
        ask(**given)
    assert rule in " ".join(refused.value.fields[field])


def test_all_errors_come_at_once():
    with pytest.raises(Invalid) as refused:
        ask(metric="x" * 500, since="x", until="y", step="z")
    assert set(refused.value.fields) == {"metric", "since", "until", "step"}
    assert all(len(rule) < 200 for rules in refused.value.fields.values() for rule in rules)


def test_a_day_by_the_minute_fits_in_one_answer():
    query = ask(since=ago(hours=24), step="60")
    assert query.step_s == 60
    assert MOST_POINTS > 24 * 60
