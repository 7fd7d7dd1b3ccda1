"""REST clients of each role, signed in by a real token."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from balancer.actors import Actor
from balancer.rights import Role
from balancer.services.credentials import create_api_token
from tests.balancer.api.schemathesis_alone import import_alone
from tests.balancer.estate import estate
from tests.balancer.users import UserOf, user_of

__all__ = ["estate", "user_of"]

import_alone()


@pytest.fixture
def client_of(user_of: UserOf) -> Callable[[Role], APIClient]:
    """Return a function that gives a client with a token of the role's user."""

    def make(role: Role) -> APIClient:
        user = user_of(role)
        _, secret = create_api_token(actor=Actor.system("test"), user=user, name="test")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
        return client

    return make


@pytest.fixture
def admin(client_of: Callable[[Role], APIClient]) -> APIClient:
    return client_of(Role.ADMIN)


@pytest.fixture
def operator(client_of: Callable[[Role], APIClient]) -> APIClient:
    return client_of(Role.OPERATOR)


@pytest.fixture
def viewer(client_of: Callable[[Role], APIClient]) -> APIClient:
    return client_of(Role.VIEWER)
