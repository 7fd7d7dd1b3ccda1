"""Every answer carries the strict policies, whoever made it."""

from urllib.parse import urlencode

import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

pytestmark = pytest.mark.django_db


def check_headers(answer) -> None:
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    cache = answer.headers["Cache-Control"]
    assert "private" in cache or "no-store" in cache


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/login/", 200),
        ("/admin/login/", 302),
        ("/healthz", 200),
        ("/no/such/page", 404),
        ("/logout/", 405),
        ("/api/v1/", 401),
        ("/api/docs/", 200),
        ("/", 302),
        ("/?Action=DescribeRegions", 400),
    ],
)
def test_strict_policy_on_every_answer(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    check_headers(answer)


def test_strict_policy_where_something_is_refused_or_fails(client, monkeypatch, settings):
    check_headers(client.get("/login/", headers={"host": "evil.test"}))
    forged = Client(enforce_csrf_checks=True).post("/login/", {})
    assert forged.status_code == 403
    check_headers(forged)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    check_headers(client.post("/api/v1/regions", "x" * 99, content_type="application/json"))
    client.raise_request_exception = False
    monkeypatch.setattr("console.pages.session._is_first_start", lambda: 1 / 0)
    failed = client.get("/login/")
    assert failed.status_code == 500
    check_headers(failed)


def test_pages_of_somebody_signed_in_are_kept_nowhere(client, django_user_model):
    """After signing out the way back shows nothing; the API's answers may be asked for again."""
    client.force_login(django_user_model.objects.create_superuser("somebody"))
    for path in ("/console/second-factor", "/admin/", "/no/such/page"):
        assert "no-store" in client.get(path).headers["Cache-Control"]
    assert client.get("/api/v1/regions").headers["Cache-Control"] == "private, no-cache"


def test_other_host_names_are_refused_and_forwarded_ones_not_believed(client):
    refused = client.get("/login/", headers={"host": "evil.test"})
    assert refused.status_code == 400
    assert b"evil.test" not in refused.content
    answer = client.get(
        "/", headers={"x-forwarded-host": "evil.test", "x-forwarded-proto": "https"}
    )
    assert answer.headers["Location"] == "/login/?next=/"
    assert not answer.wsgi_request.is_secure()
    assert answer.wsgi_request.get_host() == "testserver"


@pytest.mark.parametrize(
    "target",
    ["https://evil.test/", "//evil.test/", "/\\evil.test/", "javascript:alert(1)", "http:///x"],
)
def test_no_door_leads_off_the_site(client, django_user_model, target):
    person = django_user_model.objects.create_superuser("somebody", password="right horse")
    path = f"/login/?{urlencode({'next': target})}"
    given = {"username": "somebody", "password": "right horse"}
    assert client.post(path, given).headers["Location"] == "/"
    assert client.get(path).headers["Location"] == "/", "signed in already"
    TOTPDevice.objects.create(user=person, confirmed=True)
    half = Client()
    half.post(path, given)
    assert half.session["sign_in_pending"]["next"] == "/"
    given = {"theme": "dark", "next": target}
    assert client.post("/console/preferences", given).headers["Location"] == "/"


def test_first_page_asks_for_a_login_and_then_leads_to_the_region(client, django_user_model):
    assert client.get("/").headers["Location"] == "/login/?next=/"
    client.force_login(django_user_model.objects.create_user("somebody"))
    assert client.get("/").headers["Location"] == "/console/cn-hangzhou/instances"
