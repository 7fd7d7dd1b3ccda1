"""Instances through the RPC API (slb-rpc-api.md section 3.1)."""

import pytest

from balancer.models import Activity, LoadBalancer, PublishHead, Tag
from tests.balancer.rpc.caller import Refused

PROTECT = {
    "ModificationProtectionStatus": "ConsoleProtection",
    "ModificationProtectionReason": "managed.by.ack",
}


@pytest.fixture
def create(rpc):
    return lambda **more: rpc.call("CreateLoadBalancer", RegionId="cn-test", **more)


def show(rpc, made):
    return rpc.call("DescribeLoadBalancerAttribute", LoadBalancerId=made["LoadBalancerId"])


def test_created_instance_is_active_at_once(estate, rpc, create):
    made = create(LoadBalancerName="one", LoadBalancerSpec="slb.s1.small")
    assert made["LoadBalancerName"] == "one"
    assert made["OrderId"] == 0
    assert made["AddressIPVersion"] == "ipv4"
    shown = show(rpc, made)
    assert shown["LoadBalancerStatus"] == "active"
    assert shown["LoadBalancerSpec"] == "slb.s1.small"
    assert shown["Address"] == made["Address"]
    assert shown["InternetChargeType"] == "paybytraffic"  # trap 17
    assert shown["ListenerPorts"] == {"ListenerPort": []}
    assert shown["BackendServers"] == {"BackendServer": []}
    assert shown["Tags"] == {"Tag": []}


def test_name_is_made_when_there_is_none(create, estate):
    made = create()
    assert made["LoadBalancerName"] == made["LoadBalancerId"]


def test_terraforms_defaults_come_back_as_sent(estate, rpc, create):  # section 6.1
    made = create(
        AddressIPVersion="ipv4",
        Bandwidth="1",
        DeleteProtection="off",
        InternetChargeType="paybytraffic",
        ClientToken="token-1",
    )
    shown = show(rpc, made)
    assert (shown["Bandwidth"], shown["DeleteProtection"]) == (1, "off")
    assert LoadBalancer.objects.get(public_id=made["LoadBalancerId"]).bandwidth_mbps == -1


def test_vswitch_gives_network_zone_and_a_private_address(estate, rpc, create):
    made = create(VpcId="vpc-1", VSwitchId="vsw-1")
    assert (made["VpcId"], made["VSwitchId"], made["NetworkType"]) == ("vpc-1", "vsw-1", "vpc")
    assert show(rpc, made)["AddressType"] == "intranet"


def test_tags_and_protections_are_set_in_the_same_call(estate, rpc, create):
    made = create(DeleteProtection="on", **PROTECT, **{"Tag.1.Key": "k", "Tag.1.Value": "v"})
    shown = show(rpc, made)
    assert shown["Tags"] == {"Tag": [{"TagKey": "k", "TagValue": "v"}]}
    assert shown["DeleteProtection"] == "on"
    assert shown["ModificationProtectionStatus"] == "ConsoleProtection"
    assert shown["ModificationProtectionReason"] == "managed.by.ack"


def test_same_token_makes_one_instance(estate, rpc, create):  # section 1.9
    first = create(ClientToken="t", LoadBalancerName="x")
    second = create(ClientToken="t", LoadBalancerName="x")
    assert first["LoadBalancerId"] == second["LoadBalancerId"]
    assert first["RequestId"] != second["RequestId"]
    assert LoadBalancer.objects.count() == 2
    with pytest.raises(Refused) as refusal:
        create(ClientToken="t", LoadBalancerName="y")
    assert refusal.value.code == "IdempotentParameterMismatch"


