"""The estate with one of everything, and everyone who comes to it."""

import pytest

from tests.balancer.estate import Estate, estate
from tests.balancer.machines import Machines, machines
from tests.balancer.users import UserOf, user_of
from tests.entrances.people import People
from tests.entrances.scene import Ids, build

__all__ = ["estate", "machines", "user_of"]


@pytest.fixture
def people(user_of: UserOf) -> People:
    """Return everyone."""
    return People(user_of)


@pytest.fixture
def ids(estate: Estate, machines: Machines, people: People, settings) -> Ids:
    """Return the ids of one of everything; the region is the installation's own."""
    settings.OPENCLB_DEFAULT_REGION = estate.zone.region.public_id
    return build(estate, machines, people)


@pytest.fixture(autouse=True)
def no_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the clients from copying the context of every template: nobody looks at them here."""
    monkeypatch.setattr("django.test.client.store_rendered_templates", lambda *args, **more: None)
