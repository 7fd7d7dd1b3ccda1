"""Two-group failover over REST (S24 to S30)."""

import pytest

from balancer.models import ServerGroup
from proxy.snapshot import GroupKind
from tests.balancer.api.problems import fields_of

LIST = "/api/v1/listeners/"


@pytest.fixture
def values(estate):
    first, second = (
        ServerGroup.objects.create(
            load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name=name
        ).public_id
        for name in ("blue", "green")
    )
    return {
        "load_balancer": estate.load_balancer.public_id,
        "protocol": "udp",
        "port": 9000,
        "start": True,
        "failover_enabled": True,
        "primary_group": first,
        "secondary_group": second,
        "failover_threshold": 1,
    }


def test_it_is_created_read_and_turned_off(operator, values):
    made = operator.post(LIST, values).json()
    assert {key: made[key] for key in values if key != "start"} == {
        key: value for key, value in values.items() if key != "start"
    }
    path = f"{LIST}{made['id']}/"
    health = operator.get(f"{path}health/").json()
    assert health["is_failed_over"] is False
    answer = operator.patch(
        path, {"failover_enabled": False, "server_group": values["primary_group"]}
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["secondary_group"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"failover_threshold": None}, "failover_threshold"),
        ({"failover_threshold": 0}, "failover_threshold"),
        ({"failover_threshold": 201}, "failover_threshold"),
        ({"secondary_group": None}, "secondary_group"),
        ({"secondary_group": "rsp-unknown"}, "secondary_group"),
        ({"failover_enabled": False}, "primary_group"),
        ({"protocol": "http"}, "failover_enabled"),
        ({"check_enabled": False}, "check_enabled"),
    ],
)
def test_wrong_values_are_field_errors(operator, values, changes, field):
    assert field in fields_of(operator.post(LIST, values | changes))


def test_group_in_use_is_not_deleted(operator, values):
    operator.post(LIST, values)
    for name in ("primary_group", "secondary_group"):
        answer = operator.delete(f"/api/v1/server-groups/{values[name]}/")
        assert answer.status_code == 409


def test_listeners_are_found_by_every_group_they_send_to(operator, estate, values):
    """By itself, as the default group, by failover and by a forwarding rule; each once."""
    failover = operator.post(LIST, values).json()["id"]
    rule = estate.add_rule("r", "a.example")
    estate.add_rule("s", "b.example")
    own = operator.post(
        LIST,
        {
            "load_balancer": estate.load_balancer.public_id,
            "protocol": "tcp",
            "port": 9001,
            "server_group": values["primary_group"],
        },
    ).json()["id"]

    def users(group: str) -> list[str]:
        answer = operator.get(f"{LIST}?server_group={group}&ordering=port").json()
        return [each["id"] for each in answer["results"]]

    assert users(values["primary_group"]) == [failover, own]
    assert users(values["secondary_group"]) == [failover]
    assert users(rule.server_group.public_id) == [estate.listener.public_id]
    assert users(estate.group.public_id) == [estate.listener.public_id]  # the default group
    assert users("rsp-none") == []
