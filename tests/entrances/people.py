"""Who comes to the entrances: each role, somebody without a role, and nobody."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from balancer.actors import Actor
from balancer.rights import RIGHTS_OF_ROLE, Right, Role
from balancer.services.credentials import create_access_key, create_api_token
from tests.balancer.rpc.caller import RpcClient
from tests.balancer.users import UserOf


class Who(StrEnum):
    """Everyone that the walk sends."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"
    NO_ROLE = "no role"
    NOBODY = "nobody"


class Needs(StrEnum):
    """What an entrance asks of whoever comes."""

    NOTHING = "nothing"
    SIGN_IN = "sign in"
    VIEW = "view"
    CHANGE = "change"
    ADMINISTER = "administer"
    OTHERS = "what belongs to somebody else"


class Verdict(Enum):
    """What becomes of them there; each interface has its own words for it."""

    ALLOWED = "allowed"
    FORBIDDEN = "may see it, may not do it"
    UNSEEN = "may not even see it"
    SIGN_IN_FIRST = "must sign in first"


def verdict(who: Who, needs: Needs, *, names_row: bool = True) -> Verdict:
    """Return the one rule of contract.md: not to be seen is 404, not to be changed is 403.

    An address that names no row has nothing to hide: whoever may see nothing is told so.
    """
    if needs is Needs.NOTHING:
        return Verdict.ALLOWED
    if who is Who.NOBODY:
        return Verdict.SIGN_IN_FIRST
    if needs is Needs.SIGN_IN:
        return Verdict.ALLOWED
    if who is Who.NO_ROLE:
        return Verdict.UNSEEN if names_row else Verdict.FORBIDDEN
    rights = RIGHTS_OF_ROLE[Role(who.value)]
    if needs is Needs.OTHERS:
        return Verdict.ALLOWED if Right.ADMINISTER in rights else Verdict.UNSEEN
    return Verdict.ALLOWED if Right(needs.value) in rights else Verdict.FORBIDDEN


@dataclass(frozen=True)
class People:
    """Everyone with what they come with: a session, a token, a key."""

    user_of: UserOf

    def user(self, who: Who) -> User | None:
        """Return the user, None for nobody."""
        if who is Who.NOBODY:
            return None
        if who is Who.NO_ROLE:
            # Staff, so that the admin's own door lets them in and only the role is missing.
            return User.objects.get_or_create(username="no-role", is_staff=True)[0]
        return self.user_of(Role(who.value))

    def browser(self, who: Who) -> Client:
        """Return a browser that is signed in, nobody's excepted."""
        client, user = Client(), self.user(who)
        if user is not None:
            client.force_login(user)
        return client

    def rest(self, who: Who) -> APIClient:
        """Return a client with a token of the user."""
        client, user = APIClient(), self.user(who)
        if user is not None:
            _, secret = create_api_token(actor=Actor.system("test"), user=user, name="walk")
            client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        return client

    def rpc(self, who: Who) -> RpcClient:
        """Return a client that signs with a key of the user, or with one that is not known."""
        user = self.user(who)
        if user is None:
            return RpcClient("OCLBnobody", "secret")
        key, secret = create_access_key(actor=Actor.system("test"), user=user)
        return RpcClient(key.key_id, secret)
