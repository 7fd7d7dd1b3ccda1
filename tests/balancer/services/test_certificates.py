"""Certificates: read strictly, keys sealed, published under the same id, kept while in use."""

import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from balancer.constants import DEFAULT_LIMITS
from balancer.domain.quotas import configure_limits
from balancer.exceptions import Conflict, Invalid, QuotaExceeded, Stale, Unsupported
from balancer.models import Activity, Certificate, Listener, Region
from balancer.sealing import CERTIFICATE_KEYS, unseal
from balancer.services.certificates import (
    delete_certificate,
    rename_certificate,
    replace_certificate,
    upload_certificate,
)
from balancer.services.listener_tls import (
    add_domain_certificate,
    change_domain_certificate,
    delete_domain_certificate,
)
from balancer.services.listeners import create_listener, update_listener
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import Snapshot, TlsPolicy
from tests.balancer.services.conftest import Recorder
from tests.certificates import Issued, authority, certificate_for, issue, key_pem_of

DOMAIN = "shop.example"


def upload(actor, region: Region, issued: Issued, name: str = "shop") -> Certificate:
    return upload_certificate(
        actor=actor,
        region=region,
        name=name,
        certificate_pem=issued.chain_pem,
        private_key_pem=issued.key_pem,
    )


def upload_ca(actor, region: Region) -> Certificate:
    return upload_certificate(
        actor=actor, region=region, name="clients", kind="ca", certificate_pem=authority().pem
    )


@pytest.fixture
def region(estate) -> Region:
    return estate.zone.region


@pytest.fixture
def shop(actor, region) -> Certificate:
    return upload(actor, region, certificate_for(DOMAIN))


@pytest.fixture
def listener(actor, estate, shop) -> Listener:
    """Return a running HTTPS listener."""
    return create_listener(
        actor=actor,
        load_balancer=estate.load_balancer,
        protocol="https",
        port=443,
        backend_port=8080,
        certificate=shop,
        start=True,
    )


@pytest.fixture
def limits():
    yield configure_limits
    configure_limits(DEFAULT_LIMITS)


# --- what is taken -------------------------------------------------------------------------------


def test_uploaded_certificate_is_read_and_its_key_is_sealed(recorder, shop):
    issued = certificate_for(DOMAIN)
    shop.refresh_from_db()
    assert (shop.common_name, shop.domains) == (DOMAIN, [DOMAIN])
    assert shop.expires_at == issued.certificate.not_valid_after_utc
    assert len(shop.fingerprint) == 95
    assert "PRIVATE" not in shop.sealed_private_key
    assert unseal(shop.sealed_private_key, CERTIFICATE_KEYS) == issued.key_pem
    entry = recorder.entry()
    assert entry.action == "certificate.uploaded"
    assert entry.after["fingerprint"] == shop.fingerprint


def test_no_key_is_ever_recorded(actor, estate, shop, listener):
    replace_certificate(
        actor=actor,
        certificate=shop,
        certificate_pem=certificate_for(DOMAIN, "www.shop.example").chain_pem,
        private_key_pem=certificate_for(DOMAIN, "www.shop.example").key_pem,
    )
    told = str(list(Activity.objects.values()))
    assert "PRIVATE KEY" not in told
    assert shop.sealed_private_key not in told


@pytest.mark.parametrize("key", [ec.SECP384R1, 2048])
def test_key_types_that_clients_know(actor, region, key):
    made = rsa.generate_private_key(65537, key) if key == 2048 else ec.generate_private_key(key())
    assert upload(actor, region, issue(DOMAIN, key=made)).common_name == DOMAIN


def chained() -> tuple[Issued, Issued]:
    between = issue("Between", issuer=authority(), is_authority=True)
    return issue(DOMAIN, domains=[DOMAIN], issuer=between), between


def test_chain_is_kept_in_order(actor, region):
    leaf, between = chained()
    chain = "Subject: whatever tools write here\n" + leaf.pem + "\n\n" + between.pem
    stored = upload(actor, region, Issued(leaf.certificate, leaf.key, chain, leaf.key_pem))
    assert stored.certificate_pem == leaf.pem + between.pem


