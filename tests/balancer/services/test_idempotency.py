"""A client's own name for a request: same name, same answer, one change."""

import pytest

from balancer.exceptions import Conflict, Invalid
from balancer.models import IdempotencyKey, Region
from balancer.rights import Role
from balancer.services.idempotency import answer_once


@pytest.fixture
def ask(user_of):
    calls = []

    def once(key="k", request=None, fail=False, user=None):
        def make():
            calls.append(key)
            Region.objects.create(public_id=f"cn-{len(calls)}", name="x")
            if fail:
                raise Invalid("bad", "It is bad.")
            return {"number": len(calls)}

        return answer_once(
            user=user or user_of(Role.OPERATOR),
            scope="test",
            key=key,
            request=request or {"name": "x"},
            make=make,
        )

    once.calls = calls
    return once


def test_second_request_gets_the_first_answer(ask):
    assert ask() == ask() == {"number": 1}
    assert len(ask.calls) == 1


def test_other_keys_and_other_people_are_apart(ask, user_of):
    assert [ask(), ask("l"), ask(user=user_of(Role.ADMIN))] == [
        {"number": 1},
        {"number": 2},
        {"number": 3},
    ]


def test_other_request_under_the_same_key_is_refused(ask):
    ask()
    with pytest.raises(Conflict) as refusal:
        ask(request={"name": "y"})
    assert refusal.value.code == "idempotency_key_reused"
    assert len(ask.calls) == 1


def test_failure_leaves_neither_key_nor_change(ask):
    with pytest.raises(Invalid):
        ask(fail=True)
    assert not IdempotencyKey.objects.exists()
    assert not Region.objects.exists()
    assert ask() == {"number": 2}
