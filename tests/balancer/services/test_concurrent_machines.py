"""Machines and addresses under many writers: no ring of waiters, no address given twice.

Runs on whichever database the settings name, like ``test_concurrent_writers.py``.
"""

import functools
from ipaddress import IPv4Network

import pytest

from balancer.actors import Actor
from balancer.models import EcsInstance, LoadBalancer, PublishHead, ServerGroup
from balancer.services.backend_servers import add_servers, remove_servers, set_server_weight
from balancer.services.idc_servers import register_idc_server
from balancer.services.inventory import (
    create_ecs_instance,
    create_network_interface,
    delete_ecs_instance,
    update_ecs_instance,
)
from balancer.services.load_balancers import create_load_balancer
from balancer.services.server_groups import create_server_group
from proxy.snapshot import GroupKind
from tests.balancer.machines import entry
from tests.balancer.races import announced, at_once, outcome

__all__ = ["announced"]

pytestmark = pytest.mark.usefixtures("transactional_db", "announced")

ACTOR = Actor.system("race")
TURNS = 8


def test_machines_move_and_leave_while_groups_take_them(estate, announced):
    """Locks of machines have their place in the order: nobody waits for each other in a ring."""
    machine = EcsInstance.objects.create(
        name="m", zone=estate.zone, vswitch=estate.vswitch, private_address="10.0.9.1"
    )
    leaving = [
        EcsInstance.objects.create(
            name=f"l{at}",
            zone=estate.zone,
            vswitch=estate.vswitch,
            private_address=f"10.0.10.{at}",
        )
        for at in range(TURNS)
    ]
    other = estate.add_load_balancer("127.88.0.2")
    group = create_server_group(
        actor=ACTOR, load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name="v"
    )
    add_servers(actor=ACTOR, group=estate.group, servers=[entry(machine)])

    def move() -> set[str]:
        return {
            outcome(
                lambda at=at: update_ecs_instance(  # type: ignore[misc]
                    actor=ACTOR, instance=machine, private_address=f"10.0.9.{at % 2 + 1}"
                )
            )
            for at in range(1, TURNS + 1)
        }

    def take(group: ServerGroup, port: int | None) -> set[str]:
        codes = set()
        for each in leaving:
            wanted = [entry(machine, port=port), entry(each, port=port)]
            codes |= {
                outcome(lambda one=one: add_servers(actor=ACTOR, group=group, servers=[one]))  # type: ignore[misc]
                for one in wanted
            }
            ids = [row.public_id for row in group.servers.filter(ecs_instance=machine)]
            remove_servers(actor=ACTOR, group=group, server_ids=ids)
        return codes

    def leave() -> set[str]:
        return {
            outcome(lambda each=each: delete_ecs_instance(actor=ACTOR, instance=each))  # type: ignore[misc]
            for each in reversed(leaving)
        }

    def weigh() -> set[str]:
        act = functools.partial(set_server_weight, actor=ACTOR, server=estate.servers[0])
        return {outcome(functools.partial(act, weight=at)) for at in range(5 * TURNS)}

    default = other.server_groups.get()
    moved, taken, also_taken, left, weighed = at_once(
        move,
        functools.partial(take, group, 80),
        functools.partial(take, default, None),
        leave,
        weigh,
    )
    assert moved == weighed == {""}
    assert taken | also_taken <= {"", "server_not_found"}
    assert left <= {"", "server_in_use"}
    versions = announced.drain()
    for load_balancer in (estate.load_balancer, other):
        head = PublishHead.objects.get(load_balancer_public_id=load_balancer.public_id)
        assert versions[load_balancer.public_id] == list(range(1, head.wanted + 1))


def test_one_address_goes_to_one_machine(estate, announced):
    """Three tables hold addresses and no constraint sees all of them."""

    def ecs(address: str) -> str:
        return outcome(
            lambda: create_ecs_instance(
                actor=ACTOR, vswitch=estate.vswitch, name="m", private_address=address
            )
        )

    def eni(address: str) -> str:
        addresses = [{"address": address, "is_primary": True}]
        return outcome(
            lambda: create_network_interface(
                actor=ACTOR, vswitch=estate.vswitch, name="m", addresses=addresses
            )
        )

    def idc(address: str) -> str:
        region = estate.zone.region
        return outcome(
            lambda: register_idc_server(actor=ACTOR, region=region, name="m", address=address)
        )

    for turn in range(6):
        address = f"10.0.11.{turn}"
        codes = at_once(*(functools.partial(each, address) for each in (ecs, eni, idc, ecs)))
        assert sorted(codes) == ["", *["address_in_use"] * 3]


def test_load_balancers_created_at_once_have_addresses_of_their_own(estate, announced, settings):
    settings.OPENCLB_VIP_POOL = IPv4Network("127.88.0.0/29")  # six, one of them taken

    def create() -> list[str]:
        return [
            outcome(lambda: create_load_balancer(actor=ACTOR, region=estate.zone.region))
            for _ in range(2)
        ]

    outcomes = sum(at_once(*[create] * 4), [])
    assert sorted(outcomes) == [""] * 5 + ["no_free_address"] * 3
    assert LoadBalancer.objects.count() == PublishHead.objects.count() + 1 == 6