def test_refused_creation_leaves_its_token_free(estate, create):
    with pytest.raises(Refused):
        create(ClientToken="t", LoadBalancerSpec="slb.huge")
    assert create(ClientToken="t")["LoadBalancerId"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"LoadBalancerSpec": "slb.huge"}, "InvalidParameter"),
        ({"LoadBalancerName": "1st"}, "InvalidParameter"),
        ({"AddressIPVersion": "ipv6"}, "InvalidParameter.Mismatch"),
        ({"AddressType": "outer"}, "InvalidParameter"),
        ({"VSwitchId": "vsw-none"}, "InvalidVSwitchId.NotFound"),
        ({"VpcId": "vpc-none", "VSwitchId": "vsw-1"}, "InvalidVpcId.NotExist"),
        ({"VpcId": "vpc-1", "AddressType": "intranet"}, "MissingParam.VSwitchId"),
        ({"MasterZoneId": "none"}, "InvalidParameter"),
        ({"Bandwidth": "0"}, "InvalidParameter.Bandwidth"),
        ({"Bandwidth": "many"}, "InvalidParameter.Bandwidth"),
        ({"Bandwidth": "5121"}, "InvalidParameter.Bandwidth"),
        ({"InstanceChargeType": "x"}, "IllegalParam.InstanceChargeType"),
        ({"VpcId": "vpc-none"}, "InvalidVpcId.NotExist"),
        ({"Address": "here"}, "InvalidParameter"),
        ({"Tag.1.Value": "v"}, "MissingParam.TagKey"),
        ({"Tag.1.Key": "acs:x"}, "InvalidParam.TagKey"),
        ({"Tag.1.Key": "k", "Tag.1.Value": "http://x"}, "InvalidParam.TagValue"),
        ({"Tag.1.Key": "k", "Tag.2.Key": "k"}, "Duplicate.TagKey"),
        ({f"Tag.{n}.Key": f"k{n}" for n in range(1, 22)}, "SizeLimitExceeded.Tag"),
        ({"ModificationProtectionStatus": "x"}, "InvalidParam.ModificationProtectionStatus"),
        (
            PROTECT | {"ModificationProtectionReason": "1"},
            "InvalidParam.ModificationProtectionReason",
        ),
    ],
)
def test_what_cannot_be_created_leaves_nothing(estate, create, given, code):
    with pytest.raises(Refused) as refusal:
        create(**given)
    assert (refusal.value.status, refusal.value.code) == (400, code)
    assert LoadBalancer.objects.count() == 1
    assert not Activity.objects.filter(action="load_balancer.created").exists()


def test_deletion_takes_tags_along_and_then_nothing_is_found(estate, rpc, create):
    made = create(**{"Tag.1.Key": "k"})
    assert rpc.call("DeleteLoadBalancer", LoadBalancerId=made["LoadBalancerId"])
    assert not Tag.objects.exists()
    with pytest.raises(Refused) as refusal:
        show(rpc, made)
    assert (refusal.value.status, refusal.value.code) == (404, "InvalidLoadBalancerId.NotFound")
    assert refusal.value.message == "The specified LoadBalancerId does not exist."


def test_protected_instance_is_not_deleted(estate, rpc):
    lb = estate.load_balancer.public_id
    assert rpc.call("SetLoadBalancerDeleteProtection", LoadBalancerId=lb, DeleteProtection="on")
    with pytest.raises(Refused) as refusal:
        rpc.call("DeleteLoadBalancer", LoadBalancerId=lb)
    assert refusal.value.code == "OperationDenied.DeleteProtectionIsOn"
    rpc.call("SetLoadBalancerDeleteProtection", LoadBalancerId=lb, DeleteProtection="off")
    rpc.call("DeleteLoadBalancer", LoadBalancerId=lb)


def test_protection_against_changes_is_one_of_the_console(estate, rpc):
    lb = estate.load_balancer.public_id
    rpc.call("SetLoadBalancerModificationProtection", LoadBalancerId=lb, **PROTECT)
    rpc.call("SetLoadBalancerName", LoadBalancerId=lb, LoadBalancerName="renamed")
    rpc.call(
        "SetLoadBalancerModificationProtection",
        LoadBalancerId=lb,
        ModificationProtectionStatus="NonProtection",
    )
    estate.load_balancer.refresh_from_db()
    row = estate.load_balancer
    assert (row.name, row.modification_protection_reason) == ("renamed", "")


