"""The same request sent twice at the same moment under one Idempotency-Key (issue 4, section 2)."""

import pytest
from rest_framework.test import APIClient

from balancer.actors import Actor
from balancer.models import Activity, IdempotencyKey, ServerGroup
from balancer.rights import Role
from balancer.services.credentials import create_api_token
from tests.balancer.races import announced, at_once

__all__ = ["announced"]

pytestmark = pytest.mark.usefixtures("transactional_db", "announced")
GROUPS = "/api/v1/server-groups/"
TWINS = 4


@pytest.fixture
def send(user_of, estate):
    """Return a function that sends one request as the same operator each time."""
    _, secret = create_api_token(
        actor=Actor.system("test"), user=user_of(Role.OPERATOR), name="test"
    )

    def post(path: str, body: dict[str, object], key: str):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        return client.post(path, body, headers={"Idempotency-Key": key})

    return post


def test_one_makes_the_change_and_all_get_its_answer(send, estate):
    body = {"load_balancer": estate.load_balancer.public_id, "kind": "vserver", "name": "blue"}
    answers = at_once(*[lambda: send(GROUPS, body, "twin")] * TWINS)
    assert [answer.status_code for answer in answers] == [201] * TWINS
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == TWINS - 1
    assert ServerGroup.objects.filter(name="blue").count() == 1
    assert Activity.objects.filter(action="server_group.created").count() == 1
    assert IdempotencyKey.objects.count() == 1


def test_of_two_requests_under_one_key_the_second_is_refused(send, estate):
    def make(name: str):
        body = {"load_balancer": estate.load_balancer.public_id, "kind": "vserver", "name": name}
        return send(GROUPS, body, "twin")

    answers = at_once(lambda: make("blue"), lambda: make("green"))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "idempotency_key_reused"
    assert ServerGroup.objects.filter(name__in=["blue", "green"]).count() == 1


def test_a_drain_sent_twice_at_once_is_one_act(send, estate):
    server = estate.servers[0]
    path = f"/api/v1/backend-servers/{server.public_id}/drain/"
    answers = at_once(*[lambda: send(path, {}, "drain")] * TWINS)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Activity.objects.filter(action="server.weight_changed").count() == 1
