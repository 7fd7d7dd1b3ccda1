"""Whatever is sent, the API answers in its own shape and never with a 5xx (reliability, list 1)."""

import json

import pytest
from django.test import Client
from rest_framework.test import APIClient

from balancer.models import LoadBalancer
from balancer.rights import Role
from tests.balancer.api.problems import fields_of, problem_of

LIST = "/api/v1/load-balancers/"


def send(client: APIClient, body: bytes, content_type: str = "application/json"):
    return client.generic("POST", LIST, body, content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"region": 1e999}', id="infinite-number-for-a-relation"),
        pytest.param(b"[" * 50_000, id="deep-nesting"),
        pytest.param(b'{"region": ' + b"9" * 4000 + b"}", id="huge-number-for-a-relation"),
        pytest.param(b'{"region": {"a": [1]}}', id="object-for-a-relation"),
        pytest.param(b'{"region": null}', id="null"),
        pytest.param(b"[]", id="list-for-an-object"),
        pytest.param(b"5", id="number-for-an-object"),
        pytest.param(b'"text"', id="text-for-an-object"),
        pytest.param(b"null", id="null-for-an-object"),
        pytest.param(rb'{"\ud800": 1}', id="broken-name"),
        pytest.param(b'{"name": "a\\u0000b", "region": "cn-test"}', id="zero-byte"),
        pytest.param(b"\xff\xfe", id="not-text"),
        pytest.param(b'{"deletion_protection": "yes", "region": "cn-test"}', id="text-for-a-flag"),
        pytest.param(b'{"address": 5, "region": "cn-test"}', id="number-for-an-address"),
    ],
)
def test_strange_bodies_are_refused_and_nothing_is_stored(operator, estate, body):
    problem_of(send(operator, body), 400)
    assert LoadBalancer.objects.count() == 1


def test_an_unknown_member_is_an_error_at_its_name(operator, estate):
    answer = operator.post(LIST, {"region": "cn-test", "naem": "web", "edit_number": 3})
    assert fields_of(answer).keys() == {"naem", "edit_number"}


def test_all_errors_of_the_input_come_at_once(operator, estate):
    answer = operator.post(LIST, {"deletion_protection": 1, "backup_zone": "nowhere", "naem": ""})
    assert fields_of(answer).keys() == {
        "region",
        "deletion_protection",
        "backup_zone",
        "naem",
    }


def test_a_body_over_the_limit_is_413(operator, estate, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    problem = problem_of(send(operator, json.dumps({"name": "a" * 2000}).encode()), 413)
    assert problem["code"] == "body_too_large"


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense", ""],
)
def test_another_media_type_is_415(operator, estate, content_type):
    problem_of(send(operator, b"region=cn-test", content_type), 415)


def test_form_input_over_a_session_is_415_too(user_of, estate):
    client = Client()
    client.force_login(user_of(Role.OPERATOR))
    answer = client.post(LIST, {"region": "cn-test"})
    problem_of(answer, 415)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_another_method_is_405_and_says_which_are_allowed(operator, estate, method):
    answer = operator.generic(method, LIST)
    problem_of(answer, 405)
    assert set(answer["Allow"].split(", ")) == {"GET", "POST", "HEAD"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["nothing/", "load-balancers/%00/", "load-balancers/a/b/c", "%ff"])
def test_an_address_that_leads_nowhere_is_404_in_the_same_shape(operator, estate, method, path):
    problem_of(operator.generic(method, "/api/v1/" + path), 404)


def test_an_unknown_id_is_404(operator, estate):
    assert problem_of(operator.get(LIST + "lb-unknown/"), 404)["code"] == "load_balancer_not_found"


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=-1",
        "page=1e9",
        "page=99999999999999999999999",
        "page=%D9%A1",
        "page=",
        "page_size=0",
        "page_size=201",
        "page_size=ten",
        "ordering=password",
        "ordering=-edit_number",
        "status=asleep",
        "regoin=cn-test",
        "search=" + "a" * 1000,
        "search=%00",
        "region=%00",
        "name=%00",
    ],
)
def test_wrong_parameters_of_a_list_are_field_errors(operator, estate, query):
    answer = operator.get(f"{LIST}?{query}")
    name = query.partition("=")[0]
    assert fields_of(answer).keys() == {name}


@pytest.mark.parametrize("port", ["0", "65536", "1e9", "9" * 400, "８０", "+80", "80.0"])
def test_wrong_ports_in_a_filter_are_field_errors(operator, estate, port):
    answer = operator.get("/api/v1/listeners/", {"port": port})
    assert fields_of(answer).keys() == {"port"}


def test_a_page_past_the_end_is_404(operator, estate):
    problem_of(operator.get(LIST + "?page=7"), 404)


def test_the_slash_at_the_end_is_optional(operator, estate):
    assert operator.get("/api/v1/load-balancers").status_code == 200
    assert operator.get(f"{LIST}{estate.load_balancer.public_id}").status_code == 200


def test_the_accept_header_changes_nothing(operator, estate):
    answer = operator.get(LIST, HTTP_ACCEPT="text/html")
    assert answer["Content-Type"] == "application/json"


def test_nobody_gets_401_and_is_told_how_to_sign_in(estate):
    answer = APIClient().get(LIST)
    problem_of(answer, 401)
    assert answer["WWW-Authenticate"].startswith("Token")


@pytest.mark.parametrize(
    "header", ["Token oclb_wrong", "Token", "Token a b", "token \xff", "Token " + "x" * 5000]
)
def test_a_wrong_token_gets_401(estate, header):
    client = APIClient()
    answer = client.get(LIST, HTTP_AUTHORIZATION=header)
    assert problem_of(answer, 401)["code"] == "bad_token"


def test_a_session_needs_the_csrf_token_to_write(user_of, estate):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(user_of(Role.OPERATOR))
    assert client.get(LIST).status_code == 200
    problem_of(client.post(LIST, {"region": "cn-test"}), 403)
    assert LoadBalancer.objects.count() == 1


def test_a_stranger_with_a_session_but_no_role_sees_nothing(django_user_model, estate):
    client = APIClient()
    client.force_authenticate(django_user_model.objects.create_user("stranger"))
    problem_of(client.get(LIST), 403)
