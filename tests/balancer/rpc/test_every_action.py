"""Every action: no input makes it fail on our side. Who may do what: tests/entrances."""

import pytest

import balancer.rpc.actions  # noqa: F401  (fills the registry)
from balancer.rpc.registry import action_names
from tests.entrances.rpc_table import named, port_of

JUNK = ["-520", "９", "x" * 3000, "a\0b", '[{"ServerId":{}}]']
NAMES = [
    *("RegionId", "LoadBalancerId", "LoadBalancerName", "LoadBalancerStatus", "LoadBalancerSpec"),
    *("AddressType", "Address", "VSwitchId", "MasterZoneId", "Bandwidth", "DeleteProtection"),
    *("InternetChargeType", "InstanceChargeType", "ModificationProtectionStatus", "ClientToken"),
    *("ListenerPort", "ListenerProtocol", "BackendServerPort", "Scheduler", "Description"),
    *("HealthCheck", "HealthCheckConnectPort", "HealthCheckURI", "HealthCheckHttpCode"),
    *("StickySession", "CookieTimeout", "Cookie", "IdleTimeout", "Gzip", "ForwardPort"),
    *("AclStatus", "AclType", "AclId", "AclName", "AclEntrys", "ServerCertificateId"),
    *("ServerCertificate", "PrivateKey", "CACertificate", "TLSCipherPolicy", "Domain"),
    *("VServerGroupId", "VServerGroupName", "MasterSlaveServerGroupId", "BackendServers"),
    *("MasterSlaveBackendServers", "OldBackendServers", "NewBackendServers", "RuleList"),
    *("RuleIds", "RuleId", "RuleName", "ListenerSync", "DomainExtensionId", "ResourceType"),
    *("ResourceId.1", "Tag.1.Key", "Tag.1.Value", "TagKey.1", "Tags", "NextToken", "MaxResults"),
    *("PageNumber", "PageSize", "FailoverThreshold", "MasterServerGroupId", "All"),
]


@pytest.mark.parametrize("junk", JUNK, ids=["negative", "full-width", "long", "nul", "list"])
def test_no_input_makes_an_action_fail_on_our_side(estate, rpc, ids, junk):
    for name in sorted(action_names()):
        if name in ("DeleteLoadBalancer", "DeleteLoadBalancerListener"):
            continue  # they would leave nothing for the others
        given = dict.fromkeys(NAMES, junk) | {"LoadBalancerId": ids["load_balancer_id"]}
        for values in (given, given | named(ids) | {"ListenerPort": port_of(name)}):
            answer = rpc.http.post("/", rpc.body(name, values), content_type=rpc.form)
            assert answer.status_code != 500, (name, junk, answer.json())
            assert "RequestId" in answer.json()