def test_status_is_set_and_published(estate, rpc):
    lb = estate.load_balancer.public_id
    rpc.call("SetLoadBalancerStatus", LoadBalancerId=lb, LoadBalancerStatus="inactive")
    shown = rpc.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert shown["LoadBalancerStatus"] == "inactive"
    assert PublishHead.objects.get(load_balancer_public_id=lb).wanted == 1
    with pytest.raises(Refused):
        rpc.call("SetLoadBalancerStatus", LoadBalancerId=lb, LoadBalancerStatus="asleep")


def test_attribute_lists_ports_in_both_spellings_and_servers(estate, rpc):
    shown = rpc.call("DescribeLoadBalancerAttribute", LoadBalancerId=estate.load_balancer.public_id)
    assert shown["ListenerPorts"] == {"ListenerPort": [80]}
    (misspelt,) = shown["ListenerPortsAndProtocal"]["ListenerPortAndProtocal"]
    assert misspelt == {"ListenerPort": 80, "ListenerProtocal": "http"}
    (right,) = shown["ListenerPortsAndProtocol"]["ListenerPortAndProtocol"]
    assert right == {
        "ListenerPort": 80,
        "ListenerProtocol": "http",
        "ListenerForward": "off",
        "Description": "http",
    }
    first = shown["BackendServers"]["BackendServer"][0]
    assert first == {
        "ServerId": estate.servers[0].machine_id,
        "ServerIp": "10.0.0.1",
        "Weight": 50,
        "Type": "ecs",
        "Description": "",
    }
    assert isinstance(shown["CreateTimeStamp"], int)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, 3),
        ({"LoadBalancerName": "web"}, 1),
        ({"LoadBalancerName": "web,two"}, 2),
        ({"LoadBalancerName": "w"}, 0),
        ({"LoadBalancerName": "w", "Fuzzy": "true"}, 2),
        ({"LoadBalancerId": "lb-none"}, 0),
        ({"LoadBalancerStatus": "active"}, 3),
        ({"Address": "127.88.0.1"}, 1),
        ({"AddressType": "intranet"}, 0),
        ({"NetworkType": "vpc"}, 3),
        ({"NetworkType": "classic"}, 0),
        ({"VpcId": "vpc-1"}, 1),
        ({"MasterZoneId": "cn-test-a"}, 3),
        ({"PayType": "PayOnDemand"}, 3),
        ({"PayType": "PrePay"}, 0),
        ({"InternetChargeType": "paybybandwidth"}, 1),
        ({"InternetChargeType": "paybytraffic"}, 2),
        ({"ServerIntranetAddress": "10.0.0.1,10.0.0.2"}, 1),
        ({"ServerId": "i-none"}, 0),
        ({"Tag.1.Key": "team"}, 2),
        ({"Tag.1.Key": "team", "Tag.1.Value": "a"}, 1),
        ({"Tag.1.Key": "team", "Tag.2.Key": "no"}, 0),
        ({"Tags": '[{"TagKey":"team","TagValue":"b"}]'}, 1),
        ({"Tags": "[{'tagKey':'team','tagValue':'b'}]"}, 1),
        ({"AddressIPVersion": "ipv6"}, 0),
    ],
)
def test_instances_are_filtered(estate, rpc, create, given, found):
    create(LoadBalancerName="two", **{"Tag.1.Key": "team", "Tag.1.Value": "a"})
    create(
        LoadBalancerName="three",
        InternetChargeType="PayByBandwidth",
        Bandwidth=5,
        **{"Tag.1.Key": "team", "Tag.1.Value": "b"},
    )
    answer = rpc.call("DescribeLoadBalancers", RegionId="cn-test", **given)
    assert answer["TotalCount"] == found
    assert len(answer["LoadBalancers"]["LoadBalancer"]) == found


