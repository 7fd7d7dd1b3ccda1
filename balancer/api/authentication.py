"""Who is calling: a session of the console, or a token in the Authorization header."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from balancer.models import ApiToken
from balancer.selectors.credentials import find_token
from balancer.services.credentials import note_use, token_digest

KEYWORD = "Token"


class ApiTokenAuthentication(BaseAuthentication):
    """Reads ``Authorization: Token oclb_...``; only the digest of the token is looked up."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """Return the token's user, nothing when no token is offered, or refuse a wrong one."""
        keyword, _, secret = get_authorization_header(request).strip().partition(b" ")
        if keyword.lower() != KEYWORD.lower().encode():
            return None
        token = find_token(token_digest(secret.strip().decode("latin-1")))
        if token is None:
            raise AuthenticationFailed("This token is unknown or was revoked.", code="bad_token")
        note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return f'{KEYWORD} realm="OpenCLB API"'
