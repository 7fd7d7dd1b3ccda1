"""The vendor's clients, unchanged, do their work here (slb-rpc-api.md sections 1 and 3)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import balancer.rpc.actions  # noqa: F401  (fills the registry)
from balancer.rpc.registry import action_names
from tests.certificates import certificate_for
from tests.interop.conftest import RealClient, Refused, Server, start_client

REGION = "cn-hangzhou"


@dataclass(frozen=True)
class Place:
    """An instance of the test's own and machines that can serve it."""

    client: RealClient
    load_balancer: str
    machines: list[str]

    def call(self, action: str, **parameters):
        """Call an action on the instance."""
        return self.client.call(action, LoadBalancerId=self.load_balancer, **parameters)


@pytest.fixture
def place(client: RealClient) -> Iterator[Place]:
    demo = client.call("DescribeLoadBalancers", RegionId=REGION, LoadBalancerName="demo-web")
    (entry,) = demo["LoadBalancers"]["LoadBalancer"]
    shown = client.call("DescribeLoadBalancerAttribute", LoadBalancerId=entry["LoadBalancerId"])
    machines = [each["ServerId"] for each in shown["BackendServers"]["BackendServer"]]
    made = client.call(
        "CreateLoadBalancer",
        RegionId=REGION,
        LoadBalancerName="interop",
        LoadBalancerSpec="slb.s2.small",
        Tag=[{"Key": "team", "Value": "a b~*+"}],
    )
    yield Place(client, made["LoadBalancerId"], machines)
    client.call("DeleteLoadBalancer", LoadBalancerId=made["LoadBalancerId"])
    with pytest.raises(Refused) as refusal:
        client.call("DescribeLoadBalancerAttribute", LoadBalancerId=made["LoadBalancerId"])
    assert refusal.value.code == "InvalidLoadBalancerId.NotFound"


def test_places_are_listed(client):
    regions = client.call("DescribeRegions")["Regions"]["Region"]
    assert REGION in [each["RegionId"] for each in regions]
    zones = client.call("DescribeZones", RegionId=REGION)["Zones"]["Zone"]
    assert {"cn-hangzhou-b", "cn-hangzhou-g"} <= {each["ZoneId"] for each in zones}
    pairs = client.call("DescribeAvailableResource", RegionId=REGION)
    assert pairs["AvailableResources"]["AvailableResource"]


def test_other_ways_to_sign_and_send_do_too(variant):
    tags = [{"Key": "k 1", "Value": "v*~+"}]
    found = variant.call("DescribeLoadBalancers", RegionId=REGION, Tag=tags)
    assert found["TotalCount"] == 0


def test_instance_is_made_changed_and_found(place):
    shown = place.call("DescribeLoadBalancerAttribute")
    assert shown["Tags"]["Tag"] == [{"TagKey": "team", "TagValue": "a b~*+"}]
    assert shown["ListenerPorts"]["ListenerPort"] == []
    place.call("SetLoadBalancerName", LoadBalancerName="interop.two")
    place.call("SetLoadBalancerStatus", LoadBalancerStatus="inactive")
    place.call("SetLoadBalancerStatus", LoadBalancerStatus="active")
    place.call("SetLoadBalancerDeleteProtection", DeleteProtection="on", RegionId=REGION)
    with pytest.raises(Refused) as refusal:
        place.call("DeleteLoadBalancer")
    assert refusal.value.code == "OperationDenied.DeleteProtectionIsOn"
    place.call("SetLoadBalancerDeleteProtection", DeleteProtection="off", RegionId=REGION)
    found = place.client.call(
        "DescribeLoadBalancers", RegionId=REGION, LoadBalancerName="interop.two", PageSize=5
    )
    assert found["TotalCount"] == 1
    tagged = {"ResourceType": "instance", "ResourceId": [place.load_balancer], "RegionId": REGION}
    place.client.call("TagResources", Tag=[{"Key": "x", "Value": "1"}], **tagged)
    place.client.call("UntagResources", TagKey=["team"], **tagged)
    listed = place.client.call("ListTagResources", **tagged)["TagResources"]["TagResource"]
    assert [(each["TagKey"], each["TagValue"]) for each in listed] == [("x", "1")]


def test_default_group_changes(place):
    first, second, *_ = place.machines
    added = place.call(
        "AddBackendServers",
        BackendServers=json.dumps([{"ServerId": first, "Weight": "100"}, {"ServerId": second}]),
    )
    assert [each["ServerId"] for each in added["BackendServers"]["BackendServer"]] == [
        first,
        second,
    ]
    place.call("SetBackendServers", BackendServers=f"[{{'ServerId':'{first}','Weight':'7'}}]")
    shown = place.call("DescribeLoadBalancerAttribute")["BackendServers"]["BackendServer"]
    assert [each["Weight"] for each in shown] == [7, 100]
    place.call("RemoveBackendServers", BackendServers=json.dumps([{"ServerId": first}]))
    shown = place.call("DescribeLoadBalancerAttribute")["BackendServers"]["BackendServer"]
    assert [each["ServerId"] for each in shown] == [second]


