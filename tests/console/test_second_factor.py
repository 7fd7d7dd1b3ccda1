"""The optional second factor: turned on with a code, then asked for (issue 4, section 4)."""

import base64
import re

import pytest
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from balancer.models import Activity
from balancer.rights import Role
from tests.console.markup import check_markup

pytestmark = pytest.mark.django_db
PAGE = "/console/second-factor"
PASSWORD = "right horse"


@pytest.fixture
def person(user_of):
    user = user_of(Role.ADMIN)
    user.set_password(PASSWORD)
    user.is_staff = user.is_superuser = True
    user.save()
    return user


def key_of(device: TOTPDevice) -> str:
    return base64.b32encode(device.bin_key).decode()


def code_of(device: TOTPDevice, *, later: int = 0) -> str:
    """Return what the app shows; each code works once, so the next one may be asked for."""
    device.refresh_from_db()
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift + later)
    return f"{totp.token():06}"


def turn_on(client: Client, user) -> list[str]:
    page = client.get(PAGE)
    check_markup(page.content.decode())
    device = TOTPDevice.objects.get(user=user)
    assert key_of(device) in page.content.decode().replace(" ", "")
    answer = client.post(PAGE, {"code": code_of(device)})
    check_markup(answer.content.decode())
    return re.findall(r'<li class="code">([a-z0-9]+)</li>', answer.content.decode())


def give_password(client: Client, user):
    given = {"username": user.username, "password": PASSWORD, "next": "/admin/"}
    return client.post("/login/", given)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.fixture
def codes(person) -> list[str]:
    """Turn the second factor on; return the recovery codes."""
    client = Client()
    client.force_login(person)
    return turn_on(client, person)


def test_it_is_on_after_a_right_code_and_recorded_without_secrets(person, codes):
    assert len(set(codes)) == 8
    entry = Activity.objects.get(action="user.second_factor_enabled")
    assert (entry.object_name, entry.before, entry.after) == (person.username, None, None)


def test_a_wrong_code_turns_nothing_on(person):
    client = Client()
    client.force_login(person)
    client.get(PAGE)
    answer = client.post(PAGE, {"code": "000000"})
    assert answer.status_code == 422
    assert "not the code that the app shows" in answer.content.decode()
    assert not TOTPDevice.objects.filter(user=person, confirmed=True).exists()


def test_the_password_alone_signs_nobody_in(person, codes):
    client = Client()
    assert give_password(client, person)["Location"] == "/login/code/"
    assert not is_signed_in(client)
    assert client.get("/console/")["Location"].startswith("/login/")
    check_markup(client.get("/login/code/").content.decode())
    answer = client.post("/login/code/", {"code": "000000"})
    assert "This code is wrong" in answer.content.decode()
    assert not is_signed_in(client)


def test_the_code_of_the_app_signs_in_and_works_once(person, codes):
    device = TOTPDevice.objects.get(user=person)
    code = code_of(device, later=1)
    client = Client()
    give_password(client, person)
    assert client.post("/login/code/", {"code": code})["Location"] == "/admin/"
    assert is_signed_in(client)
    again = Client()
    give_password(again, person)
    again.post("/login/code/", {"code": code})
    assert not is_signed_in(again), "somebody who looked on cannot use it"


def test_a_recovery_code_signs_in_once(person, codes):
    for expected in (True, False):
        client = Client()
        give_password(client, person)
        client.post("/login/code/", {"code": codes[0]})
        assert is_signed_in(client) is expected


def test_without_the_password_there_is_no_code_page(codes):
    assert Client().get("/login/code/")["Location"] == "/login/"


def test_turning_it_off_takes_a_code(person, codes):
    client = Client()
    client.force_login(person)
    check_markup(client.get(PAGE).content.decode())
    assert client.post(PAGE, {"code": "wrong-one"}).status_code == 422
    code = code_of(TOTPDevice.objects.get(user=person), later=1)
    assert client.post(PAGE, {"code": code}).status_code == 302
    assert not TOTPDevice.objects.filter(user=person).exists()
    assert Activity.objects.filter(action="user.second_factor_disabled").exists()
    assert give_password(Client(), person)["Location"] == "/admin/"


def test_the_admin_shows_no_secret(person, codes):
    client = Client()
    client.force_login(person)
    device = TOTPDevice.objects.get(user=person)
    page = client.get(f"/admin/otp_totp/totpdevice/{device.pk}/change/").content.decode()
    assert device.key not in page
    assert key_of(device) not in page
