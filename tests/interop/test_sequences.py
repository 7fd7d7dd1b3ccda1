"""What Terraform and the Kubernetes controller send, call for call (slb-rpc-api.md section 6).

Neither program is here; the calls are those of their sources, with the fields they look at.
"""

import json
from uuid import uuid4

import pytest

from tests.interop.conftest import RealClient, Refused

REGION = "cn-hangzhou"
BUSY = {"StickySession": "off", "HealthCheck": "on", "RequestTimeout": 60, "IdleTimeout": 15}
CHECKS = {
    "HealthCheckURI": "/",
    "HealthyThreshold": 3,
    "UnhealthyThreshold": 3,
    "HealthCheckTimeout": 5,
    "HealthCheckInterval": 2,
    "HealthCheckHttpCode": "http_2xx,http_3xx",
}


def gone(call, text: str, **what) -> None:
    """Assert that the program finds out that a thing is gone: by its code or the sentence."""
    name = what.pop("action")
    with pytest.raises(Refused) as refusal:
        call(name, **what)
    assert text in (refusal.value.code, refusal.value.message.removesuffix("."))


@pytest.fixture
def machines(classic: RealClient) -> list[str]:
    found = classic.call("DescribeLoadBalancers", RegionId=REGION, LoadBalancerName="demo-web")
    demo = found["LoadBalancers"]["LoadBalancer"][0]["LoadBalancerId"]
    shown = classic.call("DescribeLoadBalancerAttribute", LoadBalancerId=demo)
    return [each["ServerId"] for each in shown["BackendServers"]["BackendServer"]]


@pytest.fixture
def lb(classic: RealClient):
    """Return an instance as Terraform makes it, polled until it is active (6.1)."""
    token = f"tf-{uuid4()}"
    wanted = {
        "RegionId": REGION,
        "AddressIPVersion": "ipv4",
        "Bandwidth": 1,
        "DeleteProtection": "off",
        "InternetChargeType": "paybytraffic",
        "LoadBalancerSpec": "slb.s2.small",
        "ClientToken": token,
    }
    made = classic.call("CreateLoadBalancer", **wanted)["LoadBalancerId"]
    assert classic.call("CreateLoadBalancer", **wanted)["LoadBalancerId"] == made
    shown = classic.call("DescribeLoadBalancerAttribute", LoadBalancerId=made)
    assert shown["LoadBalancerStatus"] == "active"
    yield made
    classic.call("DeleteLoadBalancer", LoadBalancerId=made)
    gone(
        classic.call,
        "InvalidLoadBalancerId.NotFound",
        action="DescribeLoadBalancerAttribute",
        LoadBalancerId=made,
    )


