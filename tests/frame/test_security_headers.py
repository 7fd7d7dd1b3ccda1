"""Every answer carries the strict policies, whoever made it."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    ["/login/", "/admin/login/", "/healthz", "/no/such/page", "/api/v1/", "/"],
)
def test_strict_policy_on_every_answer(client, path):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_first_page_asks_for_a_login_and_then_leads_to_the_region(client, django_user_model):
    assert client.get("/").headers["Location"] == "/login/?next=/"
    client.force_login(django_user_model.objects.create_user("somebody"))
    assert client.get("/").headers["Location"] == "/console/cn-hangzhou/instances"
