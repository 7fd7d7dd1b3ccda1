"""Many writers at once: nothing lost, nothing doubled, no deadlock (reliability cases 21 and 22).

Runs on whichever database the settings name: locks of rows on PostgreSQL, IMMEDIATE transactions
on SQLite.
"""

import functools
import random
import threading
from collections.abc import Callable

import pytest

from balancer import feed
from balancer.actors import Actor
from balancer.exceptions import Stale
from balancer.models import (
    Activity,
    BackendServer,
    EcsInstance,
    LoadBalancer,
    PublishHead,
)
from balancer.services.backend_servers import (
    add_servers,
    remove_servers,
    set_server_weight,
    set_server_weights,
)
from balancer.services.listeners import update_listener
from balancer.services.load_balancers import (
    start_load_balancer,
    stop_load_balancer,
)
from balancer.services.publishing import publish_latest
from balancer.services.server_groups import create_server_group
from proxy.snapshot import GroupKind, Snapshot
from tests.balancer.estate import Estate
from tests.balancer.machines import entry
from tests.balancer.races import Announcements, announced, at_once, outcome
from tests.broker import broker, broker_process

__all__ = ["announced", "broker", "broker_process"]

pytestmark = pytest.mark.usefixtures("transactional_db", "announced")

SEED = 2607
ACTOR = Actor.system("race")
ACTS_PER_WRITER = 16
PUBLISHERS = 2
REFUSALS = {"", "stale", "server_not_in_group", "already_in_group"}


class History:
    """What each version changed: the state at any version is the sum of the changes up to it."""

    def __init__(self, estate: Estate) -> None:
        self._changes: dict[int, dict[str, object]] = {}
        self._start = state_in_database(estate)
        self._lock = threading.Lock()

    def add(self, version: int, change: dict[str, object]) -> None:
        with self._lock:
            assert version not in self._changes, "two changes have one version"
            self._changes[version] = change

    @property
    def versions(self) -> list[int]:
        return sorted(self._changes)

    def state_at(self, version: int) -> dict[str, object]:
        """Return weights by server id, the listener's timeout and whether the balancer runs."""
        state = dict(self._start)
        for each in self.versions:
            if each <= version:
                state.update(self._changes[each])
        return {key: value for key, value in state.items() if value is not None}


def state_in_database(estate: Estate) -> dict[str, object]:
    listener, load_balancer = estate.listener, estate.load_balancer
    listener.refresh_from_db()
    load_balancer.refresh_from_db()
    weights = BackendServer.objects.filter(group=estate.group).values_list("public_id", "weight")
    return dict(weights) | {"timeout": listener.idle_timeout_s, "active": load_balancer.is_active}


def state_in_snapshot(snapshot: Snapshot) -> dict[str, object]:
    if not snapshot.listeners:
        return {"active": False}
    (listener,), (group,) = snapshot.listeners, snapshot.groups
    weights: dict[str, object] = {each.id: each.weight for each in group.servers}
    return weights | {"timeout": listener.idle_timeout_s, "active": True}


class Writer:
    """One person at work: random acts on one load balancer, each noted with its version."""

    def __init__(self, name: str, estate: Estate, history: History, spare: list[EcsInstance]):
        self.actor = Actor.system(name)
        self.changes = 0
        self._estate, self._history, self._spare = estate, history, spare
        self._random = random.Random(f"{SEED} {name}")
        self._is_active = True

    def work(self, announced: Announcements, *acts: Callable[[], dict[str, object]]) -> None:
        """Do as many acts as asked; each that is accepted has one version, later than the last."""
        last = 0
        for _ in range(ACTS_PER_WRITER):
            change: dict[str, object] = {}
            act = self._random.choice(acts)
            refusal = outcome(lambda act=act, change=change: change.update(act()))  # type: ignore[misc]
            versions = announced.take()
            assert refusal in REFUSALS
            assert len(versions) <= (0 if refusal else 1)
            for version in versions:
                assert version > last
                last = version
                self._history.add(version, change)
                self.changes += 1

    def weigh(self) -> dict[str, object]:
        server, weight = self._any_server(), self._random.randint(0, 100)
        set_server_weight(
            actor=self.actor, server=server, weight=weight, expected=server.edit_number
        )
        return {server.public_id: weight}

    def weigh_all(self) -> dict[str, object]:
        ids = [each.public_id for each in self._servers()]
        weights = {each: self._random.randint(0, 100) for each in ids[:3]}
        set_server_weights(actor=self.actor, group=self._estate.group, weights=weights)
        return dict(weights)

    def add(self) -> dict[str, object]:
        wanted = [entry(self._random.choice(self._spare), weight=self._random.randint(0, 100))]
        added = add_servers(actor=self.actor, group=self._estate.group, servers=wanted)
        return {each.public_id: each.weight for each in added}

    def remove(self) -> dict[str, object]:
        added = [each.public_id for each in self._servers()[3:]]  # never the last one
        ids = [self._random.choice(added or ["bs-gone"])]
        gone = remove_servers(actor=self.actor, group=self._estate.group, server_ids=ids)
        return {each.public_id: None for each in gone}

    def edit_listener(self) -> dict[str, object]:
        timeout = self._random.randint(1, 60)
        update_listener(actor=self.actor, listener=self._estate.listener, idle_timeout_s=timeout)
        return {"timeout": timeout}

    def switch(self) -> dict[str, object]:
        act = stop_load_balancer if self._is_active else start_load_balancer
        act(actor=self.actor, load_balancer=self._estate.load_balancer)
        self._is_active = not self._is_active
        return {"active": self._is_active}

    def _servers(self) -> list[BackendServer]:
        rows = BackendServer.objects.filter(group=self._estate.group).select_related("group")
        return list(rows.order_by("pk"))

    def _any_server(self) -> BackendServer:
        return self._random.choice(self._servers())


