"""API tokens and access keys: made, disabled, and the time of their last use.

A token's text is shown once and only its digest is kept. The secret of an access key must be
usable for signing, so it is kept encrypted with a key derived from the installation's secret: a
reader of the database alone cannot use it.
"""

import contextlib
import hashlib
import secrets
import string
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from balancer.actors import Actor
from balancer.exceptions import Conflict, Invalid
from balancer.models import AccessKey, ApiToken, RequestNonce
from balancer.sealing import ACCESS_KEYS, seal, unseal
from balancer.services.activity import record_activity
from balancer.services.locks import lock_row

TOKEN_PREFIX = "oclb_"
MAX_TOKEN_NAME_CHARACTERS = 80
LAST_USE_PRECISION = timedelta(minutes=5)
"""How exact the time of the last use is: a write at every request would hold up all others."""

_TOKEN_BYTES = 32
_HINT_CHARACTERS = 8
_KEY_ID_PREFIX = "OCLB"
_KEY_ID_CHARACTERS = 20
_KEY_SECRET_CHARACTERS = 30
_ALPHABET = string.ascii_letters + string.digits


def token_digest(secret: str) -> str:
    """Return what is stored of a token; 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def create_api_token(*, actor: Actor, user: AbstractBaseUser, name: str) -> tuple[ApiToken, str]:
    """Make a token for the user; its text is returned here and never again."""
    name = _checked_name(name)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    token = ApiToken.objects.create(
        name=name, digest=token_digest(secret), hint=secret[:_HINT_CHARACTERS], user=_person(user)
    )
    record_activity(actor, "api_token.created", token, after=_facts(token))
    return token, secret


@transaction.atomic
def revoke_api_token(*, actor: Actor, token: ApiToken) -> ApiToken:
    """Make a token useless for good; the row stays, for the record."""
    token = lock_row(token)
    if token.is_active:
        token.is_active = False
        token.save(update_fields=["is_active"])
        record_activity(actor, "api_token.revoked", token, before=_facts(token))
    return token


@transaction.atomic
def create_access_key(*, actor: Actor, user: AbstractBaseUser) -> tuple[AccessKey, str]:
    """Make a key pair for the signed RPC API; the secret is returned here and never again."""
    secret = _random_text(_KEY_SECRET_CHARACTERS)
    key = AccessKey.objects.create(
        key_id=_KEY_ID_PREFIX + _random_text(_KEY_ID_CHARACTERS),
        encrypted_secret=seal(secret, ACCESS_KEYS),
        user=_person(user),
    )
    record_activity(actor, "access_key.created", key, after=_facts(key))
    return key, secret


@transaction.atomic
def disable_access_key(*, actor: Actor, key: AccessKey) -> AccessKey:
    """Refuse everything signed with the key from now on."""
    return _switch_access_key(actor, key, is_active=False)


@transaction.atomic
def enable_access_key(*, actor: Actor, key: AccessKey) -> AccessKey:
    """Accept what is signed with the key again."""
    return _switch_access_key(actor, key, is_active=True)


@transaction.atomic
def delete_access_key(*, actor: Actor, key: AccessKey) -> None:
    """Delete a key that is disabled: what still used it has been noticed by then."""
    key = lock_row(key)
    if key.is_active:
        raise Conflict(
            "access_key_enabled",
            f"Access key {key.key_id} is enabled; disable it first and see that nothing needs it.",
        )
    record_activity(actor, "access_key.deleted", key, before=_facts(key))
    key.delete()


def reveal_secret(key: AccessKey) -> str:
    """Return the secret of an access key, to check a signature with; never show or log it."""
    return unseal(key.encrypted_secret, ACCESS_KEYS)


def note_use(credential: ApiToken | AccessKey) -> None:
    """Remember when the credential was used last, within ``LAST_USE_PRECISION``.

    A database that cannot be written now is no reason to refuse the request.
    """
    now = timezone.now()
    if credential.last_used_at and now - credential.last_used_at < LAST_USE_PRECISION:
        return
    with contextlib.suppress(DatabaseError), transaction.atomic():
        type(credential).objects.filter(pk=credential.pk).update(last_used_at=now)


def note_nonce(key: AccessKey, nonce: str) -> bool:
    """Remember that a request signed with the key used the nonce; tell whether it was fresh."""
    try:
        with transaction.atomic():
            RequestNonce.objects.create(key_id=key.key_id, nonce=nonce)
    except IntegrityError:
        return False
    return True


def _switch_access_key(actor: Actor, key: AccessKey, *, is_active: bool) -> AccessKey:
    key = lock_row(key)
    if key.is_active != is_active:
        key.is_active = is_active
        key.save(update_fields=["is_active"])
        action = "access_key.enabled" if is_active else "access_key.disabled"
        record_activity(actor, action, key, after=_facts(key))
    return key


def _facts(credential: ApiToken | AccessKey) -> dict[str, object]:
    return {"user": credential.user.get_username(), "is_active": credential.is_active}


def _checked_name(name: str) -> str:
    name = name.strip()
    if 1 <= len(name) <= MAX_TOKEN_NAME_CHARACTERS:
        return name
    rule = f"Name must have 1 to {MAX_TOKEN_NAME_CHARACTERS} characters; given: {len(name)}."
    raise Invalid("out_of_range", rule, fields={"name": [rule]})


def _person(user: AbstractBaseUser) -> User:
    if not isinstance(user, User):
        raise TypeError("credentials belong to a stored user")
    return user


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