def test_vserver_group_changes(place):
    first, second, *_ = place.machines
    made = place.call("CreateVServerGroup", RegionId=REGION, VServerGroupName="g")
    group = {"VServerGroupId": made["VServerGroupId"], "RegionId": REGION}
    call = place.client.call
    one = json.dumps([{"ServerId": first, "Port": 80, "Weight": 100}])
    call("AddVServerGroupBackendServers", BackendServers=one, **group)
    call("SetVServerGroupAttribute", VServerGroupName="g2", BackendServers=one, **group)
    other = json.dumps([{"ServerId": second, "Port": 81, "Weight": 5}])
    call(
        "ModifyVServerGroupBackendServers", OldBackendServers=one, NewBackendServers=other, **group
    )
    shown = call("DescribeVServerGroupAttribute", **group)
    (member,) = shown["BackendServers"]["BackendServer"]
    assert (member["ServerId"], member["Port"], member["Weight"]) == (second, 81, 5)
    call("RemoveVServerGroupBackendServers", BackendServers=other, **group)
    listed = place.call("DescribeVServerGroups", RegionId=REGION)["VServerGroups"]["VServerGroup"]
    assert [(each["VServerGroupName"], each["ServerCount"]) for each in listed] == [("g2", 0)]
    call("DeleteVServerGroup", **group)


def test_forty_servers_go_in_one_call(place):  # trap 8; most clients put them in the query
    made = place.call("CreateVServerGroup", RegionId=REGION)
    group = {"VServerGroupId": made["VServerGroupId"], "RegionId": REGION}
    listed = [
        {
            "serverId": place.machines[0],
            "port": 1000 + number,
            "weight": number,
            "type": "ecs",
            "serverIp": "",
            "description": "k8s/80/service/namespace/" + "c" * 50,
            "NodeName": f"node-{number}.cluster.example",
        }
        for number in range(40)
    ]
    written = json.dumps(listed)
    assert len(written) > 8190
    call = place.client.call
    added = call("AddVServerGroupBackendServers", BackendServers=written, **group)
    assert len(added["BackendServers"]["BackendServer"]) == 40
    call("DeleteVServerGroup", **group)


def test_pair_is_made_and_deleted(place):
    first, second, *_ = place.machines
    members = [
        {"ServerId": first, "Port": 80, "Weight": 100, "ServerType": "Master"},
        {"ServerId": second, "Port": 80, "Weight": 100, "ServerType": "Slave"},
    ]
    made = place.call(
        "CreateMasterSlaveServerGroup",
        RegionId=REGION,
        MasterSlaveServerGroupName="p",
        MasterSlaveBackendServers=json.dumps(members),
    )
    group = {"MasterSlaveServerGroupId": made["MasterSlaveServerGroupId"], "RegionId": REGION}
    shown = place.client.call("DescribeMasterSlaveServerGroupAttribute", **group)
    roles = [
        each["ServerType"]
        for each in shown["MasterSlaveBackendServers"]["MasterSlaveBackendServer"]
    ]
    assert roles == ["Master", "Slave"]
    listed = place.call("DescribeMasterSlaveServerGroups", RegionId=REGION)
    assert len(listed["MasterSlaveServerGroups"]["MasterSlaveServerGroup"]) == 1
    place.client.call("DeleteMasterSlaveServerGroup", **group)


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_listener_lives_its_life(place, protocol):
    own = {"HealthCheck": "on"} if protocol == "HTTP" else {"ProxyProtocolV2Enabled": False}
    place.call(
        f"CreateLoadBalancer{protocol}Listener",
        ListenerPort=8080,
        BackendServerPort=80,
        Bandwidth=-1,
        Description="k8s/8080/s",
        **own,
    )
    at = {"ListenerPort": 8080}
    attribute = f"DescribeLoadBalancer{protocol}ListenerAttribute"
    assert place.call(attribute, **at)["Status"] == "stopped"
    place.call("StartLoadBalancerListener", ListenerProtocol=protocol.lower(), **at)
    place.call(f"SetLoadBalancer{protocol}ListenerAttribute", Scheduler="rr", **at)
    shown = place.call(attribute, **at)
    assert (shown["Status"], shown["Scheduler"]) == ("running", "rr")
    listed = place.client.call(
        "DescribeLoadBalancerListeners", LoadBalancerId=[place.load_balancer], MaxResults=50
    )
    assert [each["Description"] for each in listed["Listeners"]] == ["k8s/8080/s"]
    assert place.call("DescribeHealthStatus")["BackendServers"]["BackendServer"] == []
    place.call("StopLoadBalancerListener", **at)
    place.call("DeleteLoadBalancerListener", ListenerProtocol=protocol.lower(), **at)
    with pytest.raises(Refused) as refusal:
        place.call(attribute, **at)
    assert "The specified resource does not exist" in refusal.value.message


