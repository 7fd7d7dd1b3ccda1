"""Certificates over REST: keys go in and never come out; domains of a listener below it."""

import pytest

from balancer.models import Certificate, PublishHead
from tests.balancer.api.problems import fields_of, problem_of
from tests.certificates import authority, certificate_for, issue

CERTIFICATES = "/api/v1/certificates/"
DOMAIN = "shop.example"


def upload(operator, *domains: str, **changes: object) -> dict:
    issued = certificate_for(*domains)
    body = {
        "region": "cn-test",
        "name": domains[0],
        "certificate_pem": issued.chain_pem,
        "private_key_pem": issued.key_pem,
    }
    answer = operator.post(CERTIFICATES, body | changes)
    assert answer.status_code == 201, answer.content
    assert b"PRIVATE KEY" not in answer.content
    return answer.json()


@pytest.fixture
def shop(operator, estate) -> dict:
    return upload(operator, DOMAIN)


@pytest.fixture
def listener(operator, estate, shop) -> dict:
    body = {
        "load_balancer": estate.load_balancer.public_id,
        "protocol": "https",
        "port": 443,
        "backend_port": 8080,
        "certificate": shop["id"],
        "tls_policy": "tls_1_2_strict",
        "http2_enabled": True,
        "start": True,
    }
    answer = operator.post("/api/v1/listeners/", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_certificate_is_read_and_found(operator, shop):
    assert (shop["kind"], shop["common_name"], shop["domains"]) == ("server", DOMAIN, [DOMAIN])
    assert shop["certificate_pem"] == certificate_for(DOMAIN).pem
    page = operator.get(CERTIFICATES, {"kind": "server", "search": DOMAIN})
    assert [each["id"] for each in page.json()["results"]] == [shop["id"]]
    assert b"PRIVATE" not in page.content
    assert b"sealed" not in page.content


def test_an_authority_has_no_key(operator, estate):
    body = {"region": "cn-test", "name": "ca", "kind": "ca", "certificate_pem": authority().pem}
    assert operator.post(CERTIFICATES, body).status_code == 201
    refused = operator.post(CERTIFICATES, body | {"private_key_pem": authority().key_pem})
    assert fields_of(refused).keys() == {"private_key_pem"}


def test_replaced_content_is_published(operator, shop, listener):
    assert (listener["certificate"], listener["http2_enabled"]) == (shop["id"], True)
    before = PublishHead.objects.get().wanted
    fresh = issue(DOMAIN, domains=[DOMAIN])
    path = f"{CERTIFICATES}{shop['id']}/"
    body = {"name": "fresh", "certificate_pem": fresh.pem, "private_key_pem": fresh.key_pem}
    answer = operator.patch(path, body)
    assert answer.status_code == 200, answer.content
    assert b"PRIVATE" not in answer.content
    assert answer.json()["fingerprint"] != shop["fingerprint"]
    assert answer.json()["name"] == "fresh"
    assert PublishHead.objects.get().wanted == before + 1
    stale = operator.patch(path, {"name": "late"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    alone = operator.patch(path, {"private_key_pem": fresh.key_pem})
    assert fields_of(alone).keys() == {"certificate_pem"}


def test_a_wrong_key_names_its_field_and_is_not_repeated(operator, shop):
    body = {
        "region": "cn-test",
        "name": "x",
        "certificate_pem": certificate_for(DOMAIN).pem,
        "private_key_pem": certificate_for("other.example").key_pem,
    }
    refused = operator.post(CERTIFICATES, body)
    assert fields_of(refused).keys() == {"private_key_pem"}
    assert b"BEGIN" not in refused.content


def test_used_certificate_is_kept(operator, shop, listener):
    path = f"{CERTIFICATES}{shop['id']}/"
    problem = problem_of(operator.delete(path), 409)
    assert problem["code"] == "certificate_in_use"
    operator.delete(f"/api/v1/listeners/{listener['id']}/")
    assert operator.delete(path).status_code == 204
    assert not Certificate.objects.exists()


def test_domains_below_a_listener(operator, estate, listener):
    other = upload(operator, "other.example")
    third = upload(operator, "*.other.example", name="any")
    path = f"/api/v1/listeners/{listener['id']}/domain-certificates/"
    answer = operator.post(path, {"domain": "Other.example", "certificate": other["id"]})
    assert answer.status_code == 201, answer.content
    row = answer.json()
    assert (row["domain"], row["listener"]) == ("other.example", listener["id"])
    again = operator.post(path, {"domain": "other.example", "certificate": other["id"]})
    assert fields_of(again).keys() == {"domain"}
    changed = operator.patch(f"{path}{row['id']}/", {"certificate": third["id"]})
    assert changed.json()["certificate"] == third["id"]
    assert operator.get(path).json()["count"] == 1
    plain = f"/api/v1/listeners/{estate.listener.public_id}/domain-certificates/"
    assert operator.get(f"{plain}{row['id']}/").status_code == 404
    refused = operator.post(plain, {"domain": "x.example", "certificate": other["id"]})
    assert problem_of(refused, 409)["code"] == "not_https"
    assert operator.delete(f"{path}{row['id']}/").status_code == 204
    assert operator.get(path).json()["count"] == 0
