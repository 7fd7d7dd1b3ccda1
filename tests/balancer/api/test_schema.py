"""The OpenAPI document describes what is there, and its page runs under the strict policy."""

import json

import pytest
from drf_spectacular.validation import validate_schema

from balancer.api.urls import version_1


@pytest.fixture
def document(client, db):
    answer = client.get("/api/schema/")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/")
    return json.loads(answer.content)


def test_it_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    validate_schema(document)


def test_making_it_warns_of_nothing(db, capsys):
    from django.core.management import call_command

    call_command("spectacular", "--fail-on-warn", "--validate", "--file", "/dev/null")


def test_every_noun_is_in_it(document):
    paths = document["paths"]
    nouns = {path.split("/")[3] for path in paths}
    assert nouns >= {"load-balancers", "listeners", "server-groups", "backend-servers", "proxies"}
    assert len(version_1) > 0


def test_operations_name_their_refusals(document):
    operation = document["paths"]["/api/v1/load-balancers/{id}/"]["patch"]
    assert {"200", "400", "401", "403", "404", "409", "412"} <= set(operation["responses"])
    assert any(each.get("name") == "If-Match" for each in operation["parameters"])


def test_acts_and_reads_name_the_tags_they_take(document):
    paths = document["paths"]
    start = paths["/api/v1/listeners/{id}/start/"]["post"]
    assert "412" in start["responses"]
    assert any(each.get("name") == "If-Match" for each in start["parameters"])
    read = paths["/api/v1/listeners/{id}/"]["get"]
    assert "304" in read["responses"]
    assert any(each.get("name") == "If-None-Match" for each in read["parameters"])
    members = paths["/api/v1/server-groups/{id}/servers/"]
    shapes = {verb: members[verb]["responses"] for verb in ("put", "patch", "post")}
    for verb, status in (("put", "200"), ("patch", "200"), ("post", "201")):
        schema = shapes[verb][status]["content"]["application/json"]["schema"]
        rows, told_dry = schema["anyOf"] if status == "200" else (schema, None)
        assert rows["type"] == "array", verb  # all rows of the act, and no page of them


def test_yaml_is_there_for_those_who_ask(client, db):
    answer = client.get("/api/schema/", HTTP_ACCEPT="application/yaml")
    assert answer.content.startswith(b"openapi: 3.1")


def test_the_page_has_no_script_and_no_style_of_its_own(client, db):
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script src=") == page.count("<script") == 2
