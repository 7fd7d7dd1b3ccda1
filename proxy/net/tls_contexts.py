"""Certificates, policies and names of a snapshot as ``ssl`` contexts.

A listener has one context in front, which holds its default certificate; the name that a client
asks for (SNI) may choose another one. What did not change keeps its context over generations, and
with it the sessions that clients may resume.

``ssl`` loads keys from files only: they are handed over in memory (memfd), never by a disk.
"""

import hashlib
import logging
import os
import ssl
import warnings
import weakref
from collections.abc import Mapping

from proxy.net.ticket_keys import TicketSecret, share
from proxy.snapshot import Certificate, Listener, Snapshot, SnapshotInvalid, Tls, TlsPolicy

logger = logging.getLogger(__name__)

_Contexts = weakref.WeakValueDictionary[str, ssl.SSLContext]
ALPN = ["http/1.1"]
_GCM = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
_FORWARD_SECRET = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in (*_GCM, "AES128-SHA256", "AES256-SHA384", "AES128-SHA", "AES256-SHA")
    for signature in ("ECDSA", "RSA")
)
_COMPATIBLE = ":".join(
    (_FORWARD_SECRET, *_GCM, "AES128-SHA256", "AES256-SHA256", "AES128-SHA", "AES256-SHA")
)
# TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL 3 has at its lowest security level alone.
_LEGACY = f"{_COMPATIBLE}:@SECLEVEL=0"
_V = ssl.TLSVersion

POLICIES: Mapping[TlsPolicy, tuple[ssl.TLSVersion, ssl.TLSVersion, str]] = {
    # policy: (lowest version, highest version, ciphers up to TLS 1.2)
    TlsPolicy.TLS_1_0: (_V.TLSv1, _V.TLSv1_2, _LEGACY),
    TlsPolicy.TLS_1_1: (_V.TLSv1_1, _V.TLSv1_2, _LEGACY),
    TlsPolicy.TLS_1_2: (_V.TLSv1_2, _V.TLSv1_2, _COMPATIBLE),
    TlsPolicy.TLS_1_2_STRICT: (_V.TLSv1_2, _V.TLSv1_2, _FORWARD_SECRET),
    TlsPolicy.TLS_1_2_STRICT_WITH_1_3: (_V.TLSv1_2, _V.TLSv1_3, _FORWARD_SECRET),
}


class CertificateUnusable(SnapshotInvalid):
    """A certificate of the snapshot cannot be served; the message names it, never its key."""


class TlsContexts:
    """The contexts of one process, found again by what they were made of.

    With a ``secret`` their sessions may be resumed wherever it is known.
    """

    def __init__(self, secret: TicketSecret | None = None) -> None:
        self._known: _Contexts = weakref.WeakValueDictionary()
        # Those in front; what a client resumes is theirs, whatever name it asks for.
        self._fronts: _Contexts = weakref.WeakValueDictionary()
        self._secret = secret
        self._secret_number = 0

    def build(self, snapshot: Snapshot) -> dict[str, ssl.SSLContext]:
        """Return the context in front of each HTTPS listener; raise CertificateUnusable."""
        certificates = {each.id: each for each in snapshot.certificates}
        return {
            listener.id: self._front(listener, listener.tls, certificates)
            for listener in snapshot.listeners
            if listener.tls is not None
        }

    def follow_secret(self) -> None:
        """Share the sessions of all contexts under the secret in force, if it is another one."""
        secret = self._secret
        if secret is not None and secret.number != self._secret_number:
            self._secret_number = secret.number
            for made_of, context in list(self._fronts.items()):
                self._share(context, made_of)

    def _share(self, context: ssl.SSLContext, made_of: str) -> None:
        if self._secret is None or not self._secret_number:
            return
        try:
            share(context, self._secret.read(), made_of)
        except (AttributeError, OSError, ValueError):  # the trial has seen it work
            logger.exception("TLS sessions are not shared with other workers")
            self._secret = None

    def _front(
        self, listener: Listener, tls: Tls, certificates: Mapping[str, Certificate]
    ) -> ssl.SSLContext:
        named = {each.domain.lower(): certificates[each.certificate] for each in tls.domains}
        default = certificates[tls.certificate]
        authority = certificates[tls.client_ca] if tls.client_ca else None
        parts = [listener.id, tls.policy, default.chain_pem, default.key_pem]
        parts += [authority.chain_pem if authority else ""]
        for domain, certificate in sorted(named.items()):
            parts += [domain, certificate.chain_pem, certificate.key_pem]
        key = _digest(*parts)
        context = self._fronts.get(key)
        if context is None:
            context = _new_context(tls.policy, default)
            if authority is not None:
                _ask_for_certificates(context, authority)
            if named:
                by_domain = {
                    domain: self._context_of(tls.policy, each) for domain, each in named.items()
                }
                context.sni_callback = _NameChoice(by_domain)
            self._fronts[key] = context
            self._share(context, key)
        return context

    def _context_of(self, policy: TlsPolicy, certificate: Certificate) -> ssl.SSLContext:
        key = _digest(policy, certificate.chain_pem, certificate.key_pem)
        context = self._known.get(key)
        if context is None:
            context = self._known[key] = _new_context(policy, certificate)
        return context


class _NameChoice:
    """Chooses the certificate by the name that a client asks for, while it says hello."""

    def __init__(self, by_domain: Mapping[str, ssl.SSLContext]) -> None:
        self._by_domain = by_domain

    def __call__(self, handshake: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Take the exact domain, else the narrowest wildcard, else leave the default."""
        rest = (name or "").lower()
        found = self._by_domain.get(rest)
        while found is None and rest:
            rest = rest.partition(".")[2]
            found = self._by_domain.get(f"*.{rest}")
        if found is not None:
            handshake.context = found


def _new_context(policy: TlsPolicy, certificate: Certificate) -> ssl.SSLContext:
    lowest, highest, ciphers = POLICIES[policy]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= (
        ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    with warnings.catch_warnings():
        # Python warns of old versions; whether a listener has them is its operator's choice.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = lowest
        context.maximum_version = highest
    context.set_ciphers(ciphers)
    context.set_alpn_protocols(ALPN)
    _load(context, certificate)
    return context


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    chain, key = _memory_file(certificate.chain_pem), _memory_file(certificate.key_pem)
    try:
        # An encrypted key must fail, not ask at a terminal.
        context.load_cert_chain(
            f"/proc/self/fd/{chain}", f"/proc/self/fd/{key}", password=lambda: ""
        )
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"certificate {certificate.id}: {_reason(error)}") from None
    finally:
        os.close(chain)
        os.close(key)


def _ask_for_certificates(context: ssl.SSLContext, authority: Certificate) -> None:
    try:
        context.load_verify_locations(cadata=authority.chain_pem)
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"certificate {authority.id}: {_reason(error)}") from None
    context.verify_mode = ssl.CERT_REQUIRED


def _memory_file(text: str) -> int:
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(text.encode())
    return descriptor


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or type(error).__name__


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()