def test_terraform_load_balancer(classic, lb):  # 6.1
    tagged = {"RegionId": REGION, "ResourceType": "instance", "ResourceId": [lb]}
    assert classic.call("ListTagResources", **tagged)["TagResources"] == {"TagResource": []}
    shown = classic.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert {
        "Address": str,
        "AddressIPVersion": str,
        "AddressType": str,
        "Bandwidth": int,
        "DeleteProtection": str,
        "InternetChargeType": str,
        "LoadBalancerName": str,
        "LoadBalancerSpec": str,
        "MasterZoneId": str,
        "SlaveZoneId": str,
        "ModificationProtectionReason": str,
        "ModificationProtectionStatus": str,
        "PayType": str,
        "InstanceChargeType": str,
        "ResourceGroupId": str,
        "VSwitchId": str,
    }.items() <= {name: type(value) for name, value in shown.items()}.items()
    assert (shown["Bandwidth"], shown["InternetChargeType"]) == (1, "paybytraffic")
    classic.call("TagResources", Tag=[{"Key": "env", "Value": "test"}], **tagged)
    classic.call("SetLoadBalancerStatus", LoadBalancerId=lb, LoadBalancerStatus="inactive")
    classic.call("SetLoadBalancerStatus", LoadBalancerId=lb, LoadBalancerStatus="active")
    classic.call("SetLoadBalancerName", LoadBalancerId=lb, LoadBalancerName="tf-renamed")
    classic.call(
        "ModifyLoadBalancerInstanceSpec", LoadBalancerId=lb, LoadBalancerSpec="slb.s2.medium"
    )
    classic.call(
        "ModifyLoadBalancerInternetSpec",
        LoadBalancerId=lb,
        InternetChargeType="PayByBandwidth",
        Bandwidth=10,
    )
    classic.call(
        "SetLoadBalancerModificationProtection",
        LoadBalancerId=lb,
        ModificationProtectionStatus="ConsoleProtection",
        ModificationProtectionReason="terraform",
    )
    shown = classic.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert (shown["LoadBalancerName"], shown["LoadBalancerSpec"], shown["Bandwidth"]) == (
        "tf-renamed",
        "slb.s2.medium",
        10,
    )
    assert shown["InternetChargeType"] == "paybybandwidth"


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_terraform_listener(classic, lb, protocol):  # 6.2
    at = {"LoadBalancerId": lb, "ListenerPort": 8080}
    common = {"Bandwidth": -1, "Description": "tf", "Scheduler": "wrr", "AclStatus": "off"}
    if protocol == "HTTP":
        common |= BUSY | CHECKS | {"XForwardedFor": "on", "Gzip": "on"}
    else:
        common |= {"ProxyProtocolV2Enabled": "false"}
    classic.call(f"CreateLoadBalancer{protocol}Listener", BackendServerPort=8080, **at, **common)
    attribute = f"DescribeLoadBalancer{protocol}ListenerAttribute"
    assert classic.call(attribute, **at)["Status"] == "stopped"
    by_protocol = {"ListenerProtocol": protocol.lower()}
    classic.call("StartLoadBalancerListener", **at, **by_protocol)
    assert classic.call(attribute, **at)["Status"] == "running"
    update = common | BUSY | CHECKS | {"Gzip": "on", "BackendServerPort": 8080}
    if protocol != "HTTP":
        update |= {
            "HealthCheckConnectTimeout": 5,
            "PersistenceTimeout": 0,
            "EstablishedTimeout": 900,
            "HealthCheckType": "tcp",
        }
    classic.call(f"SetLoadBalancer{protocol}ListenerAttribute", **at, **update)
    listed = classic.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    (entry,) = listed["ListenerPortsAndProtocol"]["ListenerPortAndProtocol"]
    assert (entry["ListenerPort"], entry["ListenerProtocol"]) == (8080, protocol.lower())
    shown = classic.call(attribute, **at)
    numbers = ["ListenerPort", "BackendServerPort", "Bandwidth", "HealthyThreshold"]
    assert all(type(shown[name]) is int for name in numbers)
    assert None not in shown.values()
    assert (shown["Bandwidth"], shown["Description"]) == (-1, "tf")
    classic.call("DeleteLoadBalancerListener", **at, **by_protocol)
    gone(classic.call, "The specified resource does not exist", action=attribute, **at)


def test_terraform_backend_servers(classic, lb, machines):  # 6.3
    first, second, *_ = machines
    text = "[{{'ServerId':'{}','Weight':'{}', 'Type': 'ecs'}}]"
    added = classic.call(
        "AddBackendServers", LoadBalancerId=lb, BackendServers=text.format(first, 100)
    )
    assert added["LoadBalancerId"] == lb
    classic.call("AddBackendServers", LoadBalancerId=lb, BackendServers=text.format(second, 50))
    classic.call("SetBackendServers", LoadBalancerId=lb, BackendServers=text.format(first, 7))
    classic.call("SetBackendServers", LoadBalancerId=lb)  # one slice too many
    shown = classic.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    found = {
        each["ServerId"]: (each["Weight"], each["Type"], bool(each["ServerIp"]))
        for each in shown["BackendServers"]["BackendServer"]
    }
    assert found == {first: (7, "ecs", True), second: (50, "ecs", True)}
    classic.call("RemoveBackendServers", LoadBalancerId=lb, BackendServers=json.dumps(machines))
    shown = classic.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert shown["BackendServers"] == {"BackendServer": []}