def bad_uploads():
    good, other = certificate_for(DOMAIN), certificate_for("other.example")
    leaf, between = chained()
    old = issue(DOMAIN, expires_in=-datetime.timedelta(days=2))
    weak = rsa.generate_private_key(65537, 1024)
    odd = key_pem_of(ed25519.Ed25519PrivateKey.generate())
    yield "nothing", "", good.key_pem, "required", "certificate_pem"
    yield "no-key", good.pem, "", "required", "private_key_pem"
    yield "noise", "hello", good.key_pem, "certificate_format", "certificate_pem"
    cut = good.pem[:200] + good.pem[240:]
    yield "cut", cut, good.key_pem, "certificate_format", "certificate_pem"
    both = good.pem + good.key_pem
    yield "key-in-chain", both, good.key_pem, "certificate_format", "certificate_pem"
    yield "too-many", good.pem * 11, good.key_pem, "certificate_format", "certificate_pem"
    yield "too-long", good.pem + " " * 70_000, good.key_pem, "too_long", "certificate_pem"
    yield "order", between.pem + leaf.pem, leaf.key_pem, "chain_order", "certificate_pem"
    yield "foreign", leaf.pem + other.pem, leaf.key_pem, "chain_order", "certificate_pem"
    yield "mismatch", good.pem, other.key_pem, "key_mismatch", "private_key_pem"
    yield "bad-key", good.pem, "hello", "key_format", "private_key_pem"
    locked = key_pem_of(good.key, b"secret")
    yield "password", good.pem, locked, "key_encrypted", "private_key_pem"
    yield "odd-key", good.pem, odd, "key_type", "private_key_pem"
    yield "weak", issue(DOMAIN, key=weak).pem, key_pem_of(weak), "key_type", "certificate_pem"
    yield "expired", old.pem, old.key_pem, "certificate_expired", "certificate_pem"
    yield "no-ascii", "ü" + good.pem, good.key_pem, "certificate_format", "certificate_pem"


@pytest.mark.parametrize(
    ("chain", "key", "code", "field"),
    [pytest.param(*case[1:], id=case[0]) for case in bad_uploads()],
)
def test_unusable_uploads_are_refused_at_their_field(
    actor, region, recorder, chain, key, code, field
):
    with pytest.raises(Invalid) as refused:
        upload_certificate(
            actor=actor, region=region, name="x", certificate_pem=chain, private_key_pem=key
        )
    assert refused.value.code == code
    assert list(refused.value.fields) == [field]
    secrets = [line for line in key.splitlines() if len(line) > 40]
    assert not any(secret in str(refused.value.fields) for secret in secrets)
    assert not Certificate.objects.exists()
    recorder.assert_nothing_happened()


def test_authority_must_be_one_and_keeps_its_key(actor, region):
    assert upload_ca(actor, region).sealed_private_key == ""
    leaf = certificate_for(DOMAIN)
    for pem, key, code in (
        (leaf.pem, "", "not_an_authority"),
        (authority().pem, authority().key_pem, "unexpected_key"),
    ):
        with pytest.raises(Invalid) as refused:
            upload_certificate(
                actor=actor,
                region=region,
                name="x",
                kind="ca",
                certificate_pem=pem,
                private_key_pem=key,
            )
        assert refused.value.code == code


def test_quota_counts_each_kind(actor, region, shop, limits):
    """slb-rpc-api.md 4.1."""
    limits({"certificates_per_region": 1})
    upload_ca(actor, region)
    with pytest.raises(QuotaExceeded):
        upload(actor, region, certificate_for("other.example"))


# --- changes -------------------------------------------------------------------------------------


def test_rename_is_recorded_and_not_published(actor, recorder, shop, listener):
    seen = Recorder(listener.load_balancer)
    rename_certificate(actor=actor, certificate=shop, name="shop-2", expected=1)
    assert seen.entry().after == "shop-2"
    assert seen.published == 0
    with pytest.raises(Stale):
        rename_certificate(actor=actor, certificate=shop, name="shop-3", expected=1)


def test_replaced_content_goes_to_the_proxies_under_the_same_id(actor, shop, listener):
    seen = Recorder(listener.load_balancer)
    fresh = issue(DOMAIN, domains=[DOMAIN])
    replace_certificate(
        actor=actor,
        certificate=shop,
        certificate_pem=fresh.chain_pem,
        private_key_pem=fresh.key_pem,
    )
    assert seen.published == 1
    assert seen.entry().action == "certificate.replaced"
    (certificate,) = compile_snapshot(listener.load_balancer, version=1).certificates
    assert certificate.id == shop.public_id
    assert (certificate.chain_pem, certificate.key_pem) == (fresh.pem, fresh.key_pem)


def test_replacement_that_is_no_good_changes_nothing(actor, shop, listener):
    seen = Recorder(listener.load_balancer)
    with pytest.raises(Invalid):
        replace_certificate(
            actor=actor,
            certificate=shop,
            certificate_pem=certificate_for("other.example").pem,
            private_key_pem=certificate_for(DOMAIN).key_pem,
        )
    seen.assert_nothing_happened()


