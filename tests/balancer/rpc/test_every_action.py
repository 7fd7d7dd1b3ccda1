"""Every action: a viewer changes nothing by it, and no input makes it fail on our side."""

import pytest

import balancer.rpc.actions  # noqa: F401  (fills the registry)
from balancer.models import (
    AccessList,
    Activity,
    Certificate,
    DomainCertificate,
    ForwardingRule,
    Listener,
    ServerGroup,
)
from balancer.rights import Role
from balancer.rpc.registry import action_names

PORT_OF_WORD = {"TCP": 81, "UDP": 82, "HTTPS": 443, "Domain": 443}
READS = ("Describe", "List")
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


@pytest.fixture
def ids(estate) -> dict[str, str]:
    """Return parameters that name one of everything."""
    lb = estate.load_balancer
    groups = {
        kind: ServerGroup.objects.create(load_balancer=lb, kind=kind, name=kind).public_id
        for kind in ("vserver", "primary_secondary")
    }
    region = estate.zone.region
    certificate = Certificate.objects.create(region=region, kind="server", name="c")
    for protocol, port in (("tcp", 81), ("udp", 82), ("https", 443)):
        secure = {"certificate": certificate} if protocol == "https" else {}
        last = Listener.objects.create(
            load_balancer=lb, protocol=protocol, port=port, backend_port=1, name="n", **secure
        )
    rule = ForwardingRule.objects.create(
        listener=estate.listener,
        name="r",
        domain="a.example",
        server_group=ServerGroup.objects.get(public_id=groups["vserver"]),
    )
    domain = DomainCertificate.objects.create(
        listener=last, domain="a.example", certificate=certificate
    )
    authority = Certificate.objects.create(region=region, kind="ca", name="ca")
    return {
        "RegionId": "cn-test",
        "LoadBalancerId": lb.public_id,
        "VServerGroupId": groups["vserver"],
        "MasterSlaveServerGroupId": groups["primary_secondary"],
        "RuleId": rule.public_id,
        "RuleIds": f"['{rule.public_id}']",
        "AclId": AccessList.objects.create(region=region, name="a").public_id,
        "DomainExtensionId": domain.public_id,
        "ServerCertificateId": certificate.public_id,
        "CACertificateId": authority.public_id,
        "ServerCertificate": "PEM",
        "PrivateKey": "PEM",
        "CACertificate": "PEM",
        "ResourceType": "instance",
        "ResourceId.1": lb.public_id,
        "Tag.1.Key": "k",
        "TagKey.1": "k",
    }


def port_for(name: str) -> int:
    return next((port for word, port in PORT_OF_WORD.items() if word in name), 80)


def test_viewer_changes_nothing_by_any_action(estate, rpc_of, ids):
    viewer = rpc_of(Role.VIEWER)
    seen = Activity.objects.count()
    assert len(action_names()) > 70
    for name in sorted(action_names()):
        answer = viewer.send(name, ListenerPort=port_for(name), **ids)
        if name.startswith(READS):
            assert answer.status_code == 200, (name, answer.json())
        else:
            told = (answer.status_code, answer.json()["Code"])
            assert told == (403, "Forbidden.RAM"), (name, answer.json())
    assert Activity.objects.count() == seen


@pytest.mark.parametrize("junk", JUNK, ids=["negative", "full-width", "long", "nul", "list"])
def test_no_input_makes_an_action_fail_on_our_side(estate, rpc, ids, junk):
    for name in sorted(action_names()):
        if name in ("DeleteLoadBalancer", "DeleteLoadBalancerListener"):
            continue  # they would leave nothing for the others
        given = dict.fromkeys(NAMES, junk) | {"LoadBalancerId": ids["LoadBalancerId"]}
        for values in (given, given | ids | {"ListenerPort": port_for(name)}):
            answer = rpc.http.post("/", rpc.body(name, values), content_type=rpc.form)
            assert answer.status_code != 500, (name, junk, answer.json())
            assert "RequestId" in answer.json()