def publish_all(announced: Announcements) -> list[int]:
    """Be a worker until the queue says that it ends; return the versions in force after each."""
    in_force = []
    while (task := announced.queue.get()) is not None:
        public_id, version = task
        publish_latest(public_id, at_least=version)
        in_force.append(feed.read_index()[public_id].version)
    return in_force


def head_of(load_balancer: LoadBalancer) -> PublishHead:
    return PublishHead.objects.get(load_balancer_public_id=load_balancer.public_id)


def test_every_snapshot_is_the_state_of_its_version_while_everybody_writes(
    estate, announced, broker, monkeypatch
):
    """Case 21: versions are dense, each change has one record, what applies last is what is
    wanted, and no publication mixes two states."""
    snapshots: list[Snapshot] = []
    put_snapshot = feed.put_snapshot

    def note_and_put(snapshot: Snapshot):
        snapshots.append(snapshot)
        return put_snapshot(snapshot)

    monkeypatch.setattr(feed, "put_snapshot", note_and_put)
    spare = [
        EcsInstance.objects.create(
            name=f"s{at}", zone=estate.zone, vswitch=estate.vswitch, private_address=f"10.0.7.{at}"
        )
        for at in range(8)
    ]
    history = History(estate)
    writers = [Writer(f"writer {at}", estate, history, spare) for at in range(5)]
    first, second, third, fourth, fifth = writers
    work = [
        functools.partial(first.work, announced, first.weigh, first.weigh_all),
        functools.partial(second.work, announced, second.weigh, second.edit_listener),
        functools.partial(third.work, announced, third.add, third.remove),
        functools.partial(fourth.work, announced, fourth.add, fourth.weigh_all, fourth.remove),
        functools.partial(fifth.work, announced, fifth.switch, fifth.weigh),
    ]

    def write_all() -> list[int]:
        try:
            at_once(*work)
        finally:
            for _ in range(PUBLISHERS):
                announced.queue.put(None)
        return []

    publish = functools.partial(publish_all, announced)
    _, *seen = at_once(write_all, *[publish] * PUBLISHERS)

    head = head_of(estate.load_balancer)
    assert head.wanted >= ACTS_PER_WRITER
    assert history.versions == list(range(1, head.wanted + 1))
    for writer in writers:
        assert Activity.objects.filter(actor_name=writer.actor.name).count() == writer.changes
    assert history.state_at(head.wanted) == state_in_database(estate)
    for snapshot in snapshots:
        assert state_in_snapshot(snapshot) == visible_state(history.state_at(snapshot.version))
    for versions in seen:
        assert versions == sorted(versions), "the feed went back"
    assert head.published == head.wanted == max(versions[-1] for versions in seen if versions)


def visible_state(state: dict[str, object]) -> dict[str, object]:
    return state if state["active"] else {"active": False}


def test_of_writers_who_read_the_same_one_is_accepted(estate, announced):
    """Case 22: the others are told what the number is now; nothing is overwritten in silence."""
    server, group = estate.servers[0], estate.group

    def weigh(weight: int, expected: int) -> int | Stale:
        try:
            set_server_weight(actor=ACTOR, server=server, weight=weight, expected=expected)
        except Stale as error:
            return error
        return weight

    for turn in range(10):
        server = group.servers.select_related("group").get(pk=server.pk)
        acts = [functools.partial(weigh, turn * 4 + at, server.edit_number) for at in range(3)]
        results = at_once(*acts)
        (accepted,) = [each for each in results if isinstance(each, int)]
        refused = [each for each in results if isinstance(each, Stale)]
        assert {each.details["current"] for each in refused} == {server.edit_number + 1}
        assert group.servers.get(pk=server.pk).weight == accepted
    assert head_of(estate.load_balancer).wanted == Activity.objects.count() == 10


def test_no_race_passes_the_quota_of_servers(estate, announced):
    """E1.8: the 201st server stays out, whichever group and whoever asks."""
    limit, rivals = 200, 4
    machines = EcsInstance.objects.bulk_create(
        EcsInstance(
            name=f"m{at}", zone=estate.zone, vswitch=estate.vswitch, private_address=f"10.0.8.{at}"
        )
        for at in range(limit)
    )
    room = 5
    add_servers(
        actor=ACTOR,
        group=estate.group,
        servers=[entry(each) for each in machines[: limit - room - 3]],
    )
    other = create_server_group(
        actor=ACTOR,
        load_balancer=estate.load_balancer,
        kind=GroupKind.VSERVER,
        name="other",
    )
    left = machines[limit - room - 3 :]

    def add(at: int) -> list[str]:
        group, port = (estate.group, None) if at % 2 else (other, 80)
        wanted = [entry(each, port=port) for each in left[at::rivals]]
        return [
            outcome(lambda one=one: add_servers(actor=ACTOR, group=group, servers=[one]))  # type: ignore[misc]
            for one in wanted
        ]

    outcomes = sum(at_once(*(functools.partial(add, at) for at in range(rivals))), [])
    assert sorted(outcomes) == [""] * room + ["quota_exceeded"] * (len(left) - room)
    assert BackendServer.objects.count() == limit
