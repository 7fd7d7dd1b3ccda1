"""Reads are tested on the small estate, by users of each role."""

import pytest
from django.contrib.auth.models import User

from balancer.rights import Role
from tests.balancer.estate import estate
from tests.balancer.machines import machines
from tests.balancer.users import UserOf, user_of

__all__ = ["estate", "machines", "user_of"]


@pytest.fixture
def viewer(user_of: UserOf) -> User:
    """Return a user who may look at everything and change nothing."""
    return user_of(Role.VIEWER)


@pytest.fixture
def nobody(db: None) -> User:
    """Return a user without any role."""
    return User.objects.create_user("nobody")