def test_terraform_server_group(classic, lb, machines):  # 6.4
    first, second, *_ = machines
    made = classic.call("CreateVServerGroup", LoadBalancerId=lb, VServerGroupName="tf-group")
    group = {"VServerGroupId": made["VServerGroupId"]}
    member = f"[{{'ServerId':'{first}','Port':'80','Weight':'100', 'Type': 'ecs'}}]"
    classic.call("AddVServerGroupBackendServers", BackendServers=member, **group)
    classic.call("SetVServerGroupAttribute", VServerGroupName="tf-group", **group)
    attached = {"ServerId": second, "Port": 81, "Weight": 10, "Type": "ecs", "Description": "d"}
    attach = json.dumps([attached])
    classic.call("AddVServerGroupBackendServers", BackendServers=attach, **group)
    shown = classic.call("DescribeVServerGroupAttribute", **group)
    assert (shown["LoadBalancerId"], shown["VServerGroupName"]) == (lb, "tf-group")
    members = [
        (each["ServerId"], each["Port"], each["Weight"], each["Type"])
        for each in shown["BackendServers"]["BackendServer"]
    ]
    assert members == [(first, 80, 100, "ecs"), (second, 81, 10, "ecs")]
    tagged = {"ResourceType": "vservergroup", "ResourceId": [group["VServerGroupId"]]}
    listed = classic.call("ListTagResources", RegionId=REGION, **tagged)
    assert listed["TagResources"] == {"TagResource": []}
    detach = json.dumps([attached | {"Port": "81"}])
    classic.call("RemoveVServerGroupBackendServers", BackendServers=detach, **group)
    classic.call("DeleteVServerGroup", **group)
    gone(
        classic.call,
        "The specified VServerGroupId does not exist",
        action="DescribeVServerGroupAttribute",
        **group,
    )


def test_terraform_master_slave_group(classic, lb, machines):  # 6.5
    first, second, *_ = machines
    members = (
        f"[{{'ServerId':'{first}','Port':'100','Weight':'100', 'Type': 'ecs', "
        f"'ServerType': 'Master', 'IsBackup':'0'}},"
        f"{{'ServerId':'{second}','Port':'100','Weight':'100', 'Type': 'ecs', "
        f"'ServerType': 'Slave', 'IsBackup':'0'}}]"
    )
    made = classic.call(
        "CreateMasterSlaveServerGroup",
        LoadBalancerId=lb,
        MasterSlaveServerGroupName="tf-pair",
        MasterSlaveBackendServers=members,
    )
    pair = {"MasterSlaveServerGroupId": made["MasterSlaveServerGroupId"]}
    shown = classic.call("DescribeMasterSlaveServerGroupAttribute", **pair)
    assert (shown["LoadBalancerId"], shown["MasterSlaveServerGroupName"]) == (lb, "tf-pair")
    found = [
        tuple(each[name] for name in ("ServerId", "Port", "Weight", "Type", "ServerType"))
        for each in shown["MasterSlaveBackendServers"]["MasterSlaveBackendServer"]
    ]
    assert found == [(first, 100, 100, "ecs", "Master"), (second, 100, 100, "ecs", "Slave")]
    classic.call(
        "CreateLoadBalancerTCPListener",
        LoadBalancerId=lb,
        ListenerPort=90,
        Bandwidth=-1,
        **pair,
    )
    with pytest.raises(Refused) as refusal:
        classic.call("DeleteMasterSlaveServerGroup", **pair)
    assert refusal.value.code == "RspoolVipExist"  # Terraform tries again
    classic.call("DeleteLoadBalancerListener", LoadBalancerId=lb, ListenerPort=90)
    classic.call("DeleteMasterSlaveServerGroup", **pair)
    gone(
        classic.call,
        "The specified MasterSlaveGroupId does not exist",
        action="DescribeMasterSlaveServerGroupAttribute",
        **pair,
    )


def test_terraform_rule(classic, lb):  # 6.6
    group = classic.call("CreateVServerGroup", LoadBalancerId=lb)["VServerGroupId"]
    at = {"LoadBalancerId": lb, "ListenerPort": 80}
    classic.call("CreateLoadBalancerHTTPListener", BackendServerPort=80, **at, **BUSY, **CHECKS)
    wanted = {"Domain": "*.aliyun.com", "Url": "/image", "VServerGroupId": group, "RuleName": "tf"}
    made = classic.call("CreateRules", RuleList=json.dumps([wanted]), **at)
    rule = {"RuleId": made["Rules"]["Rule"][0]["RuleId"]}
    classic.call(
        "SetRule",
        ListenerSync="off",
        VServerGroupId=group,
        RuleName="tf",
        Scheduler="rr",
        StickySession="on",
        StickySessionType="server",
        Cookie="23ffsa",
        HealthCheck="on",
        HealthCheckConnectPort=-520,
        **CHECKS,
        **rule,
    )
    shown = classic.call("DescribeRuleAttribute", **rule)
    assert {
        "RuleName": "tf",
        "ListenerPort": "80",
        "Domain": "*.aliyun.com",
        "Url": "/image",
        "VServerGroupId": group,
        "ListenerSync": "off",
        "Scheduler": "rr",
        "Cookie": "23ffsa",
        "HealthCheckHttpCode": "http_2xx,http_3xx",
        "HealthCheckInterval": 2,
        "HealthCheckConnectPort": -520,
    }.items() <= shown.items()
    classic.call("DeleteRules", RuleIds=f"['{rule['RuleId']}']")
    gone(classic.call, "InvalidRuleId.NotFound", action="DescribeRuleAttribute", **rule)


