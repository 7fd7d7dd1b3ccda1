"""Listeners over REST: what the proxies do not apply is refused by name, the rest is published."""

import pytest

from balancer.models import Listener, PublishHead
from tests.balancer.api.problems import fields_of, problem_of

LIST = "/api/v1/listeners/"


@pytest.fixture
def values(estate):
    return {
        "load_balancer": estate.load_balancer.public_id,
        "protocol": "tcp",
        "port": 9000,
        "backend_port": 9000,
    }


def test_one_is_created_and_started_at_once(operator, values):
    answer = operator.post(LIST, values | {"start": True})
    assert answer.status_code == 201, answer.content
    assert answer.json()["status"] == "running"
    assert PublishHead.objects.get().wanted > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 0),
        ("port", 65536),
        ("port", "８０"),
        ("backend_port", 10**30),
        ("check_interval_s", 51),
        ("check_healthy_threshold", 11),
        ("protocol", "sctp"),
        ("scheduler", "wrr"),
        ("scheduler", "connection_id_hash"),
        ("idle_timeout_s", 0),
        ("bandwidth_mbps", 10**30),
        ("failover_threshold", 10**30),
        ("cookie_timeout_s", 10**30),
        ("persistence_timeout_s", 10**30),
        ("drain_timeout_s", 10**30),
        ("check_path", "x" * 81),
        ("start", "now"),
        ("server_group", "rsp-unknown"),
        ("access_lists", "acl"),
        ("certificate", 5),
    ],
)
def test_wrong_values_are_field_errors(operator, values, name, value):
    answer = operator.post(LIST, values | {name: value})
    assert name in fields_of(answer)
    assert Listener.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sticky_enabled", True),
        ("gzip_enabled", True),
        ("http2_enabled", True),
    ],
)
def test_what_the_proxies_do_not_apply_is_refused_by_name(operator, values, name, value):
    answer = operator.post(LIST, values | {name: value})
    problem = problem_of(answer, 400)
    assert problem["code"] == "unsupported_option"
    assert name in fields_of(answer)
    assert Listener.objects.count() == 1


def test_a_taken_port_is_refused(operator, values):
    answer = operator.post(LIST, values | {"port": 80})
    assert answer.status_code in (400, 409)
    problem_of(answer, answer.status_code)


def test_protocol_and_port_stay(operator, estate):
    path = f"{LIST}{estate.listener.public_id}/"
    answer = operator.patch(path, {"port": 81, "protocol": "tcp", "load_balancer": "lb-x"})
    assert fields_of(answer).keys() == {"port", "protocol", "load_balancer"}


def test_options_are_changed_and_published(operator, estate):
    path = f"{LIST}{estate.listener.public_id}/"
    answer = operator.patch(path, {"check_interval_s": 5, "name": "shop"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["check_interval_s"] == 5
    assert PublishHead.objects.get().wanted == 1


def test_scheduler_is_chosen_and_a_hash_needs_a_guaranteed_instance(operator, estate, values):
    answer = operator.post(LIST, values | {"scheduler": "round_robin"})
    assert answer.json()["scheduler"] == "round_robin"
    path = f"{LIST}{answer.json()['id']}/"
    refused = operator.patch(path, {"scheduler": "source_hash"})
    assert problem_of(refused, 400)["code"] == "specification_too_small"
    assert fields_of(refused).keys() == {"scheduler"}
    estate.load_balancer.specification = "slb.s2.small"
    estate.load_balancer.save()
    assert operator.patch(path, {"scheduler": "source_hash"}).json()["scheduler"] == "source_hash"


def test_session_persistence_of_an_http_listener(operator, estate):
    path = f"{LIST}{estate.listener.public_id}/"
    assert "cookie_timeout_s" in fields_of(operator.patch(path, {"cookie_timeout_s": 0}))
    refused = operator.patch(path, {"sticky_enabled": True, "sticky_kind": "insert"})
    assert fields_of(refused).keys() == {"cookie_timeout_s"}
    values = {"sticky_enabled": True, "sticky_kind": "rewrite", "cookie_name": "JSESSIONID"}
    answer = operator.patch(path, values)
    assert answer.status_code == 200, answer.content
    assert {name: answer.json()[name] for name in values} == values


def test_it_is_stopped_started_and_deleted(operator, estate):
    path = f"{LIST}{estate.listener.public_id}/"
    assert operator.post(path + "stop/").json()["status"] == "stopped"
    assert operator.post(path + "start/").json()["status"] == "running"
    assert operator.delete(path).status_code == 204
    problem_of(operator.get(path), 404)


def test_another_region_or_load_balancer_has_no_part_in_it(operator, estate, values):
    other = estate.add_load_balancer("127.88.0.9")
    group = other.server_groups.get()
    answer = operator.post(LIST, values | {"server_group": group.public_id})
    assert "server_group" in fields_of(answer)


def test_its_health_names_each_server(operator, estate):
    health = operator.get(f"{LIST}{estate.listener.public_id}/health/").json()
    assert health["total"] == 3
    assert len(health["servers"]) == 3
