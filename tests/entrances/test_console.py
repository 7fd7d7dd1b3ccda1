"""Every address of the console x everyone (issue 4, section 4)."""

from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.entrances.addresses import Address, addresses
from tests.entrances.console_table import ACTED, PAGES, VALUES
from tests.entrances.people import Needs, Verdict, Who, verdict
from tests.entrances.walking import Walk, undone

OTHERS = ("admin/", "api/")
LOGIN = "/login/"
REFUSED = {Verdict.FORBIDDEN: 403, Verdict.UNSEEN: 404}
DONE = frozenset({200, 302, 409, 422, 503})
"""Allowed; an act without its values is told what is missing, or that something is in the way.

503 is what /readyz answers here, where no proxy runs.
"""


def pages() -> list[Address]:
    return [each for each in addresses() if each.name in PAGES and each.route[:6] != OTHERS[0]]


def test_the_table_knows_every_address():
    assert {each.name for each in addresses() if not each.route.startswith(OTHERS)} == set(PAGES)


@pytest.mark.parametrize("who", list(Who))
def test_everyone_gets_what_the_table_says(people, ids, who):
    walk, client, allowed = Walk(), people.browser(who), []
    with walk.leaving_no_trace():
        for page in pages():
            for method, needs in zip(("get", "post"), PAGES[page.name], strict=True):
                if needs is not None and _verdict(who, page, needs) is Verdict.ALLOWED:
                    allowed.append((method, page))
                else:
                    answer = _send(client, method, page, ids)
                    walk.expect(*_judge(who, page, needs, answer), method, page.name, who)
    for method, page in sorted(allowed, key=lambda step: step[1].name == "logout"):
        answer, acted = undone(partial(_send, client, method, page, ids))
        _judge_allowed(walk, answer, f"{method} {page.name} {who}")
        must_act = method == "post" and page.name in ACTED
        walk.expect(acted or not must_act, "no effect:", method, page.name, who)
    walk.end()


def test_no_form_of_another_site_is_taken(people, ids):
    """A session alone acts nowhere: each form, and each act over REST, carries our own token."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people.user(Who.ADMIN))
    walk = Walk()
    with walk.leaving_no_trace():
        for page in pages():
            if PAGES[page.name][1] is not None:
                answer = _send(browser, "post", page, ids)
                walk.expect(answer.status_code == 403, answer.status_code, page.name)
        for path in ("/api/v1/load-balancers", "/admin/auth/user/add/"):
            walk.expect(browser.post(path, {}).status_code == 403, path)
    walk.end()


def test_no_address_answers_another_method(people, ids):
    """reliability.md, section 1."""
    walk, client = Walk(), people.browser(Who.ADMIN)
    for page in pages():
        for method in ("put", "patch", "delete"):
            answer = _send(client, method, page, ids)
            walk.expect(answer.status_code == 405, answer.status_code, method, page.name)
    walk.end()


def _verdict(who: Who, page: Address, needs: Needs) -> Verdict:
    return verdict(who, needs, names_row=bool(page.parameters))


def _send(client: Any, method: str, page: Address, ids: Any) -> Any:
    url = reverse(page.name, kwargs={name: ids[name] for name in page.parameters})
    return getattr(client, method)(url, VALUES.get(page.name, {}) if method == "post" else {})


def _judge(who: Who, page: Address, needs: Needs | None, answer: Any) -> tuple[bool, object]:
    """Tell whether a refusal is the right one; a login comes before a wrong method is noticed."""
    if needs is None:
        asks_login = who is Who.NOBODY and _leads_to_login(answer)
        return answer.status_code == 405 or asks_login, answer.status_code
    expected = _verdict(who, page, needs)
    if expected is Verdict.SIGN_IN_FIRST:
        return _leads_to_login(answer), answer.status_code
    return answer.status_code == REFUSED[expected], answer.status_code


def _judge_allowed(walk: Walk, answer: Any, what: str) -> None:
    is_done = answer.status_code in DONE
    if "login" not in what and "logout" not in what:
        is_done = is_done and not _leads_to_login(answer)
    walk.expect(is_done, answer.status_code, what)


def _leads_to_login(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(LOGIN)