def test_kubernetes_controller(classic, machines):  # 6.7
    tag = {"TagKey": "kubernetes.do.not.delete", "TagValue": "a1b2c3"}
    find = {"RegionId": REGION, "Tags": json.dumps([tag])}
    assert classic.call("DescribeLoadBalancers", **find)["TotalCount"] == 0
    lb = classic.call(
        "CreateLoadBalancer",
        RegionId=REGION,
        LoadBalancerName="a1b2c3",
        AddressType="internet",
        InstanceChargeType="PayByCLCU",
        InternetChargeType="paybytraffic",
        DeleteProtection="on",
        ModificationProtectionStatus="ConsoleProtection",
        ModificationProtectionReason="managed.by.ack",
        Tag=[{"Key": tag["TagKey"], "Value": tag["TagValue"]}],
        ClientToken="controller-1",
    )["LoadBalancerId"]
    found = classic.call("DescribeLoadBalancers", **find)
    (entry,) = found["LoadBalancers"]["LoadBalancer"]
    assert (entry["LoadBalancerId"], entry["InternetChargeTypeAlias"]) == (lb, "paybytraffic")
    tagged = {"RegionId": REGION, "ResourceType": "instance", "ResourceId": [lb]}
    assert len(classic.call("ListTagResources", **tagged)["TagResources"]["TagResource"]) == 1

    group = classic.call("CreateVServerGroup", LoadBalancerId=lb, VServerGroupName="k8s/80/svc")
    group = {"VServerGroupId": group["VServerGroupId"]}
    members = [
        {
            "serverId": each,
            "serverIp": "",
            "weight": 100,
            "port": 30080,
            "type": "ecs",
            "description": "k8s/80/svc",
            "IsUserManaged": False,
            "NodeName": None,
            "Invalid": False,
        }
        for each in machines
    ]
    classic.call("AddVServerGroupBackendServers", BackendServers=json.dumps(members), **group)
    weighed = [each | {"weight": 33} for each in members]
    classic.call("SetVServerGroupAttribute", BackendServers=json.dumps(weighed), **group)
    listed = classic.call("DescribeVServerGroups", LoadBalancerId=lb)["VServerGroups"]
    assert [each["VServerGroupName"] for each in listed["VServerGroup"]] == ["k8s/80/svc"]
    shown = classic.call("DescribeVServerGroupAttribute", **group)["BackendServers"]
    assert {each["Weight"] for each in shown["BackendServer"]} == {33}

    at = {"LoadBalancerId": lb, "ListenerPort": 80}
    description = "k8s/80/svc/default/cluster"
    classic.call(
        "CreateLoadBalancerTCPListener",
        Description=description,
        Bandwidth=-1,
        Scheduler="rr",
        BackendServerPort=-520,
        HealthCheckSwitch="on",
        HealthCheckType="tcp",
        HealthCheckConnectPort=-520,
        ConnectionDrain="off",
        **at,
        **group,
    )
    classic.call("StartLoadBalancerListener", ListenerProtocol="tcp", **at)
    classic.call(
        "SetLoadBalancerTCPListenerAttribute",
        Description=description,
        VServerGroup="on",
        Scheduler="rr",
        EstablishedTimeout=500,
        **at,
        **group,
    )
    listeners = classic.call("DescribeLoadBalancerListeners", LoadBalancerId=[lb], MaxResults=50)
    assert not listeners["NextToken"]
    (listener,) = listeners["Listeners"]
    assert {
        "Description": description,
        "Scheduler": "rr",
        "Bandwidth": -1,
        "Status": "running",
        "AclStatus": "off",
        **group,
    }.items() <= listener.items()
    config = listener["TCPListenerConfig"]
    assert (config["EstablishedTimeout"], config["PersistenceTimeout"]) == (500, 0)
    assert (config["ConnectionDrain"], config["HealthCheck"]) == ("off", "on")

    classic.call("DeleteLoadBalancerListener", ListenerProtocol="tcp", **at)
    classic.call("DeleteVServerGroup", **group)
    classic.call("SetLoadBalancerDeleteProtection", LoadBalancerId=lb, DeleteProtection="off")
    classic.call("DeleteLoadBalancer", LoadBalancerId=lb)
