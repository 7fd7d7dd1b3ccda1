"""Draining, source-address persistence and PROXY protocol over REST."""

import pytest

from tests.balancer.api.problems import fields_of

LIST = "/api/v1/listeners/"
OPTIONS = {
    "drain_enabled": True,
    "drain_timeout_s": 900,
    "persistence_timeout_s": 60,
    "proxy_protocol_v2": True,
}


@pytest.fixture
def values(estate):
    return {
        "load_balancer": estate.load_balancer.public_id,
        "protocol": "tcp",
        "port": 9000,
        "backend_port": 9000,
    }


def test_they_are_created_read_and_turned_off(operator, values):
    made = operator.post(LIST, values | OPTIONS).json()
    assert {name: made[name] for name in OPTIONS} == OPTIONS
    path = f"{LIST}{made['id']}/"
    assert operator.get(f"{path}health/").json()["draining_connections"] == 0
    answer = operator.patch(path, {"drain_enabled": False, "persistence_timeout_s": 0})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["drain_timeout_s"], answer.json()["persistence_timeout_s"]) == (None, 0)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"drain_timeout_s": None}, "drain_timeout_s"),
        ({"drain_timeout_s": 901}, "drain_timeout_s"),
        ({"drain_enabled": False}, "drain_timeout_s"),
        ({"persistence_timeout_s": 3601}, "persistence_timeout_s"),
        ({"proxy_protocol_v2": "v2"}, "proxy_protocol_v2"),
        ({"protocol": "http"}, "drain_enabled"),
    ],
)
def test_wrong_values_are_field_errors(operator, values, changes, field):
    assert field in fields_of(operator.post(LIST, values | OPTIONS | changes))
