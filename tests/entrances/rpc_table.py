"""What the actions of the RPC API ask, and parameters with which each of them succeeds.

One statement holds for all: ``Describe…`` and ``List…`` need the right to view, the others the
right to change. ``GIVEN`` has what an action needs beyond the ids that all are sent.
"""

from collections.abc import Mapping

from tests.certificates import authority, certificate_for
from tests.entrances.people import Needs

READS = ("Describe", "List")
EXCEPTIONS = {"DescribeRegions": Needs.SIGN_IN}
"""Somebody without a role gets a list of regions, an empty one."""

PORT_OF_WORD = {"TCP": "81", "UDP": "82", "HTTPS": "443", "Domain": "443"}
SERVERS = '[{{"ServerId":"{machine}","Port":"80","Weight":"100","Type":"ecs"}}]'
PAIR = (
    '[{{"ServerId":"{machine}","Port":"80","Weight":"100","ServerType":"Master"}},'
    '{{"ServerId":"{used_machine}","Port":"80","Weight":"100","ServerType":"Slave"}}]'
)
LISTENER = {"ListenerPort": "99", "BackendServerPort": "80", "Bandwidth": "-1"}
HTTP = {**LISTENER, "StickySession": "off", "HealthCheck": "off"}
ENTRIES = '[{{"entry":"192.0.2.0/24","comment":"x"}}]'
TAGS = '[{{"TagKey":"k2","TagValue":"v"}}]'
GIVEN: Mapping[str, Mapping[str, str]] = {
    "AddAccessControlListEntry": {"AclEntrys": ENTRIES},
    "RemoveAccessControlListEntry": {"AclEntrys": '[{{"entry":"10.0.0.0/8"}}]'},
    "AddBackendServers": {"BackendServers": '[{{"ServerId":"{machine}","Weight":"100"}}]'},
    "RemoveBackendServers": {"BackendServers": '[{{"ServerId":"{used_machine}"}}]'},
    "SetBackendServers": {"BackendServers": '[{{"ServerId":"{used_machine}","Weight":"7"}}]'},
    "AddVServerGroupBackendServers": {"BackendServers": SERVERS},
    "RemoveVServerGroupBackendServers": {"BackendServers": SERVERS},
    "ModifyVServerGroupBackendServers": {
        "OldBackendServers": '[{{"ServerId":"{machine}","Port":"80"}}]',
        "NewBackendServers": SERVERS,
    },
    "CreateVServerGroup": {"VServerGroupName": "new"},
    "SetVServerGroupAttribute": {"VServerGroupName": "renamed"},
    "CreateMasterSlaveServerGroup": {"MasterSlaveBackendServers": PAIR},
    "AddTags": {"Tags": TAGS},
    "RemoveTags": {"Tags": '[{{"TagKey":"k","TagValue":"v"}}]'},
    "TagResources": {"Tag.1.Key": "k3", "Tag.1.Value": "v"},
    "UntagResources": {"TagKey.1": "k"},
    "CreateAccessControlList": {"AclName": "office"},
    "SetAccessControlListAttribute": {"AclName": "renamed"},
    "CreateDomainExtension": {"Domain": "b.example"},
    "CreateLoadBalancerHTTPListener": HTTP,
    "CreateLoadBalancerHTTPSListener": HTTP,
    "CreateLoadBalancerTCPListener": LISTENER,
    "CreateLoadBalancerUDPListener": {**LISTENER, "ListenerPort": "98"},
    "SetLoadBalancerHTTPListenerAttribute": {"Description": "new"},
    "SetLoadBalancerHTTPSListenerAttribute": {"Description": "new"},
    "SetLoadBalancerTCPListenerAttribute": {"Description": "new"},
    "SetLoadBalancerUDPListenerAttribute": {"Description": "new"},
    "CreateRules": {
        "RuleList": '[{{"RuleName":"new","Domain":"b.example","VServerGroupId":"{group}"}}]'
    },
    "DeleteRules": {"RuleIds": '["{rule_id}"]'},
    "SetRule": {"RuleName": "renamed"},
    "ModifyLoadBalancerInstanceChargeType": {
        "InstanceChargeType": "PayBySpec",
        "LoadBalancerSpec": "slb.s2.small",
    },
    "ModifyLoadBalancerInstanceSpec": {"LoadBalancerSpec": "slb.s2.small"},
    "ModifyLoadBalancerInternetSpec": {"Bandwidth": "10"},
    "SetLoadBalancerDeleteProtection": {"DeleteProtection": "on"},
    "SetLoadBalancerModificationProtection": {"ModificationProtectionStatus": "ConsoleProtection"},
    "SetLoadBalancerName": {"LoadBalancerName": "renamed"},
    "SetLoadBalancerStatus": {"LoadBalancerStatus": "inactive"},
    "SetCACertificateName": {"CACertificateName": "renamed"},
    "SetServerCertificateName": {"ServerCertificateName": "renamed"},
    "UploadCACertificate": {"CACertificate": "CA"},
    "UploadServerCertificate": {"ServerCertificate": "CERTIFICATE", "PrivateKey": "KEY"},
}
NOT_TOGETHER = frozenset({"AclId", "MasterSlaveServerGroupId", "CACertificateId"})
"""What a listener does not take beside the others of all that is named."""

UNCHANGED = frozenset({"StartLoadBalancerListener", "RemoveVServerGroupBackendServers"})
"""Actions that find all as it should be already."""


def needs_of(action: str) -> Needs:
    """Return what an action asks."""
    default = Needs.VIEW if action.startswith(READS) else Needs.CHANGE
    return EXCEPTIONS.get(action, default)


def parameters(action: str, ids: Mapping[str, str]) -> dict[str, str]:
    """Return what an action is sent: one of everything, and what it needs beside that."""
    given = {name: value.format(**ids) for name, value in GIVEN.get(action, {}).items()}
    common = {"ListenerPort": port_of(action)} | named(ids)
    if action.endswith(("Listener", "ListenerAttribute")):
        common = {name: value for name, value in common.items() if name not in NOT_TOGETHER}
    return common | _with_certificates(given)


def port_of(action: str) -> str:
    """Return the port of the listener that the action is about."""
    return next((port for word, port in PORT_OF_WORD.items() if word in action), "80")


def named(ids: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that name one of everything."""
    return {
        "RegionId": ids["region_id"],
        "LoadBalancerId": ids["load_balancer_id"],
        "VServerGroupId": ids["group"],
        "MasterSlaveServerGroupId": ids["pair"],
        "RuleId": ids["rule_id"],
        "AclId": ids["access_list_id"],
        "DomainExtensionId": ids["domain_certificate"],
        "ServerCertificateId": ids["certificate_id"],
        "CACertificateId": ids["authority"],
        "ResourceType": "instance",
        "ResourceId.1": ids["load_balancer_id"],
    }


def _with_certificates(given: dict[str, str]) -> dict[str, str]:
    issued = certificate_for("a.example")
    texts = {"CA": authority().pem, "CERTIFICATE": issued.chain_pem, "KEY": issued.key_pem}
    return {name: texts.get(value, value) for name, value in given.items()}
