"""A small estate in the database: one load balancer with a listener and three servers."""

from dataclasses import dataclass

import pytest

from balancer.choices import ListenerStatus
from balancer.models import (
    BackendServer,
    EcsInstance,
    ForwardingRule,
    Listener,
    LoadBalancer,
    Region,
    ServerGroup,
    Vpc,
    VSwitch,
    Zone,
)
from proxy.snapshot import GroupKind, Protocol


@dataclass
class Estate:
    """The rows of the estate and ways to add more."""

    zone: Zone
    vswitch: VSwitch
    load_balancer: LoadBalancer
    group: ServerGroup
    listener: Listener
    servers: list[BackendServer]

    def add_load_balancer(self, address: str) -> LoadBalancer:
        """Return one more load balancer, with its default group."""
        load_balancer = LoadBalancer.objects.create(
            name=address,
            region=self.zone.region,
            primary_zone=self.zone,
            vpc=self.vswitch.vpc,
            address=address,
        )
        ServerGroup.objects.create(
            load_balancer=load_balancer, kind=GroupKind.DEFAULT, name="Default Server Group"
        )
        return load_balancer

    def add_server(self, address: str, weight: int = 100, **columns: object) -> BackendServer:
        """Return one more server, in the default group unless told otherwise."""
        machine = EcsInstance.objects.create(
            name=address, zone=self.zone, vswitch=self.vswitch, private_address=address
        )
        row = {"group": self.group, "weight": weight, **columns}
        return BackendServer.objects.create(ecs_instance=machine, **row)

    def add_group(self, name: str) -> ServerGroup:
        """Return one more VServer group, empty."""
        return ServerGroup.objects.create(
            load_balancer=self.load_balancer, kind=GroupKind.VSERVER, name=name
        )

    def add_rule(self, name: str, domain: str = "", path: str = "") -> ForwardingRule:
        """Return a forwarding rule of the listener, with a group of its own."""
        return ForwardingRule.objects.create(
            listener=self.listener,
            name=name,
            domain=domain,
            path=path,
            server_group=self.add_group(f"for-{name}"),
            check_kind="http",
        )


@pytest.fixture
def estate(db: None) -> Estate:
    """Return one load balancer, running HTTP 80 on three servers with weights 50, 30 and 20."""
    region = Region.objects.create(public_id="cn-test", name="Test")
    zone = Zone.objects.create(public_id="cn-test-a", region=region, name="A")
    vpc = Vpc.objects.create(public_id="vpc-1", region=region, name="one", cidr="10.0.0.0/8")
    vswitch = VSwitch.objects.create(
        public_id="vsw-1", vpc=vpc, zone=zone, name="one", cidr="10.0.0.0/16"
    )
    load_balancer = LoadBalancer.objects.create(
        name="web", region=region, primary_zone=zone, vpc=vpc, address="127.88.0.1"
    )
    group = ServerGroup.objects.create(
        load_balancer=load_balancer, kind=GroupKind.DEFAULT, name="Default Server Group"
    )
    listener = Listener.objects.create(
        load_balancer=load_balancer,
        protocol=Protocol.HTTP,
        port=80,
        backend_port=8080,
        name="http",
        status=ListenerStatus.RUNNING,
    )
    estate = Estate(zone, vswitch, load_balancer, group, listener, [])
    for address, weight in (("10.0.0.1", 50), ("10.0.0.2", 30), ("10.0.0.3", 20)):
        estate.servers.append(estate.add_server(address, weight))
    return estate
