"""The certificates of running HTTPS listeners as the proxies know them."""

from collections.abc import Iterable, Iterator

from balancer import models
from balancer.sealing import CERTIFICATE_KEYS, unseal
from proxy.snapshot import Certificate, DomainCertificate, Protocol, Tls, TlsPolicy


def compile_tls(row: models.Listener) -> Tls | None:
    """Return how an HTTPS listener meets its clients; others have no such settings."""
    if row.protocol != Protocol.HTTPS:
        return None
    assert row.certificate is not None, "services keep one"
    authority = row.client_ca_certificate
    return Tls(
        policy=TlsPolicy(row.tls_policy),
        certificate=row.certificate.public_id,
        domains=tuple(
            DomainCertificate(each.domain, each.certificate.public_id)
            for each in row.domain_certificates.all()
        ),
        client_ca=authority.public_id if authority is not None else None,
    )


def compile_certificates(listeners: Iterable[models.Listener]) -> tuple[Certificate, ...]:
    """Return each certificate that one of the listeners uses, once, in the order of their ids."""
    used = {
        certificate.public_id: certificate
        for listener in listeners
        if listener.protocol == Protocol.HTTPS
        for certificate in _certificates_of(listener)
    }
    return tuple(_compile(used[public_id]) for public_id in sorted(used))


def _certificates_of(listener: models.Listener) -> Iterator[models.Certificate]:
    for certificate in (listener.certificate, listener.client_ca_certificate):
        if certificate is not None:
            yield certificate
    for each in listener.domain_certificates.all():
        yield each.certificate


def _compile(row: models.Certificate) -> Certificate:
    key = unseal(row.sealed_private_key, CERTIFICATE_KEYS) if row.sealed_private_key else ""
    return Certificate(row.public_id, row.certificate_pem, key)
