"""All nouns of the domain, one module per noun."""

from balancer.models.access_list import AccessList, AccessListEntry
from balancer.models.activity import Activity
from balancer.models.certificate import Certificate
from balancer.models.credentials import AccessKey, ApiToken, IdempotencyKey, RequestNonce
from balancer.models.draft import Draft
from balancer.models.health import HealthFlip, HealthShard, HealthState
from balancer.models.inventory import (
    EcsInstance,
    IdcServer,
    InterfaceAddress,
    NetworkInterface,
    Region,
    Vpc,
    VSwitch,
    Zone,
)
from balancer.models.listener import DomainCertificate, ForwardingRule, Listener
from balancer.models.load_balancer import LoadBalancer
from balancer.models.metrics import Measurement
from balancer.models.preference import UserPreference
from balancer.models.publishing import PublishHead
from balancer.models.server_group import BackendServer, ServerGroup
from balancer.models.tag import Tag

__all__ = [
    "AccessKey",
    "AccessList",
    "AccessListEntry",
    "Activity",
    "ApiToken",
    "BackendServer",
    "Certificate",
    "DomainCertificate",
    "Draft",
    "EcsInstance",
    "ForwardingRule",
    "HealthFlip",
    "HealthShard",
    "HealthState",
    "IdcServer",
    "IdempotencyKey",
    "InterfaceAddress",
    "Listener",
    "LoadBalancer",
    "Measurement",
    "NetworkInterface",
    "PublishHead",
    "Region",
    "RequestNonce",
    "ServerGroup",
    "Tag",
    "UserPreference",
    "VSwitch",
    "Vpc",
    "Zone",
]
