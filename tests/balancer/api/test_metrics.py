"""Metrics over REST: values by step, gaps, units, a table, and who may see them."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from balancer.domain.metrics import MetricSubject
from balancer.models import Measurement
from tests.balancer.api.problems import fields_of, problem_of

LISTENER, SERVER = MetricSubject.LISTENER, MetricSubject.BACKEND_SERVER


@pytest.fixture
def start():
    """Return the beginning of the quarter of an hour that was an hour ago."""
    at = (timezone.now() - timedelta(hours=1)).timestamp()
    return datetime.fromtimestamp(at // 900 * 900, UTC)


def measured(kind, row, at, **figures):
    Measurement.objects.create(
        kind=kind, subject_id=row.public_id, period_s=60, at=at, measured_s=60, figures=figures
    )


def address(noun, row):
    return f"/api/v1/{noun}/{row.public_id}/metrics/"


def span(start, minutes):
    until = start + timedelta(minutes=minutes)
    return {"since": start.isoformat(), "until": until.isoformat()}


def rows_of(estate):
    return {
        "load-balancers": (MetricSubject.LOAD_BALANCER, estate.load_balancer),
        "listeners": (LISTENER, estate.listener),
        "server-groups": (MetricSubject.SERVER_GROUP, estate.group),
        "backend-servers": (SERVER, estate.servers[0]),
    }


@pytest.mark.parametrize(
    "noun", ["load-balancers", "listeners", "server-groups", "backend-servers"]
)
def test_values_stand_beside_their_times_with_a_unit(viewer, estate, start, noun):
    kind, row = rows_of(estate)[noun]
    measured(kind, row, start, requests=2.5, active=4)
    measured(kind, row, start + timedelta(minutes=2))
    query = span(start, 4) | {"metric": ["requests_per_s", "active_connections"], "step": 60}
    answer = viewer.get(address(noun, row), query)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["subject"], body["id"], body["step"]) == (kind.value, row.public_id, 60)
    assert body["times"] == [f"{start + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}" for n in range(4)]
    assert [each["values"] for each in body["series"]] == [[2.5, None, 0, None], [4, None, 0, None]]
    units = {each["metric"]: (each["unit"], each["statistic"]) for each in body["series"]}
    assert units == {
        "requests_per_s": ("requests/s", "average"),
        "active_connections": ("connections", "average"),
    }


def test_steps_are_averages_and_the_highest_is_told_apart(viewer, estate, start):
    for minute in range(15):
        measured(
            LISTENER, estate.listener, start + timedelta(minutes=minute), requests=minute, active=9
        )
    measured(LISTENER, estate.listener, start + timedelta(minutes=14, seconds=30), active=30)
    names = "requests_per_s,active_connections_max"
    query = span(start, 15) | {"metric": names, "step": 900}
    body = viewer.get(address("listeners", estate.listener), query).json()
    assert [each["values"] for each in body["series"]] == [[105 / 16], [30]]


def test_nothing_measured_is_no_zero(viewer, estate):
    body = viewer.get(address("listeners", estate.listener)).json()
    assert len(body["times"]) in (60, 61)
    assert all(value is None for each in body["series"] for value in each["values"])


@pytest.mark.parametrize(
    ("query", "options"), [({"format": "csv"}, {}), ({}, {"HTTP_ACCEPT": "text/csv"})]
)
def test_the_same_as_a_table(viewer, estate, start, query, options):
    measured(LISTENER, estate.listener, start, requests=2.5)
    query = query | span(start, 2) | {"metric": "requests_per_s,bytes_in_per_s"}
    answer = viewer.get(address("listeners", estate.listener), query, **options)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows == [
        ["at", "requests_per_s", "bytes_in_per_s"],
        [f"{start:%Y-%m-%dT%H:%M:%SZ}", "2.5", "0.0"],
        [f"{start + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}", "", ""],
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"metric": "nonsense"}, "metric"),
        ({"since": "now"}, "since"),
        ({"until": "\0"}, "until"),
        ({"step": "10"}, "step"),
        ({"format": "xml"}, "format"),
        ({"page": "2"}, "page"),
    ],
)
def test_refusals_name_the_parameter(viewer, estate, query, field):
    assert set(fields_of(viewer.get(address("listeners", estate.listener), query))) == {field}
    table = {"HTTP_ACCEPT": "text/csv"}
    assert fields_of(viewer.get(address("listeners", estate.listener), query, **table))


def test_what_is_not_there_is_404_and_nobody_is_401(viewer, client, estate):
    problem_of(viewer.get("/api/v1/listeners/lsn-none/metrics/"), 404)
    problem_of(client.get(address("listeners", estate.listener)), 401)


def test_who_may_not_look_finds_nothing(estate, client, django_user_model):
    user = django_user_model.objects.create_user("nobody")
    client.force_login(user)
    for noun, (_, row) in rows_of(estate).items():
        assert client.get(address(noun, row)).status_code in (403, 404)


def test_every_metric_is_listed_with_its_unit_and_meaning(viewer):
    body = viewer.get("/api/v1/metrics/").json()
    listed = {each["name"]: each for each in body["results"]}
    assert listed["response_ms"]["unit"] == "ms"
    assert listed["healthy_servers"]["subjects"] == ["load_balancer", "listener", "server_group"]
    assert {"subject": "listener", "period_s": 60, "kept_s": 86400} in body["tiers"]
    problem_of(viewer.get("/api/v1/metrics/", {"search": "x"}), 400)


def test_the_schema_names_what_each_kind_has(client, db):
    paths = client.get("/api/schema/").json()["paths"]
    names = {}
    for noun in ("listeners", "backend-servers"):
        operation = paths[f"/api/v1/{noun}/{{id}}/metrics/"]["get"]
        parameters = {each["name"]: each["schema"] for each in operation["parameters"]}
        assert {"metric", "since", "until", "step", "format"} <= set(parameters)
        assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/csv"}
        assert "400" in operation["responses"]
        names[noun] = set(parameters["metric"]["items"]["enum"])
    assert "denied_per_s" in names["listeners"] - names["backend-servers"]
    assert "healthy" in names["backend-servers"] - names["listeners"]
