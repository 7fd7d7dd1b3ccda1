"""Every endpoint of the REST API x everyone (issue 4, section 4)."""

import json
from functools import partial
from typing import Any

import pytest
from django.urls import reverse

from tests.entrances.addresses import REST_METHODS, Address, addresses
from tests.entrances.people import Verdict, Who, verdict
from tests.entrances.rest_table import (
    BODIES,
    EXCEPTIONS,
    IN_USE,
    NOWHERE,
    ROWS,
    UNCHANGED,
    needs_of,
)
from tests.entrances.walking import Walk, undone

REFUSED = {Verdict.FORBIDDEN: 403, Verdict.UNSEEN: 404, Verdict.SIGN_IN_FIRST: 401}


def endpoints() -> list[Address]:
    found = (each for each in addresses() if each.route.startswith("api/"))
    return [each for each in found if each.name != NOWHERE]


def acts() -> list[tuple[str, Address]]:
    known = [(method, each) for each in endpoints() for method in sorted(each.methods or {"get"})]
    return [(f"{method} {each.name}", each) for method, each in known]


def test_the_table_knows_every_act():
    names = {name for name, _ in acts()}
    assert {name for name in names if not name.startswith("get ")} == set(BODIES)
    assert set(EXCEPTIONS) | IN_USE | UNCHANGED <= names
    assert all(each.name.rpartition("-")[0] or each.name in ROWS for each in endpoints())


@pytest.mark.parametrize("who", list(Who))
def test_everyone_gets_what_the_table_says(people, ids, who):
    walk, client = Walk(), people.rest(who)
    allowed = []
    with walk.leaving_no_trace():
        for name, address in acts():
            expected = verdict(who, needs_of(name), names_row=bool(address.parameters))
            if expected is Verdict.ALLOWED:
                allowed.append((name, address))
                continue
            answer = _send(client, name, address, ids)
            walk.expect(answer.status_code == REFUSED[expected], answer.status_code, name, who)
            walk.expect(answer["Content-Type"] == "application/problem+json", name, who)
            if expected is Verdict.FORBIDDEN:
                walk.expect("right" in answer.json()["details"], "which right?", name, who)
    for name, address in allowed:
        answer, acted = undone(partial(_send, client, name, address, ids))
        walk.expect(_is_done(name, answer), answer.status_code, name, who, answer.content[:300])
        must_act = name in BODIES and name not in IN_USE | UNCHANGED
        walk.expect(acted or not must_act, "no effect:", name, who)
    walk.end()


def test_no_endpoint_answers_another_method(people, ids):
    """reliability.md, section 1."""
    client, walk = people.rest(Who.ADMIN), Walk()
    known = {name for name, _ in acts()}
    for address in endpoints():
        for method in REST_METHODS:
            name = f"{method} {address.name}"
            if name not in known:
                answer = _send(client, name, address, ids)
                walk.expect(answer.status_code == 405, answer.status_code, name)
    walk.end()


@pytest.mark.parametrize("who", list(Who))
def test_other_addresses_are_nowhere(people, db, who):
    client = people.rest(who)
    for method in REST_METHODS:
        answer = client.generic(method.upper(), "/api/v1/nowhere", "{}", "application/json")
        assert answer.status_code == 404


def _is_done(name: str, answer: Any) -> bool:
    return answer.status_code == 409 if name in IN_USE else 200 <= answer.status_code < 300


def _send(client: Any, name: str, address: Address, ids: Any) -> Any:
    method = name.split(" ")[0].upper()
    kwargs = {key: _row(address, key, ids) for key in address.parameters}
    body = "" if method == "GET" else json.dumps(_filled(BODIES.get(name, {}), ids))
    return client.generic(method, reverse(address.name, kwargs=kwargs), body, "application/json")


def _row(address: Address, key: str, ids: Any) -> str:
    if key == "listener":
        return str(ids["https"])
    noun = max((each for each in ROWS if address.name.startswith(each)), key=len)
    return str(ids[ROWS[noun]])


def _filled(value: Any, ids: Any) -> Any:
    """Return the body with ids in the place of their names."""
    if isinstance(value, str):
        return value.format(**ids) if value.startswith("{") else value
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    return {k: _filled(v, ids) for k, v in value.items()} if isinstance(value, dict) else value
