"""Certificates for tests, made once per run: elliptic keys, which take no time."""

import datetime
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its chain, and the key that belongs to it."""

    certificate: x509.Certificate
    key: PrivateKey
    chain_pem: str
    key_pem: str

    @property
    def pem(self) -> str:
        """Return the certificate alone."""
        return pem_of(self.certificate)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def authority(name: str = "Test authority") -> Issued:
    """Return a root authority, one for each name."""
    return _authority(name)


@functools.cache
def _authority(name: str) -> Issued:
    return issue(name, is_authority=True)


@functools.cache
def certificate_for(*domains: str, by: str = "Test authority") -> Issued:
    """Return a certificate for the domains, signed by the authority of that name."""
    return issue(domains[0], domains=domains, issuer=authority(by))


def issue(
    name: str,
    *,
    domains: Sequence[str] = (),
    issuer: Issued | None = None,
    is_authority: bool = False,
    expires_in: datetime.timedelta = 24 * _HOUR,
    key: PrivateKey | None = None,
) -> Issued:
    """Make a certificate; without an issuer it signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    now = datetime.datetime.now(datetime.UTC)
    end = now + expires_in
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - _HOUR)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if domains:
        names = x509.SubjectAlternativeName([x509.DNSName(each) for each in domains])
        builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Issued(certificate, key, pem_of(certificate), key_pem_of(key))


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem_of(key: PrivateKey, password: bytes | None = None) -> str:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    ).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
