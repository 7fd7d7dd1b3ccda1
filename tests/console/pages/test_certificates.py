"""Pages of certificates, and HTTPS in the form of a listener."""

from datetime import timedelta

import pytest
from django.utils import timezone

from balancer.actors import Actor
from balancer.models import Certificate, Listener, PublishHead
from balancer.services.certificates import upload_certificate
from tests.certificates import authority, certificate_for, issue, key_pem_of
from tests.console.markup import check_markup
from tests.console.pages.test_listeners import NEW

pytestmark = pytest.mark.django_db
PAGES = "/console/cn-test/certificates"


def shown(response):
    return response.content.decode()


@pytest.fixture
def shop(estate):
    issued = certificate_for("shop.example", "www.shop.example")
    return upload_certificate(
        actor=Actor.system("test"),
        region=estate.zone.region,
        name="shop",
        certificate_pem=issued.chain_pem,
        private_key_pem=issued.key_pem,
    )


@pytest.fixture
def listener(estate, shop):
    return Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol="https",
        port=443,
        backend_port=8080,
        name="https",
        status="running",
        certificate=shop,
    )


def test_certificates_are_shown_with_domains_validity_and_users(viewer, shop, listener):
    text = shown(viewer.get(PAGES))
    end = f"Valid until {shop.expires_at:%Y-%m-%d}"
    for words in ("shop", "www.shop.example", end, "HTTPS: 443", "1 certificate"):
        assert words in text
    assert "Upload certificate" not in text
    check_markup(text)
    assert "No certificate matches" in shown(viewer.get(f"{PAGES}?q=factory"))
    assert "<html" not in shown(viewer.htmx("get", PAGES, target="certificate-table"))


@pytest.mark.parametrize(
    ("days_left", "mark"), [(31, ""), (29, "status is-warning"), (-1, "status is-error")]
)
def test_a_certificate_that_ends_soon_or_has_ended_is_marked(viewer, shop, days_left, mark):
    shop.expires_at = timezone.now() + timedelta(days=days_left)
    shop.save()
    text = shown(viewer.get(PAGES))
    assert mark in text
    assert bool(mark) == ("status is-" in text)
    assert ("Expired" if days_left < 0 else "Valid until") in text


def test_a_certificate_is_found_by_each_of_its_domains(viewer, shop):
    assert shop.common_name != "www.shop.example"
    assert "1 certificate" in shown(viewer.get(f"{PAGES}?q=WWW.shop"))


def test_the_row_of_an_https_listener_says_that_servers_are_asked_over_http(viewer, listener):
    page = listener.get_absolute_url().rpartition("/listeners/")[0] + "/listeners"
    text = shown(viewer.get(page))
    assert "HTTPS: 443" in text
    assert "HTTP: 8080" in text
    assert "HTTPS: 8080" not in text


def test_a_region_without_certificates_says_what_they_are_for(operator, estate):
    text = shown(operator.get(PAGES))
    assert "An HTTPS listener needs one." in text
    assert "Upload certificate" in text


def test_a_certificate_is_uploaded(operator, estate):
    check_markup(shown(operator.get(f"{PAGES}/new")))
    issued = certificate_for("shop.example")
    given = {
        "kind": "server",
        "name": "shop",
        "certificate_pem": issued.pem,
        "private_key_pem": issued.key_pem,
    }
    assert operator.post(f"{PAGES}/new", given)["Location"] == PAGES
    assert Certificate.objects.get().common_name == "shop.example"
    given = {"kind": "ca", "name": "ca", "certificate_pem": authority().pem}
    assert operator.post(f"{PAGES}/new", given)["Location"] == PAGES


def test_a_refused_key_is_named_and_keeps_what_was_typed(operator, estate):
    issued = certificate_for("shop.example")
    given = {
        "kind": "server",
        "name": "shop",
        "certificate_pem": issued.pem,
        "private_key_pem": key_pem_of(issued.key, b"secret"),
    }
    answer = operator.post(f"{PAGES}/new", given)
    assert answer.status_code == 422
    assert "protected by a password" in shown(answer)
    assert not Certificate.objects.exists()


