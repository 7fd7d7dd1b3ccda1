"""Forwarding rules over REST."""

import pytest

from balancer.models import ForwardingRule, PublishHead
from tests.balancer.api.problems import fields_of, problem_of

LIST = "/api/v1/forwarding-rules/"


@pytest.fixture
def values(estate):
    return {
        "listener": estate.listener.public_id,
        "server_group": estate.add_group("api").public_id,
        "name": "one",
        "domain": "www.example.com",
    }


def test_rule_is_created_read_changed_and_deleted(operator, estate, values):
    answer = operator.post(LIST, values | {"path": "/api"})
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert {name: made[name] for name in values} == values
    assert made["load_balancer"] == estate.load_balancer.public_id
    assert made["inherits_settings"] is True
    path = f"{LIST}{made['id']}/"
    etag = operator.get(path)["ETag"]
    own = {"inherits_settings": False, "scheduler": "round_robin", "check_interval_s": 9}
    changed = operator.patch(path, own, HTTP_IF_MATCH=etag)
    assert changed.status_code == 200, changed.content
    assert {name: changed.json()[name] for name in own} == own
    problem_of(operator.patch(path, {"name": "two"}, HTTP_IF_MATCH=etag), 412)
    assert operator.delete(path).status_code == 204
    problem_of(operator.get(path), 404)
    assert PublishHead.objects.get().wanted == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("domain", "a b"),
        ("domain", 5),
        ("path", "api"),
        ("path", "/" + "x" * 80),
        ("name", "x" * 41),
        ("name", None),
        ("listener", "lsn-unknown"),
        ("server_group", "rsp-unknown"),
        ("server_group", None),
        ("scheduler", "tuple_hash"),
        ("check_interval_s", 51),
        ("check_request", "ping"),
        ("cookie_timeout_s", 0),
        ("inherits_settings", "yes"),
        ("colour", "red"),
    ],
)
def test_wrong_values_are_field_errors(operator, values, name, value):
    answer = operator.post(LIST, values | {name: value})
    assert fields_of(answer).keys() == {name}
    assert not ForwardingRule.objects.exists()


def test_domain_and_path_stay(operator, estate):
    rule = estate.add_rule("one", "a.example")
    answer = operator.patch(f"{LIST}{rule.public_id}/", {"domain": "b", "path": "/b"})
    assert fields_of(answer).keys() == {"domain", "path"}


def test_list_is_narrowed_by_listener_group_and_domain(operator, estate):
    one, two = estate.add_rule("one", "a.example"), estate.add_rule("two", path="/b")
    queries = {
        f"listener={estate.listener.public_id}": [two, one],
        "listener=lsn-x": [],
        f"server_group={one.server_group.public_id}": [one],
        "domain=a.example": [one],
        f"load_balancer={estate.load_balancer.public_id}&search=two": [two],
    }
    for query, rules in queries.items():
        found = operator.get(f"{LIST}?{query}").json()["results"]
        assert [each["id"] for each in found] == [each.public_id for each in rules], query


def test_same_match_twice_is_409_and_a_group_in_use_names_its_rule(operator, values):
    assert operator.post(LIST, values).status_code == 201
    problem = problem_of(operator.post(LIST, values | {"name": "two"}), 409)
    assert problem["code"] == "rule_exists"
    refused = operator.delete(f"/api/v1/server-groups/{values['server_group']}/")
    problem = problem_of(refused, 409)
    assert problem["details"]["users"][0]["name"] == "one: www.example.com"
