"""Labels for stored choices; enums with meaning on both planes come from proxy/snapshot.py."""

from django.db.models import TextChoices

from proxy.snapshot import (
    AccessKind,
    CheckKind,
    GroupKind,
    HealthStatus,
    ListenerError,
    Protocol,
    SchedulerName,
    ServerRole,
    StickyKind,
    TlsPolicy,
)

PROTOCOL_CHOICES = [(each.value, each.value.upper()) for each in Protocol]

SCHEDULER_CHOICES = [
    (SchedulerName.WEIGHTED_ROUND_ROBIN.value, "Weighted round robin"),
    (SchedulerName.ROUND_ROBIN.value, "Round robin"),
    (SchedulerName.WEIGHTED_LEAST_CONNECTIONS.value, "Weighted least connections"),
    (SchedulerName.SOURCE_HASH.value, "Consistent hash on source address"),
    (SchedulerName.TUPLE_HASH.value, "Consistent hash on four-tuple"),
    (SchedulerName.CONNECTION_ID_HASH.value, "Consistent hash on QUIC connection ID"),
]

GROUP_KIND_CHOICES = [
    (GroupKind.DEFAULT.value, "Default Server Group"),
    (GroupKind.VSERVER.value, "VServer group"),
    (GroupKind.PRIMARY_SECONDARY.value, "Primary/secondary server group"),
]

SERVER_ROLE_CHOICES = [
    (ServerRole.MEMBER.value, "Member"),
    (ServerRole.PRIMARY.value, "Primary server"),
    (ServerRole.SECONDARY.value, "Secondary server"),
]

CHECK_KIND_CHOICES = [
    (CheckKind.TCP.value, "TCP"),
    (CheckKind.HTTP.value, "HTTP"),
    (CheckKind.UDP.value, "UDP"),
]

HEALTH_STATUS_CHOICES = [
    (HealthStatus.UNKNOWN.value, "Unavailable"),
    (HealthStatus.HEALTHY.value, "Normal"),
    (HealthStatus.UNHEALTHY.value, "Abnormal"),
]

STICKY_KIND_CHOICES = [
    (StickyKind.INSERT.value, "Insert cookie"),
    (StickyKind.REWRITE.value, "Rewrite cookie"),
]

ACCESS_KIND_CHOICES = [
    (AccessKind.ALLOW.value, "Allow list"),
    (AccessKind.DENY.value, "Deny list"),
]

TLS_POLICY_CHOICES = [
    (TlsPolicy.TLS_1_0.value, "TLS 1.0 and later"),
    (TlsPolicy.TLS_1_1.value, "TLS 1.1 and later"),
    (TlsPolicy.TLS_1_2.value, "TLS 1.2 and later"),
    (TlsPolicy.TLS_1_2_STRICT.value, "TLS 1.2, strict ciphers"),
    (TlsPolicy.TLS_1_2_STRICT_WITH_1_3.value, "TLS 1.2 strict and 1.3"),
]

LISTENER_ERROR_WORDS = {
    ListenerError.ADDRESS_IN_USE: (
        "another program on the proxy's machine holds this port",
        "Stop that program or choose another port.",
    ),
    ListenerError.NOT_PERMITTED: (
        "the proxy has no right to this port",
        "Choose a port above 1023, or give the proxy the right to bind low ports.",
    ),
    ListenerError.ADDRESS_UNAVAILABLE: (
        "the instance's address does not exist on the proxy's machine",
        "Add the address to a network interface of the proxy's machine.",
    ),
    ListenerError.UNSUPPORTED: (
        "this version of the proxy cannot serve it",
        "Update the proxy or change the option.",
    ),
}
"""Why a proxy cannot serve a listener, and what to do."""


class PowerState(TextChoices):
    """Power state of a machine; only a running one can be added (S9)."""

    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    STARTING = "starting", "Starting"
    STOPPING = "stopping", "Stopping"


class InterfaceKind(TextChoices):
    """Whether an ENI is the machine's own interface or a further one."""

    PRIMARY = "primary", "Primary"
    SECONDARY = "secondary", "Secondary"


class LoadBalancerStatus(TextChoices):
    """Whether a load balancer serves; a stopped one keeps its configuration."""

    ACTIVE = "active", "Active"
    INACTIVE = "inactive", "Inactive"
    LOCKED = "locked", "Locked"


class AddressType(TextChoices):
    """Who can reach the load balancer's address."""

    INTERNET = "internet", "Public"
    INTRANET = "intranet", "Private"


class NetworkType(TextChoices):
    """In which kind of network the load balancer stands."""

    VPC = "vpc", "VPC"
    CLASSIC = "classic", "Classic network"


class ListenerStatus(TextChoices):
    """What the operator wants of a listener; what the proxies do is observed beside it."""

    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"


class CertificateKind(TextChoices):
    """Whether a certificate is shown to clients or checks theirs."""

    SERVER = "server", "Server certificate"
    CA = "ca", "CA certificate"


class Entrance(TextChoices):
    """Through which door a change came."""

    CONSOLE = "console", "Console"
    REST = "rest", "REST API"
    RPC = "rpc", "RPC API"
    ADMIN = "admin", "Admin"
    COMMAND = "command", "Command line"
    SYSTEM = "system", "System"


class TaggedResource(TextChoices):
    """What can carry tags."""

    ECS_INSTANCE = "ecs_instance", "ECS instance"
    LOAD_BALANCER = "load_balancer", "Load balancer"
    LISTENER = "listener", "Listener"
    VSERVER_GROUP = "vserver_group", "VServer group"
    PRIMARY_SECONDARY_GROUP = "primary_secondary_group", "Primary/secondary server group"
    CERTIFICATE = "certificate", "Certificate"
    ACCESS_LIST = "access_list", "Access list"


class DraftKind(TextChoices):
    """Which unfinished input a draft keeps."""

    SERVER_PANEL = "server_panel", "My Servers panel"
    LISTENER_WIZARD = "listener_wizard", "Listener wizard"
    SERVER_GROUP = "server_group", "Server group page"


class Theme(TextChoices):
    """Which colours the console shows."""

    SYSTEM = "system", "System"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"
