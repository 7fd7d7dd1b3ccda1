"""Every write to a certificate.

New content under the same id is published to each load balancer with a running listener that uses
it. The certificate's own lock is enough for that: whoever gives it to a listener locks it too.
"""

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from balancer.actors import Actor
from balancer.choices import CertificateKind, ListenerStatus
from balancer.domain.certificates import (
    CertificateFacts,
    read_ca_certificate,
    read_server_certificate,
)
from balancer.domain.names import check_group_name
from balancer.domain.quotas import check_quota
from balancer.exceptions import Conflict, Invalid
from balancer.models import Certificate, DomainCertificate, Listener, LoadBalancer, Region
from balancer.sealing import CERTIFICATE_KEYS, seal
from balancer.services.activity import record_activity
from balancer.services.locks import check_fresh, lock_row, save_edit
from balancer.services.publishing import request_publish
from balancer.services.tags import forget_tags


@transaction.atomic
def upload_certificate(
    *,
    actor: Actor,
    region: Region,
    name: str,
    certificate_pem: str,
    private_key_pem: str = "",
    kind: str = CertificateKind.SERVER,
) -> Certificate:
    """Store a server certificate with its key, or one of an authority that has none here."""
    name = check_group_name(name)
    kind = _check_kind(kind)
    facts = _read(kind, certificate_pem, private_key_pem)
    lock_row(region)  # for the last place of the quota
    check_quota(
        "certificates_per_region",
        current=Certificate.objects.filter(region=region, kind=kind).count(),
        requested=1,
        what=f"certificates of this kind in {region.name}",
    )
    certificate = Certificate(region=region, kind=kind, name=name)
    _fill(certificate, facts)
    certificate.save()
    record_activity(
        actor,
        "certificate.uploaded",
        certificate,
        after={"name": name, "kind": kind, **_describe(certificate)},
    )
    return certificate


@transaction.atomic
def rename_certificate(
    *, actor: Actor, certificate: Certificate, name: str, expected: int | None = None
) -> Certificate:
    """Give the certificate another name."""
    name = check_group_name(name)
    certificate = lock_row(certificate)
    check_fresh(certificate, expected)
    if certificate.name == name:
        return certificate
    before, certificate.name = certificate.name, name
    save_edit(certificate, "name")
    record_activity(actor, "certificate.renamed", certificate, before=before, after=name)
    return certificate


@transaction.atomic
def replace_certificate(
    *,
    actor: Actor,
    certificate: Certificate,
    certificate_pem: str,
    private_key_pem: str = "",
    expected: int | None = None,
) -> Certificate:
    """Put other content under the same id; new connections meet it within a second."""
    facts = _read(certificate.kind, certificate_pem, private_key_pem)
    certificate = lock_row(certificate)
    check_fresh(certificate, expected)
    before = _describe(certificate)
    _fill(certificate, facts)
    save_edit(
        certificate,
        "certificate_pem",
        "sealed_private_key",
        "common_name",
        "domains",
        "fingerprint",
        "expires_at",
    )
    record_activity(
        actor, "certificate.replaced", certificate, before=before, after=_describe(certificate)
    )
    _publish_users(certificate)
    return certificate


@transaction.atomic
def delete_certificate(
    *, actor: Actor, certificate: Certificate, expected: int | None = None
) -> None:
    """Delete a certificate that no listener uses."""
    certificate = lock_row(certificate)
    check_fresh(certificate, expected)
    users = _users(certificate)
    if users:
        names = ", ".join(user["name"] for user in users)
        message = f"{certificate.name} is used by {names}; give them another certificate first."
        raise Conflict("certificate_in_use", message, users=users)
    record_activity(
        actor,
        "certificate.deleted",
        certificate,
        before={"name": certificate.name, "kind": certificate.kind, **_describe(certificate)},
    )
    forget_tags([certificate.public_id])
    certificate.delete()


def _check_kind(kind: str) -> str:
    if kind not in CertificateKind.values:
        message = f"The kind of a certificate must be server or ca; given: {kind!s:.40}."
        raise Invalid("unknown_kind", message, fields={"kind": [message]})
    return CertificateKind(kind).value


def _read(kind: str, certificate_pem: str, private_key_pem: str) -> CertificateFacts:
    now = timezone.now()
    if kind == CertificateKind.SERVER:
        return read_server_certificate(certificate_pem, private_key_pem, now=now)
    if private_key_pem:
        message = "A certificate of an authority comes without its private key; keep that secret."
        raise Invalid("unexpected_key", message, fields={"private_key_pem": [message]})
    return read_ca_certificate(certificate_pem, now=now)


def _fill(certificate: Certificate, facts: CertificateFacts) -> None:
    certificate.certificate_pem = facts.chain_pem
    certificate.sealed_private_key = seal(facts.key_pem, CERTIFICATE_KEYS) if facts.key_pem else ""
    certificate.common_name = facts.common_name[:255]
    certificate.domains = list(facts.domains)
    certificate.fingerprint = facts.fingerprint
    certificate.expires_at = facts.expires_at


def _describe(certificate: Certificate) -> dict[str, Any]:
    """Return what may be told of the content."""
    end = certificate.expires_at
    return {
        "common_name": certificate.common_name,
        "fingerprint": certificate.fingerprint,
        "expires_at": end.isoformat() if end else None,
    }


def _uses(certificate: Certificate) -> Q:
    return (
        Q(certificate=certificate)
        | Q(client_ca_certificate=certificate)
        | Q(domain_certificates__certificate=certificate)
    )


def _users(certificate: Certificate) -> list[dict[str, str]]:
    listeners = Listener.objects.filter(
        Q(certificate=certificate) | Q(client_ca_certificate=certificate)
    ).select_related("load_balancer")
    by_domain = DomainCertificate.objects.filter(certificate=certificate)
    users = [_user("listener", each.public_id, each) for each in listeners]
    for each in by_domain.select_related("listener__load_balancer"):
        users.append(_user("domain_certificate", each.public_id, each.listener, each.domain))
    return users


def _user(kind: str, public_id: str, listener: Listener, domain: str = "") -> dict[str, str]:
    name = f"{listener} of {listener.load_balancer.name}"
    return {"type": kind, "id": public_id, "name": f"{domain} on {name}" if domain else name}


def _publish_users(certificate: Certificate) -> None:
    """Publish every load balancer with a running listener that has it, in id order."""
    listeners = Listener.objects.filter(_uses(certificate), status=ListenerStatus.RUNNING)
    keys = set(listeners.values_list("load_balancer_id", flat=True))
    for load_balancer in LoadBalancer.objects.filter(pk__in=keys).order_by("public_id"):
        request_publish(load_balancer)
