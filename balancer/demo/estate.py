"""Writes the demo estate into an empty database, through the same services as anyone."""

from ipaddress import IPv4Network

from django.conf import settings
from django.db import transaction

from balancer.actors import Actor
from balancer.choices import InterfaceKind, PowerState, TaggedResource
from balancer.demo.inventory import (
    ECHO_PORT,
    HTTP_PORT,
    IDC_REGION,
    IDC_SERVERS,
    REGIONS,
    SERVERS,
    VPCS,
    VSWITCHES,
    ZONES,
    DemoServer,
)
from balancer.models import (
    EcsInstance,
    IdcServer,
    InterfaceAddress,
    LoadBalancer,
    NetworkInterface,
    Region,
    ServerGroup,
    Tag,
    Vpc,
    VSwitch,
    Zone,
)
from balancer.services.backend_servers import NewServer, add_servers
from balancer.services.listeners import create_listener
from balancer.services.load_balancers import create_load_balancer
from balancer.services.server_groups import create_server_group
from proxy.snapshot import CheckKind, GroupKind, Protocol, ServerRole

_DEFAULT_WEIGHTS = {"web-1": 100, "web-2": 60, "web-3": 40}  # shares of 50, 30 and 20 %


def pool_address(offset: int) -> str:
    """Return the address at this place of the demo's pool."""
    pool: IPv4Network = settings.OPENCLB_DEMO_POOL
    return str(pool.network_address + offset)


@transaction.atomic
def load_estate() -> bool:
    """Write the demo unless the database already has regions; tell whether it was written."""
    if Region.objects.exists():
        return False
    _write_networks()
    for server in SERVERS:
        _write_machine(server)
    for server in IDC_SERVERS:
        IdcServer.objects.create(
            name=server.name,
            region=Region.objects.get(public_id=IDC_REGION),
            address=pool_address(server.offset),
            link=server.link,
        )
    _write_load_balancer(Actor.system("demo"))
    return True


def _write_networks() -> None:
    for region_id, name in REGIONS.items():
        Region.objects.create(public_id=region_id, name=name)
    for zone_id, (region_id, name) in ZONES.items():
        region = Region.objects.get(public_id=region_id)
        Zone.objects.create(public_id=zone_id, region=region, name=name)
    for vpc_id, (region_id, name, cidr) in VPCS.items():
        region = Region.objects.get(public_id=region_id)
        Vpc.objects.create(public_id=vpc_id, region=region, name=name, cidr=cidr)
    for (vpc_id, zone_id), (vswitch_id, name, cidr) in VSWITCHES.items():
        VSwitch.objects.create(
            public_id=vswitch_id,
            vpc=Vpc.objects.get(public_id=vpc_id),
            zone=Zone.objects.get(public_id=zone_id),
            name=name,
            cidr=cidr,
        )


def _write_machine(server: DemoServer) -> None:
    vswitch = VSwitch.objects.get(vpc__public_id=server.vpc, zone__public_id=server.zone)
    instance = EcsInstance.objects.create(
        name=server.name,
        zone=vswitch.zone,
        vswitch=vswitch,
        private_address=pool_address(server.offset),
        public_address=server.public_address,
        power_state=PowerState.RUNNING if server.running else PowerState.STOPPED,
        operating_system=server.operating_system,
    )
    for key, value in server.tags:
        Tag.objects.create(
            resource_type=TaggedResource.ECS_INSTANCE,
            resource_id=instance.public_id,
            key=key,
            value=value,
        )
    if server.interface is None:
        return
    interface = NetworkInterface.objects.create(
        name=server.interface.name,
        kind=InterfaceKind.SECONDARY,
        vswitch=vswitch,
        instance=instance,
    )
    for place, offset in enumerate(server.interface.offsets):
        InterfaceAddress.objects.create(
            interface=interface, address=pool_address(offset), is_primary=place == 0
        )


def _write_load_balancer(actor: Actor) -> None:
    vswitch = VSwitch.objects.get(public_id="vsw-demo-hz-b")
    load_balancer = create_load_balancer(
        actor=actor,
        region=vswitch.zone.region,
        name="demo-web",
        primary_zone=vswitch.zone,
        backup_zone=Zone.objects.get(public_id="cn-hangzhou-g"),
        vpc=vswitch.vpc,
        vswitch=vswitch,
        specification="slb.s3.large",
    )
    api_blue = _fill_groups(actor, load_balancer)
    create_listener(
        actor=actor,
        load_balancer=load_balancer,
        protocol=Protocol.HTTP,
        port=8080,
        backend_port=HTTP_PORT,
        name="web",
        start=True,
        check_kind=CheckKind.HTTP,
        check_path="/health",
    )
    create_listener(
        actor=actor,
        load_balancer=load_balancer,
        protocol=Protocol.TCP,
        port=9000,
        backend_port=ECHO_PORT,
        name="echo",
        start=True,
    )
    create_listener(
        actor=actor,
        load_balancer=load_balancer,
        protocol=Protocol.UDP,
        port=9000,
        server_group=api_blue,
        name="echo-udp",
        start=True,
        check_interval_s=2,
        check_timeout_s=5,
        check_request="ping",
        check_expected_answer="ping",
    )


def _fill_groups(actor: Actor, load_balancer: LoadBalancer) -> ServerGroup:
    """Fill the default group, add one group of each other kind and return the VServer group."""
    default = ServerGroup.objects.get(load_balancer=load_balancer, kind=GroupKind.DEFAULT)
    weighted = [_entry(name, weight=weight) for name, weight in _DEFAULT_WEIGHTS.items()]
    add_servers(actor=actor, group=default, servers=weighted)
    api_blue = create_server_group(
        actor=actor,
        load_balancer=load_balancer,
        kind=GroupKind.VSERVER,
        name="api-blue",
        servers=[
            _entry("api-1", port=ECHO_PORT, weight=80),
            _entry("api-2", port=ECHO_PORT, weight=20),
        ],
    )
    create_server_group(
        actor=actor,
        load_balancer=load_balancer,
        kind=GroupKind.PRIMARY_SECONDARY,
        name="db",
        servers=[
            _entry("db-1", port=ECHO_PORT, role=ServerRole.PRIMARY),
            _entry("db-2", port=ECHO_PORT, role=ServerRole.SECONDARY),
        ],
    )
    return api_blue


def _entry(
    name: str,
    *,
    port: int | None = None,
    weight: int = 100,
    role: ServerRole = ServerRole.MEMBER,
) -> NewServer:
    instance = EcsInstance.objects.get(name=name)
    return NewServer(
        machine_type="ecs", machine_id=instance.public_id, port=port, weight=weight, role=role
    )
