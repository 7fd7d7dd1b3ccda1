"""One user of each role, as the first start makes them but for random passwords."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User

from balancer.rights import Role

UserOf = Callable[[Role], User]


@pytest.fixture
def user_of(db: None) -> UserOf:
    """Return a function that makes, or finds again, the user of a role."""

    def find_or_make(role: Role) -> User:
        user, is_new = User.objects.get_or_create(username=f"the-{role.value}")
        if is_new:
            user.is_staff = True
            user.save()
            user.groups.add(Group.objects.get_or_create(name=role.value)[0])
        return user

    return find_or_make
