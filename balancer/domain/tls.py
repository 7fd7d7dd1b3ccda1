"""How an HTTPS listener may meet its clients."""

import re
from typing import Any

from balancer.constants import MAX_DOMAIN_CHARACTERS
from balancer.exceptions import Invalid
from proxy.snapshot import Protocol, TlsPolicy

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})+")


def check_has_certificate(protocol: str, certificate: object) -> None:
    """Raise Invalid when an HTTPS listener has nothing to show to its clients."""
    if protocol == Protocol.HTTPS and certificate is None:
        message = "An HTTPS listener needs a server certificate; choose one, or upload one first."
        raise Invalid("required", message, fields={"certificate": [message]})


def check_tls_policy(value: Any) -> str:
    """Return which versions and ciphers are offered."""
    if value not in set(TlsPolicy):
        names = ", ".join(each.value for each in TlsPolicy)
        message = f"The TLS policy must be one of: {names}; given: {value!s:.40}."
        raise Invalid("invalid_option", message, fields={"tls_policy": [message]})
    return str(value)


def check_certificate_domain(value: Any) -> str:
    """Return the domain that a client asks for, in small letters; ``*.`` begins a wildcard."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if len(text) > MAX_DOMAIN_CHARACTERS or _DOMAIN.fullmatch(text) is None:
        message = (
            f"A domain has up to {MAX_DOMAIN_CHARACTERS} letters, digits, hyphens and periods, "
            f"such as shop.example.com or *.example.com; given: {value!s:.100}."
        )
        raise Invalid("invalid_domain", message, fields={"domain": [message]})
    return text
