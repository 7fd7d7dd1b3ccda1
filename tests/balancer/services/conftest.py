"""What the tests of services share: the estate, machines, and who acts through which door."""

import pytest

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.models import Activity, LoadBalancer, PublishHead
from balancer.rights import Role
from tests.balancer.estate import estate
from tests.balancer.machines import machines
from tests.balancer.users import UserOf, user_of

__all__ = ["estate", "machines", "user_of"]


@pytest.fixture
def actor(user_of: UserOf) -> Actor:
    """Return an operator at the console."""
    return Actor.person(user_of(Role.OPERATOR), Entrance.CONSOLE)


def wanted(load_balancer: LoadBalancer) -> int:
    """Return the version that was asked for last, 0 for none."""
    head = PublishHead.objects.filter(load_balancer_public_id=load_balancer.public_id).first()
    return head.wanted if head else 0


class Recorder:
    """Counts what a service has recorded and asked to publish since the last look."""

    def __init__(self, load_balancer: LoadBalancer) -> None:
        self._load_balancer = load_balancer
        self._version = wanted(load_balancer)
        self._last = self._newest()

    @staticmethod
    def _newest() -> int:
        entry = Activity.objects.order_by("-pk").first()
        return entry.pk if entry else 0

    def entries(self) -> list[Activity]:
        """Return the entries since."""
        return list(Activity.objects.filter(pk__gt=self._last).order_by("pk"))

    def entry(self) -> Activity:
        """Return the one entry since."""
        (only,) = self.entries()
        return only

    @property
    def published(self) -> int:
        """Return how many versions were asked for since."""
        return wanted(self._load_balancer) - self._version

    def assert_nothing_happened(self) -> None:
        """Fail when anything was recorded or published since."""
        assert self.entries() == []
        assert self.published == 0


@pytest.fixture
def recorder(estate) -> Recorder:
    """Return a recorder for the estate's load balancer."""
    return Recorder(estate.load_balancer)