def test_https_listener_shows_a_certificate_and_further_ones(place):
    call = place.client.call
    ids = [
        call(
            "UploadServerCertificate",
            RegionId=REGION,
            ServerCertificate=issued.chain_pem,
            PrivateKey=issued.key_pem,
        )["ServerCertificateId"]
        for issued in (certificate_for("a.example"), certificate_for("b.example"))
    ]
    at = {"ListenerPort": 443}
    place.call(
        "CreateLoadBalancerHTTPSListener",
        BackendServerPort=80,
        Bandwidth=-1,
        HealthCheck="off",
        StickySession="off",
        ServerCertificateId=ids[0],
        **at,
    )
    place.call("SetLoadBalancerHTTPSListenerAttribute", EnableHttp2="off", **at)
    made = place.call(
        "CreateDomainExtension",
        RegionId=REGION,
        Domain="b.example",
        ServerCertificateId=ids[1],
        **at,
    )
    shown = place.call("DescribeLoadBalancerHTTPSListenerAttribute", **at)
    assert (shown["ServerCertificateId"], shown["EnableHttp2"]) == (ids[0], "off")
    (domain,) = shown["DomainExtensions"]["DomainExtension"]
    assert domain["DomainExtensionId"] == made["DomainExtensionId"]
    place.call("DeleteLoadBalancerListener", **at)
    for each in ids:
        call("DeleteServerCertificate", RegionId=REGION, ServerCertificateId=each)


def test_rule_lives_its_life(place):
    group = place.call("CreateVServerGroup", RegionId=REGION, VServerGroupName="g")[
        "VServerGroupId"
    ]
    place.call(
        "CreateLoadBalancerHTTPListener",
        ListenerPort=80,
        BackendServerPort=80,
        HealthCheck="off",
        StickySession="off",
        Bandwidth=-1,
    )
    rules = [{"RuleName": "r", "Domain": "a.example", "Url": "/x", "VServerGroupId": group}]
    made = place.call("CreateRules", RegionId=REGION, ListenerPort=80, RuleList=json.dumps(rules))
    (rule,) = made["Rules"]["Rule"]
    one = {"RuleId": rule["RuleId"], "RegionId": REGION}
    call = place.client.call
    call("SetRule", RuleName="r2", VServerGroupId=group, **one)
    assert call("DescribeRuleAttribute", **one)["RuleName"] == "r2"
    listed = place.call("DescribeRules", RegionId=REGION, ListenerPort=80)["Rules"]["Rule"]
    assert [each["Domain"] for each in listed] == ["a.example"]
    call("DeleteRules", RegionId=REGION, RuleIds=json.dumps([rule["RuleId"]]))
    with pytest.raises(Refused) as refusal:
        call("DescribeRuleAttribute", **one)
    assert refusal.value.code == "InvalidRuleId.NotFound"
    place.call("DeleteLoadBalancerListener", ListenerPort=80)


def test_refusals_reach_the_client_with_code_and_sentence(client):
    with pytest.raises(Refused) as refusal:
        client.call("SetLoadBalancerName", LoadBalancerId="lb-none", LoadBalancerName="x")
    assert refusal.value.code == "InvalidLoadBalancerId.NotFound"
    assert "The specified LoadBalancerId does not exist." in refusal.value.message


@pytest.mark.parametrize("name", ["tea", "classic", "pop-get"])
def test_wrong_secret_is_told_apart_from_a_wrong_request(server: Server, node_modules, name):
    keys = server.credentials["access_keys"]
    wrong = type("Wrong", (), {})()
    wrong.endpoint = server.endpoint
    wrong.credentials = {
        "access_keys": {"admin": {"id": keys["admin"]["id"], "secret": "not-the-secret"}}
    }
    client = start_client(name, wrong, node_modules)
    with pytest.raises(Refused) as refusal:
        client.call("DescribeRegions")
    client.close()
    # The classic client compares the text to sign with its own, and then knows what is wrong.
    known = "InvalidAccessKeySecret" if name == "classic" else "SignatureDoesNotMatch"
    assert refusal.value.code == known


def test_viewer_may_look_and_not_change(server: Server, node_modules):
    client = start_client("classic", server, node_modules, role="viewer")
    found = client.call("DescribeLoadBalancers")["LoadBalancers"]["LoadBalancer"]
    with pytest.raises(Refused) as refusal:
        client.call("DeleteLoadBalancer", LoadBalancerId=found[0]["LoadBalancerId"])
    client.close()
    assert (refusal.value.status, refusal.value.code) == (403, "Forbidden.RAM")


NOT_CORE = ("AccessControl", "Certificate", "DomainExtension", "Modif", "Tags")


def test_every_action_of_the_core_was_called_by_a_real_client(request):
    ran = {item.originalname for item in request.session.items}
    if not {name for name in globals() if name.startswith("test_")} <= ran:
        pytest.skip("a part of the tests runs alone")
    core = {name for name in action_names() if not any(word in name for word in NOT_CORE)}
    assert len(core) > 45
    assert core <= RealClient.called
