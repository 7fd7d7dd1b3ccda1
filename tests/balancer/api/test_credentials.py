"""Tokens and access keys: shown once, kept as digest or encrypted, revoked for good."""

import hashlib

import pytest
from rest_framework.test import APIClient

from balancer.actors import Actor
from balancer.models import AccessKey, Activity, ApiToken
from balancer.rights import Role
from balancer.services import credentials
from tests.balancer.api.problems import fields_of, problem_of

SYSTEM = Actor.system("test")


def test_a_token_is_shown_once_and_works(operator):
    made = operator.post("/api/v1/tokens/", {"name": "deploy"}).json()
    assert made["secret"].startswith("oclb_")
    shown = operator.get(f"/api/v1/tokens/{made['id']}/")
    assert "secret" not in shown.json()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {made['secret']}")
    assert client.get("/api/v1/me/").json()["username"] == "the-operator"


def test_only_the_digest_of_a_token_is_stored(user_of):
    token, secret = credentials.create_api_token(
        actor=SYSTEM, user=user_of(Role.VIEWER), name="test"
    )
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert secret not in map(str, row.values())
    assert row["digest"] == hashlib.sha256(secret.encode()).hexdigest()


def test_the_record_holds_no_secret(operator):
    token = operator.post("/api/v1/tokens/", {"name": "deploy"}).json()
    key = operator.post("/api/v1/access-keys/", {}).json()
    for entry in Activity.objects.values():
        text = str(entry)
        assert token["secret"] not in text
        assert key["secret"] not in text


def test_a_revoked_token_is_refused_at_once(operator):
    made = operator.post("/api/v1/tokens/", {"name": "deploy"}).json()
    assert operator.delete(f"/api/v1/tokens/{made['id']}/").status_code == 204
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {made['secret']}")
    problem_of(client.get("/api/v1/me/"), 401)


def test_a_token_of_a_user_who_may_not_sign_in_is_refused(client_of, user_of):
    client = client_of(Role.OPERATOR)
    user = user_of(Role.OPERATOR)
    user.is_active = False
    user.save()
    problem_of(client.get("/api/v1/me/"), 401)


def test_the_last_use_is_noted_without_a_write_at_each_request(operator, django_assert_num_queries):
    operator.get("/api/v1/me/")
    token = ApiToken.objects.get()
    assert token.last_used_at is not None
    operator.get("/api/v1/me/")
    assert ApiToken.objects.get().last_used_at == token.last_used_at


@pytest.mark.parametrize("name", ["", " ", "a" * 81])
def test_a_token_needs_a_name(operator, name):
    assert fields_of(operator.post("/api/v1/tokens/", {"name": name})).keys() == {"name"}


def test_an_operator_sees_own_credentials_and_an_administrator_all(operator, admin, user_of):
    credentials.create_access_key(actor=SYSTEM, user=user_of(Role.VIEWER))
    credentials.create_access_key(actor=SYSTEM, user=user_of(Role.OPERATOR))
    assert operator.get("/api/v1/access-keys/").json()["count"] == 1
    assert admin.get("/api/v1/access-keys/").json()["count"] == 2


def test_an_operator_cannot_touch_credentials_of_others(operator, user_of):
    token, _ = credentials.create_api_token(actor=SYSTEM, user=user_of(Role.ADMIN), name="theirs")
    problem_of(operator.delete(f"/api/v1/tokens/{token.public_id}/"), 404)
    problem_of(operator.post("/api/v1/tokens/", {"name": "x", "user": "the-admin"}), 403)
    token.refresh_from_db()
    assert token.is_active


def test_an_administrator_makes_credentials_for_others(admin, user_of):
    user_of(Role.VIEWER)
    made = admin.post("/api/v1/access-keys/", {"user": "the-viewer"})
    assert made.status_code == 201
    assert made.json()["user"] == "the-viewer"
    answer = admin.post("/api/v1/access-keys/", {"user": "nobody"})
    assert fields_of(answer).keys() == {"user"}


def test_a_part_of_a_token_id_names_nothing(operator):
    made = operator.post("/api/v1/tokens/", {"name": "deploy"}).json()
    for wrong in (made["id"][:-1], "tok-", made["id"].removeprefix("tok-")):
        problem_of(operator.get(f"/api/v1/tokens/{wrong}/"), 404)


def test_the_secret_of_an_access_key_can_be_used_but_not_read_from_the_database(user_of):
    key, secret = credentials.create_access_key(actor=SYSTEM, user=user_of(Role.OPERATOR))
    row = AccessKey.objects.filter(pk=key.pk).values().get()
    assert secret not in str(row)
    assert credentials.reveal_secret(key) == secret


def test_an_access_key_is_disabled_and_enabled(operator):
    key = operator.post("/api/v1/access-keys/", {}).json()
    path = f"/api/v1/access-keys/{key['id']}/"
    assert operator.patch(path, {"is_active": False}).json()["is_active"] is False
    assert operator.patch(path, {"is_active": True}).json()["is_active"] is True
    actions = set(Activity.objects.values_list("action", flat=True))
    assert {"access_key.created", "access_key.disabled", "access_key.enabled"} <= actions


def test_me_names_roles_and_rights(viewer):
    assert viewer.get("/api/v1/me/").json() == {
        "username": "the-viewer",
        "roles": ["viewer"],
        "rights": ["view"],
    }


def test_an_access_key_is_deleted_once_it_is_disabled(operator):
    key = operator.post("/api/v1/access-keys/", {}).json()
    path = f"/api/v1/access-keys/{key['id']}/"
    assert problem_of(operator.delete(path), 409)["code"] == "access_key_enabled"
    again = {"Idempotency-Key": "off"}  # only the answer that has the secret is never kept
    for _ in range(2):
        assert operator.patch(path, {"is_active": False}, headers=again).status_code == 200
    assert operator.delete(path).status_code == 204
    problem_of(operator.get(path), 404)


def test_lists_of_credentials_are_filtered(admin, operator):
    operator.post("/api/v1/tokens/", {"name": "ci"})
    owner = operator.get("/api/v1/me/").json()["username"]
    keys = [operator.post("/api/v1/access-keys/", {}).json()["id"] for _ in range(2)]
    operator.patch(f"/api/v1/access-keys/{keys[0]}/", {"is_active": False})

    def found(query: str) -> set[str]:
        answer = admin.get(f"/api/v1/{query}").json()
        return {each.get("name", each["id"]) for each in answer["results"]}

    assert found(f"access-keys/?user={owner}&is_active=true") == {keys[1]}
    assert found("access-keys/?is_active=false") == {keys[0]}
    assert found(f"tokens/?user={owner}") == {"test", "ci"}
    assert found("tokens/?user=nobody") == set()
    assert fields_of(admin.get("/api/v1/tokens/?is_active=yes")).keys() == {"is_active"}
