"""Reads of API tokens and access keys: everyone's own, and all of them for administrators."""

from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import QuerySet

from balancer.exceptions import Invalid, NotFound
from balancer.models import AccessKey, ApiToken
from balancer.models.credentials import TOKEN_ID_CHARACTERS, TOKEN_ID_PREFIX
from balancer.rights import Right, check_right, has_right
from balancer.selectors.finding import visible

Credential = TypeVar("Credential", AccessKey, ApiToken)


def find_token(digest: str) -> ApiToken | None:
    """Return the usable token with this digest of its text, if its user may still sign in."""
    return (
        ApiToken.objects.filter(digest=digest, is_active=True, user__is_active=True)
        .select_related("user")
        .first()
    )


def list_api_tokens(*, user: Any) -> QuerySet[ApiToken]:
    """Return the tokens the user may see."""
    check_right(user, Right.VIEW)
    return _seen(ApiToken.objects.select_related("user").order_by("-created_at", "-pk"), user)


def get_api_token(*, user: Any, right: Right, token_id: str) -> ApiToken:
    """Return one token the user may see and has the right to use so."""
    digest = token_id.removeprefix(TOKEN_ID_PREFIX)
    is_whole = token_id != digest and len(digest) == TOKEN_ID_CHARACTERS
    tokens = _seen(ApiToken.objects.select_related("user"), user)
    token = tokens.filter(digest__startswith=digest).first()
    if token is None or not is_whole:
        raise NotFound("not_found", f"There is no API token {token_id}.", id=token_id)
    check_right(user, right)
    return token


def list_access_keys(*, user: Any) -> QuerySet[AccessKey]:
    """Return the access keys the user may see."""
    check_right(user, Right.VIEW)
    return _seen(AccessKey.objects.select_related("user").order_by("-created_at", "-pk"), user)


def get_access_key(*, user: Any, right: Right, key_id: str) -> AccessKey:
    """Return one access key the user may see and has the right to use so."""
    key = _seen(AccessKey.objects.select_related("user"), user).filter(key_id=key_id).first()
    if key is None:
        raise NotFound("not_found", f"There is no access key {key_id}.", id=key_id)
    check_right(user, right)
    return key


def get_credential_owner(*, user: Any, username: str | None) -> User:
    """Return for whom the caller may make a credential: themselves, administrators for anyone."""
    check_right(user, Right.CHANGE)
    if username is None or username == user.get_username():
        username = user.get_username()
    else:
        check_right(user, Right.ADMINISTER)
    owner = User.objects.filter(username=username, is_active=True).first()
    if owner is None:
        rule = f"There is no active user {username}."
        raise Invalid("unknown_user", rule, fields={"user": [rule]})
    return owner


def find_access_key(key_id: str) -> AccessKey | None:
    """Return the key with this id and its user, disabled or not; who calls is not known yet."""
    if "\0" in key_id:
        return None  # PostgreSQL refuses a NUL in any text; no id has one
    return AccessKey.objects.filter(key_id=key_id).select_related("user").first()


def _seen(rows: QuerySet[Credential], user: Any) -> QuerySet[Credential]:
    rows = visible(rows, user)
    return rows if has_right(user, Right.ADMINISTER) else rows.filter(user=user)
