"""Source-address persistence: who agrees, what a change of weights leaves alone, and the bounds."""

import pytest

from proxy.core.persistence import Memory
from proxy.snapshot import SchedulerName
from tests.proxy.core.test_failover import Scene, group

TIMEOUT_S = 60
ADDRESSES = [f"192.0.2.{each}" for each in range(200)]


def scene_of(**weights: int) -> Scene:
    scene = Scene(first=group("rsp-1", **weights), second=group("rsp-2"))
    scene.adopt(
        first=group("rsp-1", **weights),
        second=group("rsp-2"),
        persistence_timeout_s=TIMEOUT_S,
    )
    scene.say()
    return scene


def change(scene: Scene, timeout_s: int = TIMEOUT_S, **weights: int) -> None:
    scene.adopt(
        first=group("rsp-1", **weights),
        second=group("rsp-2"),
        persistence_timeout_s=timeout_s,
    )
    scene.say()
    while scene.plan.prepare():
        pass


def server_of(scene: Scene, address: str, port: int = 1000) -> str:
    found = scene.plan.layer4_route.pick(scene.availability, scene.now, peer=(address, port))
    return found.server_id


def servers_of(scene: Scene) -> dict[str, str]:
    return {address: server_of(scene, address) for address in ADDRESSES}


def test_every_port_of_an_address_has_one_server_whatever_the_scheduler():
    scene = scene_of(a=1, b=1, c=1)
    for address in ADDRESSES[:20]:
        assert len({server_of(scene, address, port) for port in range(1000, 1010)}) == 1


def test_weights_decide_how_many_addresses_a_server_has():
    scene = scene_of(a=90, b=10)
    counts = [*servers_of(scene).values()]
    assert 150 < counts.count("a") < 200


def test_two_proxies_agree_without_knowing_of_each_other():
    """Issue 3: no shared store."""
    assert servers_of(scene_of(a=5, b=3, c=2)) == servers_of(scene_of(a=5, b=3, c=2))


def test_change_of_weights_leaves_those_who_were_here_alone():
    scene = scene_of(a=50, b=50)
    before = servers_of(scene)
    change(scene, a=90, b=10)
    assert servers_of(scene) == before
    fresh = scene_of(a=90, b=10)
    assert servers_of(fresh) != before, "the weights decide for who comes new"


def test_after_the_timeout_the_weights_decide():
    scene = scene_of(a=50, b=50)
    servers_of(scene)
    change(scene, a=90, b=10)
    scene.now += TIMEOUT_S + 0.1
    assert servers_of(scene) == servers_of(scene_of(a=90, b=10))


def test_each_connection_begins_the_timeout_anew():
    scene = scene_of(a=50, b=50)
    before = servers_of(scene)
    change(scene, a=90, b=10)
    for _ in range(3):
        scene.now += TIMEOUT_S - 1
        assert servers_of(scene) == before


@pytest.mark.parametrize("how", ["down", "weight-0", "removed"])
def test_nobody_stays_with_a_server_that_can_serve_nobody(how):
    scene = scene_of(a=50, b=50, c=50)
    before = servers_of(scene)
    if how == "down":
        scene.say(down="a")
    elif how == "weight-0":
        change(scene, a=0, b=50, c=50)
    else:
        change(scene, b=50, c=50)
    after = servers_of(scene)
    assert "a" not in after.values()
    kept = [address for address in ADDRESSES if before[address] != "a"]
    assert [after[each] for each in kept] == [before[each] for each in kept]


def test_addresses_come_back_with_their_server():
    """All workers agree again at once, whoever saw what in between."""
    scene = scene_of(a=50, b=50)
    before = servers_of(scene)
    scene.say(down="a")
    servers_of(scene)
    scene.say()
    assert servers_of(scene) == before


def test_server_that_refused_is_not_asked_again_for_the_same_connection():
    scene = scene_of(a=50, b=50)
    first = scene.plan.layer4_route.pick(scene.availability, scene.now, peer=("192.0.2.1", 1))
    scene.availability.eject(first, scene.now)
    second = scene.plan.layer4_route.pick(scene.availability, scene.now, (first,), ("192.0.2.1", 1))
    assert second.server_id != first.server_id


def test_persistence_goes_together_with_failover():
    scene = Scene()
    scene.adopt(persistence_timeout_s=TIMEOUT_S, scheduler=SchedulerName.ROUND_ROBIN)
    scene.say()
    before = servers_of(scene)
    assert set(before.values()) == {"a", "b", "c"}
    scene.say(down="ab")
    assert set(servers_of(scene).values()) == {"x", "y"}


def test_turned_off_it_leaves_the_choice_to_the_scheduler():
    scene = scene_of(a=50, b=50)
    change(scene, timeout_s=0, a=50, b=50)
    assert {server_of(scene, "192.0.2.1") for _ in range(4)} == {"a", "b"}


def test_memory_is_bounded_and_forgets_who_was_unseen_for_longest():
    memory = Memory(most=3)
    for at, address in enumerate(["w", "x", "y"]):
        memory.remember(address, "a", float(at))
    memory.remember("w", "a", 3.0)
    memory.remember("z", "a", 4.0)
    assert len(memory) == 3
    assert memory.recall("x", 0.0) is None
    assert memory.recall("w", 3.0) == "a"
    assert memory.recall("w", 3.1) is None
