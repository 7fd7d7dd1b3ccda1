"""Secrets in the database: sealed with a key derived from the installation's own secret.

A reader of the database alone cannot use them. Each purpose has a key of its own. A secret key of
the installation that was replaced still opens what it sealed while it is among the fallbacks.
"""

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

ACCESS_KEYS = "access keys"
CERTIFICATE_KEYS = "certificate keys"


def seal(secret: str, purpose: str) -> str:
    """Return the secret as it is stored."""
    return _cipher(purpose).encrypt(secret.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Return the secret; never show or log it."""
    return _cipher(purpose).decrypt(sealed.encode()).decode()


def _cipher(purpose: str) -> MultiFernet:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derive(str(secret), purpose)) for secret in secrets])


def _derive(secret: str, purpose: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"openclb {purpose}".encode())
    return base64.urlsafe_b64encode(derived.derive(secret.encode()))
