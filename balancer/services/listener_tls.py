"""The certificates of a listener: which it may have, and those for single domains (SNI)."""

from django.db import transaction

from balancer.actors import Actor
from balancer.choices import CertificateKind
from balancer.domain.quotas import check_quota
from balancer.domain.tls import check_certificate_domain, check_has_certificate
from balancer.exceptions import Conflict, Invalid, NotFound
from balancer.models import Certificate, DomainCertificate, Listener
from balancer.services.activity import record_activity
from balancer.services.locks import lock_load_balancer, lock_row
from balancer.services.publishing import request_publish
from proxy.snapshot import Protocol


def check_listener_tls(listener: Listener) -> None:
    """Raise Invalid unless the listener's certificates, which are locked, fit it."""
    check_has_certificate(listener.protocol, listener.certificate)
    if listener.certificate is None:
        return
    rows = [(listener.certificate, CertificateKind.SERVER, "certificate")]
    if listener.client_ca_certificate is not None:
        rows.append((listener.client_ca_certificate, CertificateKind.CA, "client_ca_certificate"))
    # In the order of their keys, as all locks of one table are taken.
    for certificate, kind, field in sorted(rows, key=lambda row: row[0].pk):
        _lock_certificate(listener, certificate, kind, field)


@transaction.atomic
def add_domain_certificate(
    *, actor: Actor, listener: Listener, domain: str, certificate: Certificate
) -> DomainCertificate:
    """Show clients that ask for the domain this certificate."""
    domain = check_certificate_domain(domain)
    load_balancer = lock_load_balancer(actor, listener.load_balancer_id)
    listener = _lock_https_listener(listener)
    check_quota(
        "domain_certificates_per_listener",
        current=listener.domain_certificates.count(),
        requested=1,
        what=f"further certificates on {listener}",
    )
    _check_domain_free(listener, domain)
    certificate = _lock_certificate(listener, certificate, CertificateKind.SERVER, "certificate")
    row = DomainCertificate.objects.create(
        listener=listener, domain=domain, certificate=certificate
    )
    record_activity(
        actor,
        "domain_certificate.added",
        row,
        load_balancer=load_balancer,
        after=_describe(row),
    )
    request_publish(load_balancer)
    return row


@transaction.atomic
def change_domain_certificate(
    *, actor: Actor, domain_certificate: DomainCertificate, certificate: Certificate
) -> DomainCertificate:
    """Show clients that ask for the domain another certificate."""
    listener = domain_certificate.listener
    load_balancer = lock_load_balancer(actor, listener.load_balancer_id)
    listener = _lock_https_listener(listener)
    row = _lock_domain_certificate(domain_certificate)
    if row.certificate_id == certificate.pk:
        return row
    before = _describe(row)
    row.certificate = _lock_certificate(
        listener, certificate, CertificateKind.SERVER, "certificate"
    )
    row.save(update_fields=["certificate"])
    record_activity(
        actor,
        "domain_certificate.changed",
        row,
        load_balancer=load_balancer,
        before=before,
        after=_describe(row),
    )
    request_publish(load_balancer)
    return row


@transaction.atomic
def delete_domain_certificate(*, actor: Actor, domain_certificate: DomainCertificate) -> None:
    """Show clients that ask for the domain the listener's own certificate again."""
    load_balancer = lock_load_balancer(actor, domain_certificate.listener.load_balancer_id)
    _lock_https_listener(domain_certificate.listener)
    row = _lock_domain_certificate(domain_certificate)
    record_activity(
        actor,
        "domain_certificate.deleted",
        row,
        load_balancer=load_balancer,
        before=_describe(row),
    )
    row.delete()
    request_publish(load_balancer)


def _lock_https_listener(listener: Listener) -> Listener:
    locked = (
        Listener.objects.select_for_update(of=("self",))
        .select_related("load_balancer__region")
        .filter(pk=listener.pk)
        .first()
    )
    if locked is None:
        raise NotFound("listener_not_found", "This listener does not exist any more.")
    if locked.protocol != Protocol.HTTPS:
        raise Conflict("not_https", f"Only HTTPS listeners have certificates; {locked} is not one.")
    return locked


def _lock_domain_certificate(row: DomainCertificate) -> DomainCertificate:
    found = (
        DomainCertificate.objects.select_for_update(of=("self",))
        .select_related("listener__load_balancer__region", "certificate")
        .filter(pk=row.pk)
        .first()
    )
    if found is None:
        message = "This domain's certificate does not exist any more."
        raise NotFound("domain_certificate_not_found", message)
    return found


def _lock_certificate(
    listener: Listener, certificate: Certificate, kind: CertificateKind, field: str
) -> Certificate:
    """Return the certificate, locked, if the listener may have it."""
    try:
        locked = lock_row(certificate)
    except NotFound as error:
        message = f"Certificate {certificate.public_id} does not exist any more."
        raise Invalid("certificate_not_found", message, fields={field: [message]}) from error
    if locked.kind != kind:
        message = f"{locked.name} is a {locked.get_kind_display()}; a {kind.label} is needed here."
        raise Invalid("certificate_kind", message, fields={field: [message]})
    load_balancer = listener.load_balancer
    if locked.region_id != load_balancer.region_id:
        message = f"{locked.name} belongs to another region than {load_balancer.name}."
        raise Invalid("foreign_certificate", message, fields={field: [message]})
    return locked


def _check_domain_free(listener: Listener, domain: str) -> None:
    if listener.domain_certificates.filter(domain=domain).exists():
        message = f"{domain} has a certificate on {listener} already; change that one."
        raise Invalid("domain_in_use", message, fields={"domain": [message]})


def _describe(row: DomainCertificate) -> dict[str, str]:
    return {
        "listener": row.listener.public_id,
        "domain": row.domain,
        "certificate": row.certificate.public_id,
    }
