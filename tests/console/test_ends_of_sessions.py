"""What a session, token or key is worth ends when it must (issue 4, section 4)."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from balancer.actors import Actor
from balancer.models import Activity
from balancer.rights import Role
from balancer.services.credentials import create_access_key, create_api_token
from tests.balancer.rpc.caller import Refused, RpcClient
from tests.console.markup import check_markup

pytestmark = pytest.mark.django_db
PASSWORD, NEW_PASSWORD = "right horse", "another battery staple"
PAGE = "/console/access-keys"


def made(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def person(user_of) -> User:
    return made(user_of(Role.OPERATOR))


@pytest.fixture
def boss(user_of) -> User:
    return made(user_of(Role.ADMIN))


def sign_in(user: User, password: str = PASSWORD, client: Client | None = None) -> Client:
    client = client or Client()
    client.post("/login/", {"username": user.username, "password": password})
    return client


def is_signed_in(client: Client) -> bool:
    return bool(client.get(PAGE).status_code == 200)


def test_signing_in_takes_a_new_session(person):
    """Whoever planted the session before does not know the one after."""
    client = Client()
    planted = client.session
    planted["seen"] = True
    planted.save()
    sign_in(person, client=client)
    assert is_signed_in(client)
    assert client.session.session_key != planted.session_key
    assert not client.session.exists(planted.session_key)


def test_signing_out_ends_the_session_on_the_server(person):
    client = sign_in(person)
    stolen = Client()
    stolen.cookies.load(client.cookies.output(header="", sep=";"))
    assert is_signed_in(stolen)
    client.post("/logout/")
    assert not is_signed_in(stolen)


@pytest.mark.parametrize("page", ["/console/password", "/admin/password_change/"])
def test_a_new_password_ends_all_other_sessions(person, page):
    here, elsewhere = sign_in(person), sign_in(person)
    before = here.session.session_key
    given = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert here.post(page, given).status_code == 302
    assert is_signed_in(here)
    assert here.session.session_key != before
    assert not is_signed_in(elsewhere)
    assert is_signed_in(sign_in(person, NEW_PASSWORD))


def test_the_page_of_the_password_says_what_is_wrong_and_records_no_secret(person):
    client = sign_in(person)
    check_markup(client.get("/console/password").content.decode())
    given = {"old_password": "wrong", "new_password1": NEW_PASSWORD, "new_password2": "other"}
    answer = client.post("/console/password", given)
    assert answer.status_code == 422
    text = answer.content.decode()
    check_markup(text)
    assert "This is not your current password." in text
    assert "The two new passwords differ." in text
    assert NEW_PASSWORD not in text
    right = given | {"old_password": PASSWORD, "new_password2": NEW_PASSWORD}
    client.post("/console/password", right)
    entry = Activity.objects.get(action="user.password_changed")
    assert (entry.object_name, entry.before, entry.after) == (person.username, None, None)


def test_a_password_that_an_administrator_sets_ends_the_sessions(person, boss):
    theirs, admin = sign_in(person), sign_in(boss)
    given = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert admin.post(f"/admin/auth/user/{person.pk}/password/", given).status_code == 302
    assert not is_signed_in(theirs)


@pytest.mark.parametrize("weak", ["short1", "1234567890123", "password123", "the-operator"])
def test_weak_passwords_are_refused_to_new_and_old_users(person, boss, weak):
    admin = sign_in(boss)
    given = {"username": "the-operators", "password1": weak, "password2": weak}
    answer = admin.post("/admin/auth/user/add/", given | {"usable_password": "true"})
    assert answer.context["errors"]
    assert not User.objects.filter(username="the-operators").exists()
    given = {"old_password": PASSWORD, "new_password1": weak, "new_password2": weak}
    for page in ("/console/password", "/admin/password_change/"):
        answer = sign_in(person).post(page, given)
        assert answer.context["form"].errors["new_password2"]


def switch_off(user: User) -> None:
    user.is_active = False
    user.save()


def take_role_away(user: User) -> None:
    user.groups.clear()


@pytest.mark.parametrize("end", [switch_off, take_role_away])
def test_sessions_tokens_and_keys_stop_at_once(person, end, estate):
    browser, rest = sign_in(person), APIClient()
    _, token = create_api_token(actor=Actor.system("test"), user=person, name="x")
    rest.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    key, secret = create_access_key(actor=Actor.system("test"), user=person)
    rpc = RpcClient(key.key_id, secret)
    page, noun = "/console/cn-test/instances", "/api/v1/load-balancers"
    assert browser.get(page).status_code == rest.get(noun).status_code == 200
    rpc.call("DescribeLoadBalancers", RegionId="cn-test")
    end(person)
    is_off = end is switch_off
    assert browser.get(page).status_code == (302 if is_off else 404)
    assert rest.get(noun).status_code == (401 if is_off else 403)
    with pytest.raises(Refused) as refused:
        rpc.call("DescribeLoadBalancers", RegionId="cn-test")
    assert refused.value.status == (403 if is_off else 404)
    assert is_signed_in(sign_in(person)) is False


def test_a_half_finished_sign_in_ends_with_the_user(person):
    """Between the password and the code, too."""
    TOTPDevice.objects.create(user=person, confirmed=True)
    client = sign_in(person)
    assert client.get("/login/code/").status_code == 200
    switch_off(person)
    assert client.get("/login/code/")["Location"] == "/login/"