def test_a_certificate_is_replaced_for_its_listeners(operator, shop, listener):
    page = f"{PAGES}/{shop.public_id}/replace"
    text = shown(operator.get(page))
    assert "HTTPS: 443 of web" in text
    assert "PRIVATE KEY" not in text
    check_markup(text)
    fresh = issue("shop.example")
    given = {"certificate_pem": fresh.pem, "private_key_pem": fresh.key_pem, "expected": "1"}
    assert operator.post(page, given)["Location"] == PAGES
    assert Certificate.objects.get().certificate_pem == fresh.pem
    assert PublishHead.objects.get().wanted == 1
    assert operator.post(page, given).status_code == 409  # somebody was faster


def test_a_certificate_is_renamed_and_deleted(operator, shop):
    page = f"{PAGES}/{shop.public_id}"
    check_markup(shown(operator.get(f"{page}/rename")))
    operator.post(f"{page}/rename", {"name": "web", "expected": "1"})
    assert Certificate.objects.get().name == "web"
    assert "private key goes with it" in shown(operator.get(f"{page}/delete"))
    operator.post(f"{page}/delete")
    assert not Certificate.objects.exists()


def test_a_used_certificate_cannot_be_deleted(operator, shop, listener):
    page = f"{PAGES}/{shop.public_id}/delete"
    assert "Listeners use this certificate." in shown(operator.get(page))
    assert operator.post(page).status_code == 409
    assert Certificate.objects.exists()


@pytest.mark.parametrize("act", ["new", "replace", "rename", "delete"])
def test_a_viewer_changes_nothing(viewer, shop, act):
    path = f"{PAGES}/new" if act == "new" else f"{PAGES}/{shop.public_id}/{act}"
    assert viewer.post(path, {"name": "x"}).status_code == 403
    assert Certificate.objects.get().name == "shop"


# --- HTTPS in the form of a listener -------------------------------------------------------------


def test_an_https_listener_is_created_and_changed(operator, estate, shop):
    tab = f"{estate.load_balancer.get_absolute_url()}/listeners"
    text = shown(operator.get(f"{tab}/new"))
    assert "shop, shop.example (valid until" in text
    check_markup(text)
    given = NEW | {"protocol": "https", "port": "443", "certificate": shop.public_id}
    given |= {"tls_policy": "tls_1_2_strict", "forwarded_proto": "on"}
    assert operator.post(f"{tab}/new", given)["Location"] == tab
    listener = Listener.objects.get(port=443)
    assert (listener.certificate, listener.tls_policy) == (shop, "tls_1_2_strict")
    assert (listener.check_kind, listener.forwarded_proto) == ("http", True)
    page = f"{tab}/{listener.public_id}/edit"
    text = shown(operator.get(page))
    assert f'value="{shop.public_id}" selected' in text
    assert "Redirection" not in text
    check_markup(text)
    given |= {"tls_policy": "tls_1_2_strict_with_1_3", "expected": "1"}
    assert operator.post(page, given)["Location"] == tab
    listener.refresh_from_db()
    assert listener.tls_policy == "tls_1_2_strict_with_1_3"


def test_https_without_a_certificate_is_refused_at_its_field(operator, estate):
    tab = f"{estate.load_balancer.get_absolute_url()}/listeners"
    answer = operator.post(f"{tab}/new", NEW | {"protocol": "https", "port": "443"})
    assert answer.status_code in (200, 422)
    text = shown(answer)
    assert "needs a server certificate; choose one, or upload one first" in text
    assert "This region has no server certificate yet." in text
    assert not Listener.objects.filter(port=443).exists()


def test_other_listeners_get_no_certificate_from_the_form(operator, estate, shop):
    tab = f"{estate.load_balancer.get_absolute_url()}/listeners"
    given = NEW | {"certificate": shop.public_id, "tls_policy": "tls_1_0"}
    assert operator.post(f"{tab}/new", given)["Location"] == tab
    assert Listener.objects.get(port=9000).certificate is None
