"""Browsers without a script: Django's client, signed in as each role, plain and as htmx."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from balancer.rights import Role
from tests.balancer.estate import estate
from tests.balancer.users import UserOf, user_of

__all__ = ["estate", "user_of"]


class PageClient(Client):
    """A client that can also ask as htmx does."""

    def htmx(self, method: str, path: str, *args: Any, target: str = "", **kwargs: Any) -> Any:
        """Send the request with htmx's headers; ``target`` is the element to replace."""
        headers = {"HX-Request": "true", "HX-Target": target, "HX-Current-URL": f"http://t{path}"}
        return getattr(self, method)(path, *args, headers=headers, **kwargs)


@pytest.fixture
def client_of(user_of: UserOf) -> Callable[[Role], PageClient]:
    """Return a function that gives a signed-in client of a role."""

    def make(role: Role) -> PageClient:
        client = PageClient()
        client.force_login(user_of(role))
        return client

    return make


@pytest.fixture
def operator(client_of: Callable[[Role], PageClient]) -> PageClient:
    return client_of(Role.OPERATOR)


@pytest.fixture
def viewer(client_of: Callable[[Role], PageClient]) -> PageClient:
    return client_of(Role.VIEWER)
