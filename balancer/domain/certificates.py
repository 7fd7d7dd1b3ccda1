"""What certificates, their chains and their keys must be (slb-rpc-api.md section 3.12)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from balancer.constants import MAX_CERTIFICATE_CHARACTERS, MAX_KEY_CHARACTERS
from balancer.exceptions import Invalid

MAX_CHAIN: Final = 10
RSA_BITS: Final = (2048, 4096)
CERTIFICATE = "certificate_pem"
KEY = "private_key_pem"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_WEAK_HASHES = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate that was read and found good, in the form in which it is kept."""

    chain_pem: str
    common_name: str
    domains: tuple[str, ...]
    fingerprint: str
    expires_at: datetime
    key_pem: str = field(default="", repr=False)


def read_server_certificate(chain: object, key: object, *, now: datetime) -> CertificateFacts:
    """Return a server's certificate with the key that fits it; raise Invalid otherwise."""
    certificates = _read_certificates(chain)
    _check_chain(certificates)
    _check_current(certificates, now)
    private_key = _read_key(key)
    if private_key.public_key() != certificates[0].public_key():
        raise _refusal(
            "key_mismatch",
            KEY,
            "The private key does not belong to the first certificate; upload the key that the "
            "certificate was requested with.",
        )
    key_pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return _facts(certificates, key_pem.decode())


def read_ca_certificate(chain: object, *, now: datetime) -> CertificateFacts:
    """Return certificates of authorities; raise Invalid otherwise."""
    certificates = _read_certificates(chain)
    for at, certificate in enumerate(certificates, start=1):
        if not _is_authority(certificate):
            raise _refusal(
                "not_an_authority",
                CERTIFICATE,
                f"Certificate {at} is not one of an authority (CA:TRUE is missing in its basic "
                "constraints), so it cannot verify clients.",
            )
    _check_current(certificates, now)
    return _facts(certificates)


def _read_certificates(value: object) -> Sequence[x509.Certificate]:
    text = _read_text(value, CERTIFICATE, "certificate", MAX_CERTIFICATE_CHARACTERS)
    if "PRIVATE KEY-----" in text:
        raise _refusal(
            "certificate_format",
            CERTIFICATE,
            "The certificate holds a private key; move that to the field of the key.",
        )
    blocks = _BLOCK.findall(text)
    if not 1 <= len(blocks) <= MAX_CHAIN:
        raise _refusal(
            "certificate_format",
            CERTIFICATE,
            f"1 to {MAX_CHAIN} certificates in PEM are needed, the server's own first, each "
            f"between BEGIN CERTIFICATE and END CERTIFICATE; found: {len(blocks)}.",
        )
    return [_read_certificate(block, at) for at, block in enumerate(blocks, start=1)]


def _read_certificate(block: str, at: int) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(block.encode())
        certificate.extensions  # noqa: B018  # read now, so that nobody stumbles over them later
        public_key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise _refusal(
            "certificate_format",
            CERTIFICATE,
            f"Certificate {at} cannot be read; check that it was copied whole.",
        ) from None
    _check_strength(public_key, CERTIFICATE, f"Certificate {at}")
    is_own_root = certificate.subject == certificate.issuer
    if isinstance(_hash_of(certificate), _WEAK_HASHES) and not is_own_root:
        raise _refusal(
            "weak_signature",
            CERTIFICATE,
            f"Certificate {at} is signed with MD5 or SHA-1, which clients refuse; request one "
            "signed with SHA-256.",
        )
    return certificate


def _hash_of(certificate: x509.Certificate) -> hashes.HashAlgorithm | None:
    try:
        return certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None


def _check_chain(certificates: Sequence[x509.Certificate]) -> None:
    """Each certificate must be signed by the next one."""
    for at in range(1, len(certificates)):
        try:
            certificates[at - 1].verify_directly_issued_by(certificates[at])
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise _refusal(
                "chain_order",
                CERTIFICATE,
                f"Certificate {at} is not signed by certificate {at + 1}; put the server's "
                "certificate first and then each one's issuer.",
            ) from None


def _check_current(certificates: Sequence[x509.Certificate], now: datetime) -> None:
    for at, certificate in enumerate(certificates, start=1):
        end = certificate.not_valid_after_utc
        if end <= now:
            raise _refusal(
                "certificate_expired",
                CERTIFICATE,
                f"Certificate {at} expired on {end:%Y-%m-%d %H:%M} UTC; upload a valid one.",
            )


def _read_key(value: object) -> PrivateKey:
    text = _read_text(value, KEY, "private key", MAX_KEY_CHARACTERS)
    try:
        key = serialization.load_pem_private_key(text.strip().encode(), password=None)
    except TypeError:
        raise _refusal(
            "key_encrypted",
            KEY,
            "The private key is protected by a password; remove it first, for instance with "
            "openssl pkey.",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _refusal(
            "key_format",
            KEY,
            "The private key cannot be read; it must be one key in PEM, of type RSA or EC.",
        ) from None
    _check_strength(key, KEY, "The private key")
    assert isinstance(key, PrivateKey), "checked a line above"
    return key


def _check_strength(key: object, field: str, what: str) -> None:
    least, most = RSA_BITS
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        is_good = least <= key.key_size <= most
    else:
        is_curve = isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey)
        is_good = is_curve and isinstance(getattr(key, "curve", None), _CURVES)
    if not is_good:
        raise _refusal(
            "key_type",
            field,
            f"{what} must be of RSA with {least} to {most} bits, or of an elliptic curve: P-256, "
            "P-384 or P-521.",
        )


def _read_text(value: object, field: str, what: str, most: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _refusal("required", field, f"A {what} in PEM is needed.")
    if len(value) > most:
        message = f"The {what} may have at most {most} characters; given: {len(value)}."
        raise _refusal("too_long", field, message)
    if not value.isascii():
        code = "key_format" if field == KEY else "certificate_format"
        raise _refusal(code, field, f"The {what} must be in PEM, which has ASCII characters only.")
    return value


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _facts(certificates: Sequence[x509.Certificate], key_pem: str = "") -> CertificateFacts:
    first = certificates[0]
    names = first.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    chain = "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)
    return CertificateFacts(
        chain_pem=chain,
        common_name=str(names[0].value) if names else "",
        domains=_domains(first),
        fingerprint=first.fingerprint(hashes.SHA256()).hex(":"),
        expires_at=first.not_valid_after_utc,
        key_pem=key_pem,
    )


def _domains(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(each) for each in names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def _refusal(code: str, field: str, message: str) -> Invalid:
    return Invalid(code, message, fields={field: [message]})