def test_used_certificate_stays_and_its_users_are_named(actor, region, shop, listener):
    with pytest.raises(Conflict, match="HTTPS: 443 of web") as refused:
        delete_certificate(actor=actor, certificate=shop)
    assert refused.value.details["users"][0]["id"] == listener.public_id
    spare = upload(actor, region, certificate_for("other.example"), "spare")
    row = add_domain_certificate(
        actor=actor, listener=listener, domain="other.example", certificate=spare
    )
    with pytest.raises(Conflict, match=r"other\.example on HTTPS: 443"):
        delete_certificate(actor=actor, certificate=spare)
    delete_domain_certificate(actor=actor, domain_certificate=row)
    delete_certificate(actor=actor, certificate=spare)
    assert list(Certificate.objects.all()) == [shop]


# --- listeners -----------------------------------------------------------------------------------


def test_https_listener_reaches_the_proxies_whole(actor, region, shop, listener):
    clients = upload_ca(actor, region)
    other = upload(actor, region, certificate_for("*.other.example"), "other")
    add_domain_certificate(
        actor=actor, listener=listener, domain="*.Other.example", certificate=other
    )
    listener.refresh_from_db()
    update_listener(
        actor=actor,
        listener=listener,
        client_ca_certificate=clients,
        tls_policy="tls_1_2_strict_with_1_3",
        http2_enabled=True,
    )
    snapshot = compile_snapshot(listener.load_balancer, version=1)
    (tls,) = [each.tls for each in snapshot.listeners if each.tls]
    assert tls.policy is TlsPolicy.TLS_1_2_STRICT_WITH_1_3
    assert (tls.certificate, tls.client_ca) == (shop.public_id, clients.public_id)
    assert [(each.domain, each.certificate) for each in tls.domains] == [
        ("*.other.example", other.public_id)
    ]
    ids = [each.id for each in snapshot.certificates]
    assert ids == sorted([shop.public_id, clients.public_id, other.public_id])
    assert {each.id for each in snapshot.certificates if each.key_pem} == {
        shop.public_id,
        other.public_id,
    }
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def test_certificate_that_no_running_listener_uses_stays_at_home(actor, region, shop, estate):
    assert compile_snapshot(estate.load_balancer, version=1).certificates == ()


def test_https_needs_a_server_certificate_of_its_region(actor, estate, region, shop):
    far = Region.objects.create(public_id="cn-far", name="Far")
    foreign = upload(actor, far, certificate_for(DOMAIN))
    clients = upload_ca(actor, region)
    cases = [
        ({}, "required", "certificate"),
        ({"certificate": clients}, "certificate_kind", "certificate"),
        ({"certificate": foreign}, "foreign_certificate", "certificate"),
        (
            {"certificate": shop, "client_ca_certificate": shop},
            "certificate_kind",
            "client_ca_certificate",
        ),
        ({"certificate": shop, "tls_policy": "ssl_3"}, "invalid_option", "tls_policy"),
    ]
    for options, code, field in cases:
        with pytest.raises(Invalid) as refused:
            create_listener(
                actor=actor,
                load_balancer=estate.load_balancer,
                protocol="https",
                port=443,
                backend_port=80,
                **options,
            )
        assert (refused.value.code, list(refused.value.fields)) == (code, [field])


def test_other_listeners_have_no_certificate(actor, estate, shop):
    with pytest.raises(Unsupported) as refused:
        update_listener(actor=actor, listener=estate.listener, certificate=shop)
    assert list(refused.value.fields) == ["certificate"]


def test_domain_certificates_follow_their_rules(actor, estate, shop, listener, limits):
    seen = Recorder(listener.load_balancer)
    row = add_domain_certificate(
        actor=actor, listener=listener, domain="a.example", certificate=shop
    )
    assert (seen.published, seen.entry().action) == (1, "domain_certificate.added")
    cases = [("a.example", "domain_in_use"), ("a..b", "invalid_domain"), ("*", "invalid_domain")]
    for domain, code in cases:
        with pytest.raises(Invalid) as refused:
            add_domain_certificate(actor=actor, listener=listener, domain=domain, certificate=shop)
        assert refused.value.code == code
    limits({"domain_certificates_per_listener": 1})
    with pytest.raises(QuotaExceeded):
        add_domain_certificate(actor=actor, listener=listener, domain="b.example", certificate=shop)
    with pytest.raises(Conflict, match="Only HTTPS"):
        add_domain_certificate(
            actor=actor, listener=estate.listener, domain="b.example", certificate=shop
        )
    other = upload(actor, shop.region, certificate_for("a.example"), "a")
    changed = change_domain_certificate(actor=actor, domain_certificate=row, certificate=other)
    assert changed.certificate == other
    assert seen.published == 2
