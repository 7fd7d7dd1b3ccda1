"""Machines around the small estate: here, in another VPC, in another region, with interfaces."""

from dataclasses import dataclass

import pytest

from balancer.choices import InterfaceKind
from balancer.models import (
    EcsInstance,
    IdcServer,
    InterfaceAddress,
    NetworkInterface,
    Region,
    Vpc,
    VSwitch,
    Zone,
)
from balancer.services.backend_servers import NewServer
from tests.balancer.estate import Estate


@dataclass
class Machines:
    """Ways to make machines; ``other_vpc`` and ``other_region`` are vSwitches there."""

    estate: Estate
    other_vpc: VSwitch
    other_region: VSwitch

    def ecs(
        self, name: str, address: str, vswitch: VSwitch | None = None, **columns: object
    ) -> EcsInstance:
        """Return a running machine beside the load balancer, unless told otherwise."""
        vswitch = vswitch or self.estate.vswitch
        return EcsInstance.objects.create(
            name=name, zone=vswitch.zone, vswitch=vswitch, private_address=address, **columns
        )

    def eni(
        self, name: str, instance: EcsInstance | None, *addresses: str
    ) -> list[InterfaceAddress]:
        """Return the addresses of a new interface, the first of them the primary one."""
        interface = NetworkInterface.objects.create(
            name=name,
            kind=InterfaceKind.SECONDARY,
            vswitch=instance.vswitch if instance else self.estate.vswitch,
            instance=instance,
        )
        return [
            InterfaceAddress.objects.create(
                interface=interface, address=address, is_primary=place == 0
            )
            for place, address in enumerate(addresses)
        ]

    def idc(self, name: str, address: str) -> IdcServer:
        """Return a machine outside the cloud, in the region of the load balancer."""
        return IdcServer.objects.create(name=name, region=self.estate.zone.region, address=address)


@pytest.fixture
def machines(estate: Estate) -> Machines:
    """Return ways to make machines."""
    region = estate.zone.region
    other_vpc = Vpc.objects.create(
        public_id="vpc-2", region=region, name="two", cidr="172.16.0.0/12"
    )
    far = Region.objects.create(public_id="cn-far", name="Far")
    far_zone = Zone.objects.create(public_id="cn-far-a", region=far, name="A")
    far_vpc = Vpc.objects.create(public_id="vpc-far", region=far, name="far", cidr="10.0.0.0/8")
    return Machines(
        estate,
        VSwitch.objects.create(
            public_id="vsw-2", vpc=other_vpc, zone=estate.zone, name="two", cidr="172.16.0.0/16"
        ),
        VSwitch.objects.create(
            public_id="vsw-far", vpc=far_vpc, zone=far_zone, name="far", cidr="10.1.0.0/16"
        ),
    )


def entry(machine: EcsInstance | InterfaceAddress | IdcServer, **values: object) -> NewServer:
    """Return the wish to have the machine in a group."""
    if isinstance(machine, InterfaceAddress):
        interface = machine.interface.public_id
        return NewServer("eni", interface, address=machine.address, **values)
    kind = "ecs" if isinstance(machine, EcsInstance) else "idc"
    return NewServer(kind, machine.public_id, **values)
