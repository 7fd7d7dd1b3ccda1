"""What holds for every act: tried without effect, repeated without a second one, counted."""

import pytest
from django.core.cache import cache

from balancer.api import throttling
from balancer.models import Activity, BackendServer, IdempotencyKey, Listener, PublishHead
from tests.balancer.api.problems import problem_of

BALANCERS = "/api/v1/load-balancers/"
LISTENERS = "/api/v1/listeners/"


@pytest.fixture
def listener(estate):
    return {
        "load_balancer": estate.load_balancer.public_id,
        "protocol": "tcp",
        "port": 9000,
        "backend_port": 9000,
    }


# --- ?dry_run=true ---


def test_dry_run_tells_the_whole_change_and_stores_nothing(operator, estate, listener):
    """Issue 4, section 2: full validation, the exact diff, nothing written."""
    heads = list(PublishHead.objects.values())
    answer = operator.post(f"{LISTENERS}?dry_run=true", listener)
    assert (answer.status_code, "ETag" in answer) == (200, False)
    told = answer.json()
    assert (told["dry_run"], told["status"], told["answer"]["port"]) == (True, 201, 9000)
    (change,) = told["changes"]
    assert (change["action"], change["before"]) == ("listener.created", None)
    assert change["after"]["port"] == 9000
    assert not Listener.objects.filter(port=9000).exists()
    assert not Activity.objects.filter(action="listener.created").exists()
    assert list(PublishHead.objects.values()) == heads


def test_dry_run_says_whose_share_changes(operator, estate):
    a, b, c = estate.servers
    path = f"/api/v1/server-groups/{estate.group.public_id}/servers/"
    body = {"servers": [{"id": a.public_id, "weight": 0}]}
    told = operator.patch(f"{path}?dry_run=true", body).json()
    shares = {each["server"]: (each["before"], each["after"]) for each in told["shares"]}
    assert shares == {
        a.public_id: (50.0, 0.0),
        b.public_id: (30.0, 60.0),
        c.public_id: (20.0, 40.0),
    }
    assert BackendServer.objects.get(pk=a.pk).weight == 50


def test_dry_run_of_a_removal_shows_the_server_leave(operator, estate):
    a, b, c = estate.servers
    path = f"/api/v1/server-groups/{estate.group.public_id}/servers/remove/"
    told = operator.post(f"{path}?dry_run=true", {"servers": [c.public_id]}).json()
    assert told["status"] == 204
    assert told["answer"] is None
    gone = next(each for each in told["shares"] if each["server"] == c.public_id)
    assert (gone["before"], gone["after"]) == (20.0, None)


def test_dry_run_refuses_what_the_act_would_refuse(operator, viewer, estate, listener):
    refusal = problem_of(operator.post(f"{LISTENERS}?dry_run=true", listener | {"port": 0}), 400)
    assert [each["field"] for each in refusal["errors"]] == ["port"]
    problem_of(viewer.post(f"{LISTENERS}?dry_run=true", listener), 403)
    stale = operator.patch(
        f"{LISTENERS}{estate.listener.public_id}/?dry_run=true",
        {"name": "x"},
        headers={"If-Match": '"99"'},
    )
    problem_of(stale, 412)


def test_dry_run_is_true_or_false(operator, listener):
    refusal = problem_of(operator.post(f"{LISTENERS}?dry_run=maybe", listener), 400)
    assert [each["field"] for each in refusal["errors"]] == ["dry_run"]
    assert operator.post(f"{LISTENERS}?dry_run=false", listener).status_code == 201


# --- Idempotency-Key ---


def test_same_key_same_answer_one_change(operator, listener):
    """Issue 4, section 2: same key, same answer, one change."""
    key = {"Idempotency-Key": "create-9000"}
    first = operator.post(LISTENERS, listener, headers=key)
    again = operator.post(LISTENERS, listener, headers=key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first["ETag"] == again["ETag"]
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert Listener.objects.filter(port=9000).count() == 1
    assert Activity.objects.filter(action="listener.created").count() == 1


def test_a_refusal_is_repeated_too(operator, estate, listener):
    key = {"Idempotency-Key": "taken"}
    taken = listener | {"port": estate.listener.port}
    first = problem_of(operator.post(LISTENERS, taken, headers=key), 409)
    estate.listener.delete()
    assert problem_of(operator.post(LISTENERS, taken, headers=key), 409) == first


def test_a_key_names_one_request_of_one_user(operator, admin, listener):
    key = {"Idempotency-Key": "k"}
    operator.post(LISTENERS, listener, headers=key)
    other = listener | {"port": 9001}
    refusal = problem_of(operator.post(LISTENERS, other, headers=key), 409)
    assert refusal["code"] == "idempotency_key_reused"
    assert admin.post(LISTENERS, other, headers=key).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 129, "é"])
def test_a_key_is_visible_text(operator, listener, key):
    refusal = operator.post(LISTENERS, listener, headers={"Idempotency-Key": key})
    assert problem_of(refusal, 400)["errors"][0]["field"] == "Idempotency-Key"


def test_what_may_be_otherwise_in_a_moment_is_not_kept(operator, estate):
    path = f"{LISTENERS}{estate.listener.public_id}/"
    headers = {"Idempotency-Key": "later", "If-Match": '"99"'}
    problem_of(operator.patch(path, {"name": "x"}, headers=headers), 412)
    assert not IdempotencyKey.objects.exists()
    headers["If-Match"] = operator.get(path)["ETag"]
    assert operator.patch(path, {"name": "x"}, headers=headers).status_code == 200


def test_answers_with_secrets_are_never_stored(operator):
    answer = operator.post("/api/v1/tokens/", {"name": "ci"}, headers={"Idempotency-Key": "token"})
    assert "secret" in problem_of(answer, 400)["errors"][0]["messages"][0]
    assert not IdempotencyKey.objects.exists()


# --- rate limits ---


def test_every_answer_says_how_many_requests_are_left(
    operator, viewer, settings, estate, monkeypatch
):
    settings.OPENCLB_API_REQUESTS_PER_MIN = 3
    monkeypatch.setattr(throttling, "WINDOW_S", 10**9)  # none ends while the test runs
    cache.clear()
    left = [operator.get(BALANCERS)["RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = operator.get(BALANCERS)
    problem_of(refused, 429)
    assert refused["RateLimit-Limit"] == "3"
    assert int(refused["Retry-After"]) > 0
    assert viewer.get(BALANCERS).status_code == 200, "each caller is counted alone"