def test_list_says_the_charge_type_as_a_number_and_in_words(estate, rpc, create):  # trap 17
    create(LoadBalancerName="two", InternetChargeType="paybybandwidth", Bandwidth=7)
    answer = rpc.call("DescribeLoadBalancers", RegionId="cn-test", LoadBalancerName="two")
    (entry,) = answer["LoadBalancers"]["LoadBalancer"]
    assert entry["InternetChargeType"] == "3"
    assert entry["InternetChargeTypeAlias"] == "paybybandwidth"
    assert entry["Bandwidth"] == 7


def test_instances_come_in_pages(estate, rpc, create):
    create(), create()
    page = {"RegionId": "cn-test", "PageSize": 2}
    first = rpc.call("DescribeLoadBalancers", **page)
    second = rpc.call("DescribeLoadBalancers", PageNumber=2, **page)
    assert (first["PageNumber"], first["PageSize"], first["TotalCount"]) == (1, 2, 3)
    ids = [
        each["LoadBalancerId"]
        for answer in (first, second)
        for each in answer["LoadBalancers"]["LoadBalancer"]
    ]
    assert len(set(ids)) == 3
    for wrong in ({"PageSize": 101}, {"PageNumber": 0}, {"PageSize": "0x2"}):
        with pytest.raises(Refused):
            rpc.call("DescribeLoadBalancers", RegionId="cn-test", **wrong)


def test_instance_of_another_region_is_not_found(estate, machines, rpc):
    region = machines.other_region.zone.region.public_id
    with pytest.raises(Refused) as refusal:
        rpc.call(
            "DescribeLoadBalancerAttribute",
            LoadBalancerId=estate.load_balancer.public_id,
            RegionId=region,
        )
    assert refusal.value.code == "InvalidLoadBalancerId.NotFound"


def test_a_bandwidth_below_that_of_its_listeners_is_refused(estate, rpc):  # section 3.2
    estate.listener.bandwidth_mbps = 20
    estate.listener.save()
    given = {
        "LoadBalancerId": estate.load_balancer.public_id,
        "InternetChargeType": "PayByBandwidth",
    }
    with pytest.raises(Refused) as refusal:
        rpc.call("ModifyLoadBalancerInternetSpec", Bandwidth=19, **given)
    assert refusal.value.code == "InvalidParameter.Bandwidth"
    rpc.call("ModifyLoadBalancerInternetSpec", Bandwidth=20, **given)


def test_specification_and_billing_are_changed(estate, rpc):
    lb = estate.load_balancer.public_id
    changed = rpc.call(
        "ModifyLoadBalancerInstanceSpec", LoadBalancerId=lb, LoadBalancerSpec="slb.s2.small"
    )
    assert changed["OrderId"] == 0
    rpc.call(
        "ModifyLoadBalancerInternetSpec",
        LoadBalancerId=lb,
        InternetChargeType="PayByBandwidth",
        Bandwidth=9,
    )
    shown = rpc.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert shown["LoadBalancerSpec"] == "slb.s2.small"
    assert (shown["InternetChargeType"], shown["Bandwidth"]) == ("paybybandwidth", 9)
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.bandwidth_mbps == 9, "in force"
    rpc.call(
        "ModifyLoadBalancerInstanceChargeType", LoadBalancerId=lb, InstanceChargeType="PayByCLCU"
    )
    shown = rpc.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert (shown["InstanceChargeType"], shown["LoadBalancerSpec"]) == (
        "PayByCLCU",
        "slb.lcu.elastic",
    )
    with pytest.raises(Refused) as refusal:
        rpc.call(
            "ModifyLoadBalancerInstanceSpec", LoadBalancerId=lb, LoadBalancerSpec="slb.s1.small"
        )
    assert refusal.value.code == "OperationDenied.PayByCLCU"
