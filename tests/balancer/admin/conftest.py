"""The admin as a signed-in person of each role sees it."""

from collections.abc import Callable

import pytest
from django.test import Client

from balancer.rights import Role
from tests.balancer.estate import estate
from tests.balancer.users import UserOf, user_of

__all__ = ["estate", "user_of"]


@pytest.fixture
def site_of(user_of: UserOf) -> Callable[[Role], Client]:
    """Return a function that signs the role's user in to the admin."""

    def sign_in(role: Role) -> Client:
        client = Client()
        client.force_login(user_of(role))
        return client

    return sign_in


@pytest.fixture
def site(site_of: Callable[[Role], Client]) -> Client:
    """Return the admin as an operator sees it."""
    return site_of(Role.OPERATOR)
