"""Signing in and out, and what users set for themselves."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from balancer.models import UserPreference
from balancer.rights import Role
from tests.console.markup import check_markup

pytestmark = pytest.mark.django_db
LIST = "/console/cn-test/instances"


@pytest.fixture
def person(user_of):
    user = user_of(Role.OPERATOR)
    user.set_password("right horse")
    user.save()
    return user


def test_login_returns_to_the_page_that_was_asked_for(client: Client, person: User, estate):
    asked = client.get(LIST)
    assert asked.status_code == 302
    page = client.get(asked["Location"])
    check_markup(page.content.decode())
    given = {"username": person.username, "password": "right horse", "next": LIST}
    response = client.post("/login/", given)
    assert response["Location"] == LIST
    assert client.get(LIST).status_code == 200


def test_wrong_password_says_so_and_signs_nobody_in(client: Client, person: User):
    response = client.post("/login/", {"username": person.username, "password": "wrong"})
    assert "User name or password is wrong" in response.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(("keep", "ends_with_browser"), [({"keep": "on"}, False), ({}, True)])
def test_session_ends_with_the_browser_unless_kept(client, person, keep, ends_with_browser):
    client.post("/login/", {"username": person.username, "password": "right horse", **keep})
    assert client.session.get_expire_at_browser_close() is ends_with_browser


def test_login_never_leaves_the_site(client, person):
    given = {"username": person.username, "password": "right horse", "next": "https://evil.test/"}
    assert client.post("/login/", given)["Location"] == "/"


def test_logout_needs_a_post(operator):
    assert operator.get("/logout/").status_code == 405
    assert operator.post("/logout/").status_code == 302
    assert "_auth_user_id" not in operator.session


@pytest.mark.parametrize(
    ("given", "field", "kept"),
    [
        ({"theme": "dark"}, "theme", "dark"),
        ({"navigation_folded": "1"}, "navigation_folded", True),
        ({"closed_banner": "default-group"}, "closed_banners", ["default-group"]),
    ],
)
def test_preference_is_kept_with_and_without_script(operator, user_of, given, field, kept):
    assert operator.post("/console/preferences", {**given, "next": LIST})["Location"] == LIST
    assert operator.htmx("post", "/console/preferences", given).status_code == 200
    preference = UserPreference.objects.get(user=user_of(Role.OPERATOR))
    assert getattr(preference, field) == kept


def test_theme_and_folded_navigation_are_on_the_page(operator, estate):
    operator.post("/console/preferences", {"theme": "dark"})
    operator.post("/console/preferences", {"navigation_folded": "1"})
    text = operator.get(LIST).content.decode()
    assert 'data-theme="dark"' in text
    assert "is-nav-folded" in text


@pytest.mark.parametrize("given", [{"theme": "pink"}, {"closed_banner": "<b>"}])
def test_unknown_preference_is_refused(operator, given):
    assert operator.post("/console/preferences", given).status_code == 400


def test_preference_never_leads_off_the_site(operator):
    given = {"theme": "dark", "next": "//evil.test/"}
    assert operator.post("/console/preferences", given)["Location"] == "/"
