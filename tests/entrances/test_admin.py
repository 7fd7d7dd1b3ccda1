"""Every page of the Django admin x everyone (issue 4, section 4)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from balancer.models import LoadBalancer
from tests.entrances.addresses import addresses
from tests.entrances.admin_table import ELSEWHERE, MODELS, PAGES, Rules
from tests.entrances.people import Needs, Verdict, Who, verdict
from tests.entrances.walking import Walk, undone

DOOR = "/admin/login/"
ACTS = ("changelist", "add", "change", "delete", "history")
Step = tuple[str, str, str, Needs | None, dict[str, Any]]
"""What it is called, the method, the address, what it asks, and what is sent."""


def name_of(model: type[Model], page: str) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}_{page}"


def steps(model: type[Model], rules: Rules) -> Iterator[Step]:
    row = model._default_manager.order_by("pk").first()
    pk = row.pk if row else 1
    for page, get, post in (
        ("changelist", _of_list(rules.view), None),
        ("add", rules.add, rules.add),
        ("change", rules.view, rules.change),
        ("delete", rules.delete, rules.delete),
        ("history", rules.view, None),
    ):
        if page == "history" and row is None:
            continue
        names_row = page not in ("changelist", "add")
        url = reverse(f"admin:{name_of(model, page)}", args=[pk] if names_row else [])
        yield f"get {model.__name__} {page}", "get", url, get, {}
        if page in ("add", "change", "delete"):
            values = {"post": "yes"} if page == "delete" else {}
            yield f"post {model.__name__} {page}", "post", url, post, values


def _of_list(view: Needs) -> Needs:
    """Everyone with a role may open a list of which they see their own rows only."""
    return Needs.VIEW if view is Needs.OTHERS else view


def test_the_table_knows_every_model_and_page():
    registered = admin.site._registry
    assert {model.__name__ for model in registered} == set(MODELS)
    known = {name_of(model, page) for model in registered for page in ACTS}
    found = {each.name for each in addresses() if each.route.startswith("admin/")}
    assert found == known | set(PAGES) | ELSEWHERE


@pytest.mark.parametrize("who", list(Who))
def test_everyone_gets_what_the_table_says(people, ids, who):
    walk, client, allowed = Walk(), people.browser(who), []
    pages: list[Step] = [
        (name, "get", _address_of(name), needs, {}) for name, needs in PAGES.items()
    ]
    for model in admin.site._registry:
        pages += steps(model, MODELS[model.__name__])
    with walk.leaving_no_trace():
        for name, method, url, needs, values in pages:
            if needs is not None and verdict(who, needs) is Verdict.ALLOWED:
                allowed.append((name, method, url, values))
            else:
                answer = getattr(client, method)(url, values)
                walk.expect(_is_refused(who, needs, answer), answer.status_code, name, who)
        _try_actions(client, who)
    for name, method, url, values in allowed:
        answer, _ = undone(partial(getattr(client, method), url, values))
        is_done = answer.status_code in (200, 302) and not _leads_to(answer, DOOR)
        walk.expect(is_done, answer.status_code, name, who)
    walk.end()


def _address_of(page: str) -> str:
    return reverse(f"admin:{page}", kwargs={"app_label": "balancer"} if page == "app_list" else {})


def _is_refused(who: Who, needs: Needs | None, answer: Any) -> bool:
    """Tell whether the refusal is the right one; who has no role does not get past the door."""
    if who in (Who.NOBODY, Who.NO_ROLE):
        return _leads_to(answer, DOOR)
    if needs is not None and verdict(who, needs) is Verdict.UNSEEN:
        # Django's way to say that there is no such row: back to the first page.
        return answer.status_code == 403 or _leads_to(answer, "/admin/")
    return bool(answer.status_code == 403)


def _leads_to(answer: Any, start: str) -> bool:
    target = str(answer.headers.get("Location", ""))
    return answer.status_code == 302 and (
        target == start if start == "/admin/" else target.startswith(start)
    )


def _try_actions(client: Client, who: Who) -> None:
    """Send every action on every row to the lists of those who may not carry them out."""
    for model, model_admin in admin.site._registry.items():
        rules = MODELS[model.__name__]
        for action in ("delete_selected", *(model_admin.actions or ())):
            needs = rules.delete if action == "delete_selected" else rules.change
            if needs is None or verdict(who, needs) is not Verdict.ALLOWED:
                keys = list(model._default_manager.values_list("pk", flat=True))
                url = reverse(f"admin:{name_of(model, 'changelist')}")
                given = {"action": action, "_selected_action": keys, "post": "yes"}
                client.post(url, given)


@pytest.mark.parametrize("who", [Who.NO_ROLE, Who.NOBODY])
def test_who_may_not_enter_is_told_so(people, db, who):
    """Staff without a role is not sent round in circles between two login pages."""
    answer = people.browser(who).get("/admin/", follow=True)
    assert answer.status_code == (403 if who is Who.NO_ROLE else 200)
    assert answer.redirect_chain[-1][0].startswith(DOOR if who is Who.NO_ROLE else "/login/")


@pytest.mark.parametrize("who", list(Who))
def test_pages_beside_those_of_the_models(people, ids, who):
    """Other people's passwords are for administrators, the key of a second factor for nobody."""
    client, theirs = people.browser(who), people.user(Who.ADMIN)
    device = TOTPDevice.objects.create(user=theirs, confirmed=True)
    for page in ("config", "qrcode"):
        answer = client.get(reverse(f"admin:otp_totp_totpdevice_{page}", args=[device.pk]))
        assert answer.status_code in (302, 403)
    password = client.get(reverse("admin:auth_user_password_change", args=[theirs.pk]))
    assert (password.status_code == 200) is (who is Who.ADMIN)
    found = client.get("/admin/autocomplete/", {"term": "the"} | _field("server", "group"))
    assert (found.status_code == 200) is (who not in (Who.NO_ROLE, Who.NOBODY))
    kind = ContentType.objects.get_for_model(LoadBalancer).pk
    row = LoadBalancer.objects.get(public_id=ids["load_balancer_id"]).pk
    target = client.get(reverse("admin:view_on_site", args=[kind, row])).headers["Location"]
    assert target.startswith(DOOR) is (who in (Who.NO_ROLE, Who.NOBODY))


def _field(model: str, name: str) -> dict[str, str]:
    return {"app_label": "balancer", "model_name": f"backend{model}", "field_name": name}
