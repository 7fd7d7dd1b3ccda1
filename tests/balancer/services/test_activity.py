"""The record: who, what, when, through which entrance, in which request."""

import structlog

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.services.activity import record_activity


def test_an_entry_tells_who_did_what_to_which(actor, estate):
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        found = record_activity(
            actor,
            "server.weight_changed",
            estate.servers[0],
            load_balancer=estate.load_balancer,
            before=1,
            after=2,
        )
    found.refresh_from_db()
    assert (found.user, found.actor_name) == (actor.user, actor.user.username)
    assert found.entrance == Entrance.CONSOLE
    assert found.object_id == estate.servers[0].public_id
    assert found.load_balancer_public_id == estate.load_balancer.public_id
    assert (found.before, found.after, found.request_id) == (1, 2, "abc")


def test_the_system_is_nobody(estate):
    found = record_activity(Actor.system("demo"), "load_balancer.created", estate.load_balancer)
    assert (found.user, found.actor_name, found.entrance) == (None, "demo", Entrance.SYSTEM)
    assert (found.before, found.after, found.request_id) == (None, None, "")


def test_an_entry_outlives_who_made_it(actor, estate):
    found = record_activity(actor, "listener.started", estate.listener)
    actor.user.delete()
    found.refresh_from_db()
    assert (found.user, found.actor_name) == (None, actor.name)
