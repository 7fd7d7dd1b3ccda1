"""Guessing passwords is slowed down, at every door that takes one (issue 4, section 4)."""

import pytest
from django.test import Client, RequestFactory

from balancer.rights import Role
from console.login_guard import client_address
from tests.console.markup import check_markup

pytestmark = pytest.mark.django_db
PASSWORD = "right horse"


@pytest.fixture
def person(user_of):
    user = user_of(Role.ADMIN)
    user.set_password(PASSWORD)
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def sign_in(person, settings):
    """Return what tries a password from an address and gives the answer."""
    settings.AXES_FAILURE_LIMIT = 3

    def attempt(password: str, address: str = "192.0.2.1", *, door: str = "/login/", **headers):
        given = {"username": person.username, "password": password}
        return Client(REMOTE_ADDR=address).post(door, given, headers=headers)

    return attempt


def test_a_user_is_locked_out_for_one_address_after_a_few_failures(sign_in):
    assert [sign_in("wrong").status_code for _ in range(2)] == [200, 200]
    refusal = sign_in("wrong")
    assert refusal.status_code == 429
    assert int(refusal["Retry-After"]) > 0
    check_markup(refusal.content.decode())
    assert sign_in(PASSWORD).status_code == 429, "the right password is not even tried"
    assert sign_in(PASSWORD, "192.0.2.2").status_code == 302, "from elsewhere nobody is kept out"


def test_a_success_forgets_the_failures_before_it(sign_in):
    for _ in range(3):
        assert [sign_in(each).status_code for each in ("wrong", "wrong", PASSWORD)][-1] == 302


def test_the_admin_has_no_second_door(sign_in):
    answer = sign_in(PASSWORD, door="/admin/login/?next=/admin/auth/user/")
    assert answer["Location"] == "/login/?next=%2Fadmin%2Fauth%2Fuser%2F"


def test_a_forwarded_header_opens_no_way_around(sign_in):
    """reliability.md, section 1: the socket's address counts."""
    for number in range(3):
        sign_in("wrong", **{"X-Forwarded-For": f"198.51.100.{number}"})
    assert sign_in(PASSWORD, **{"X-Forwarded-For": "198.51.100.9"}).status_code == 429


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("", "10.0.0.1"),
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
)
def test_behind_a_trusted_hop_the_last_address_that_is_none_counts(settings, forwarded, address):
    import ipaddress

    settings.OPENCLB_TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/24")]
    request = RequestFactory().get(
        "/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded}
    )
    assert client_address(request) == address
