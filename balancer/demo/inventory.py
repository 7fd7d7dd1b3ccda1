"""What the demo owns: regions, networks and machines, as tables of data.

Addresses are offsets in the demo's pool (``OPENCLB_DEMO_POOL``), so that two installations on one
machine do not meet.
"""

from dataclasses import dataclass

HTTP_PORT = 8080
ECHO_PORT = 9000


@dataclass(frozen=True, slots=True)
class DemoInterface:
    """A second interface of a machine, with its addresses; the first is the primary one."""

    name: str
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A machine of the demo, cloud or IDC (``zone`` empty: IDC)."""

    name: str
    offset: int
    zone: str = ""
    vpc: str = ""
    running: bool = True
    public_address: str | None = None
    operating_system: str = "Debian 12"
    interface: DemoInterface | None = None
    tags: tuple[tuple[str, str], ...] = ()
    link: str = ""


REGIONS = {"cn-hangzhou": "Hangzhou", "cn-shanghai": "Shanghai"}

ZONES = {
    "cn-hangzhou-b": ("cn-hangzhou", "Zone B"),
    "cn-hangzhou-g": ("cn-hangzhou", "Zone G"),
    "cn-hangzhou-f": ("cn-hangzhou", "Zone F"),
    "cn-shanghai-b": ("cn-shanghai", "Zone B"),
    "cn-shanghai-g": ("cn-shanghai", "Zone G"),
}

VPCS = {
    "vpc-demo-hangzhou": ("cn-hangzhou", "production", "10.0.0.0/8"),
    "vpc-demo-staging": ("cn-hangzhou", "staging", "172.16.0.0/12"),
    "vpc-demo-shanghai": ("cn-shanghai", "production", "10.0.0.0/8"),
}

VSWITCHES = {
    # (VPC, zone): (id, name, CIDR)
    ("vpc-demo-hangzhou", "cn-hangzhou-b"): ("vsw-demo-hz-b", "production-b", "10.0.0.0/16"),
    ("vpc-demo-hangzhou", "cn-hangzhou-g"): ("vsw-demo-hz-g", "production-g", "10.1.0.0/16"),
    ("vpc-demo-hangzhou", "cn-hangzhou-f"): ("vsw-demo-hz-f", "production-f", "10.2.0.0/16"),
    ("vpc-demo-staging", "cn-hangzhou-b"): ("vsw-demo-st-b", "staging-b", "172.16.0.0/16"),
    ("vpc-demo-shanghai", "cn-shanghai-b"): ("vsw-demo-sh-b", "production-b", "10.3.0.0/16"),
    ("vpc-demo-shanghai", "cn-shanghai-g"): ("vsw-demo-sh-g", "production-g", "10.4.0.0/16"),
}

_HANGZHOU = "vpc-demo-hangzhou"
_WEB = (("role", "web"), ("env", "production"))

SERVERS = (
    DemoServer("web-1", 11, "cn-hangzhou-b", _HANGZHOU, public_address="203.0.113.11", tags=_WEB),
    DemoServer("web-2", 12, "cn-hangzhou-b", _HANGZHOU, public_address="203.0.113.12", tags=_WEB),
    DemoServer("web-3", 13, "cn-hangzhou-g", _HANGZHOU, tags=_WEB),
    DemoServer("web-4", 14, "cn-hangzhou-g", _HANGZHOU, tags=_WEB),
    DemoServer(
        "web-5",
        15,
        "cn-hangzhou-f",
        _HANGZHOU,
        tags=_WEB,
        interface=DemoInterface("eth1-of-web-5", (115, 116)),
    ),
    DemoServer("web-canary-1", 16, "cn-hangzhou-f", _HANGZHOU, operating_system="Ubuntu 24.04"),
    DemoServer("api-1", 21, "cn-hangzhou-b", _HANGZHOU, tags=(("role", "api"),)),
    DemoServer(
        "api-2",
        22,
        "cn-hangzhou-g",
        _HANGZHOU,
        tags=(("role", "api"),),
        interface=DemoInterface("eth1-of-api-2", (122, 123, 124)),
    ),
    DemoServer("db-1", 31, "cn-hangzhou-b", _HANGZHOU, operating_system="Rocky Linux 9"),
    DemoServer("db-2", 32, "cn-hangzhou-g", _HANGZHOU, operating_system="Rocky Linux 9"),
    DemoServer("batch-1", 41, "cn-hangzhou-f", _HANGZHOU, running=False),
    DemoServer("staging-web-1", 51, "cn-hangzhou-b", "vpc-demo-staging"),
    DemoServer("web-8", 61, "cn-shanghai-b", "vpc-demo-shanghai"),
    DemoServer("web-9", 62, "cn-shanghai-g", "vpc-demo-shanghai"),
)

IDC_REGION = "cn-hangzhou"
IDC_SERVERS = (
    DemoServer("idc-rack1-app-1", 201, link="Leased line to rack 1"),
    DemoServer("idc-rack1-app-2", 202, link="Leased line to rack 1"),
)
