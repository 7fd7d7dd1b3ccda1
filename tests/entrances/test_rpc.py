"""Every action of the RPC API x everyone (issue 4, section 4)."""

from functools import partial

import pytest

import balancer.rpc.actions  # noqa: F401  (fills the registry)
from balancer.rpc.registry import action_names
from tests.entrances.people import Verdict, Who, verdict
from tests.entrances.rpc_table import EXCEPTIONS, GIVEN, UNCHANGED, needs_of, parameters
from tests.entrances.walking import Walk, undone

REFUSED = {
    Verdict.FORBIDDEN: (403, "Forbidden.RAM"),
    Verdict.UNSEEN: (404, ".NotFound"),
    Verdict.SIGN_IN_FIRST: (404, "InvalidAccessKeyId.NotFound"),
}


def test_the_table_names_actions_that_there_are():
    assert set(GIVEN) | set(EXCEPTIONS) | UNCHANGED <= action_names()


@pytest.mark.parametrize("who", list(Who))
def test_everyone_gets_what_the_table_says(people, ids, who):
    """An action that the table has no parameters for is refused to operators, and fails here."""
    walk, client, allowed = Walk(), people.rpc(who), []
    with walk.leaving_no_trace():
        for name in sorted(action_names()):
            expected = verdict(who, needs_of(name))
            if expected is Verdict.ALLOWED:
                allowed.append(name)
                continue
            answer = client.send(name, **parameters(name, ids))
            status, code = REFUSED[expected]
            told = answer.json()["Code"]
            is_right = answer.status_code == status and told.endswith(code)
            walk.expect(is_right, answer.status_code, told, name, who)
    for name in allowed:
        answer, acted = undone(partial(client.send, name, **parameters(name, ids)))
        walk.expect(answer.status_code == 200, name, who, answer.content)
        must_act = needs_of(name) == "change" and name not in UNCHANGED
        walk.expect(acted or not must_act, "no effect:", name, who)
    walk.end()
