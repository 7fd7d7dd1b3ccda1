"""Listeners through the RPC API (sections 3.2 to 3.4)."""

import json

import pytest

import balancer.rpc.actions  # noqa: F401  (fills the registry)
from balancer.actors import Actor
from balancer.domain.support import SUPPORTED_PROTOCOLS
from balancer.models import Listener, ServerGroup, Tag
from balancer.rpc.registry import action_names
from balancer.services.server_groups import create_server_group
from tests.balancer.rpc.caller import Refused

TERRAFORM_NOISE = {  # trap 10: sent for every protocol
    "StickySession": "off",
    "HealthCheck": "on",
    "RequestTimeout": "60",
    "IdleTimeout": "15",
    "HealthCheckURI": "/",
    "HealthyThreshold": "4",
    "UnhealthyThreshold": "5",
    "HealthCheckTimeout": "6",
    "HealthCheckInterval": "7",
    "HealthCheckHttpCode": "http_2xx,http_3xx",
    "Gzip": "on",
    "BackendServerPort": "81",
    "": "80",
}
TERRAFORM_NOISE_4 = {
    "HealthCheckConnectTimeout": "8",
    "PersistenceTimeout": "0",
    "EstablishedTimeout": "600",
    "HealthCheckType": "tcp",
}


@pytest.fixture
def lb(estate) -> str:
    return estate.load_balancer.public_id


@pytest.fixture
def listen(rpc, lb):
    """Return a function that creates a listener and shows it."""

    def create(protocol, port=443, **more):
        given = {"LoadBalancerId": lb, "ListenerPort": port}
        if "VServerGroupId" not in more and "MasterSlaveServerGroupId" not in more:
            given["BackendServerPort"] = 8080
        if protocol in ("TCP", "UDP", "HTTPS"):
            given["Bandwidth"] = -1
        if protocol.startswith("HTTP"):
            given["HealthCheck"] = "on"
        made = rpc.call(f"CreateLoadBalancer{protocol}Listener", **given | more)
        assert set(made) == {"RequestId"}
        return show(protocol, port)

    def show(protocol, port=443):
        return rpc.call(
            f"DescribeLoadBalancer{protocol}ListenerAttribute", LoadBalancerId=lb, ListenerPort=port
        )

    create.show = show
    return create


@pytest.fixture
def group(estate) -> str:
    made = create_server_group(
        actor=Actor.system("test"), load_balancer=estate.load_balancer, kind="vserver", name="g"
    )
    return made.public_id


def test_new_tcp_listener_is_stopped_and_shows_what_was_stored(listen, lb):  # traps 12, 14
    shown = listen("TCP", healthCheckInterval=11, Scheduler="wlc", Description="k8s/443/s/n/c")
    del shown["RequestId"]
    assert shown == {
        "LoadBalancerId": lb,
        "ListenerPort": 443,
        "BackendServerPort": 8080,
        "Bandwidth": -1,
        "Status": "stopped",
        "Description": "k8s/443/s/n/c",
        "Scheduler": "wlc",
        "PersistenceTimeout": 0,
        "EstablishedTimeout": 900,
        "SynProxy": "disable",
        "HealthCheck": "on",
        "HealthCheckType": "tcp",
        "HealthCheckMethod": "head",
        "HealthCheckURI": "/",
        "HealthCheckHttpCode": "http_2xx",
        "HealthCheckConnectPort": -520,
        "HealthCheckConnectTimeout": 5,
        "HealthCheckInterval": 11,
        "HealthyThreshold": 3,
        "UnhealthyThreshold": 3,
        "ConnectionDrain": "off",
        "ProxyProtocolV2Enabled": False,
        "MasterSlaveModeEnabled": False,
        "AclStatus": "off",
        "Tags": {"Tag": []},
    }


def test_tcp_listener_that_checks_by_http_asks_with_get(listen):  # section 5.4
    shown = listen("TCP", HealthCheckType="http", HealthCheckDomain="$_ip", HealthCheckURI="/")
    assert (shown["HealthCheckType"], shown["HealthCheckMethod"]) == ("http", "get")
    assert "HealthCheckDomain" not in shown


def test_udp_listener_takes_its_payloads_in_small_letters(listen):  # trap 5
    shown = listen("UDP", healthCheckReq="hello", healthCheckExp="world", healthCheckInterval=9)
    assert (shown["HealthCheckReq"], shown["HealthCheckExp"]) == ("hello", "world")
    assert (shown["HealthCheckInterval"], shown["HealthCheckConnectTimeout"]) == (9, 10)


def test_http_listener_has_the_defaults_of_this_api(listen):
    shown = listen("HTTP")
    assert (shown["Gzip"], shown["XForwardedFor"], shown["XForwardedFor_proto"]) == (
        "on",
        "on",
        "off",
    )
    assert (shown["IdleTimeout"], shown["RequestTimeout"]) == (15, 60)
    assert shown["StickySession"] == "off"
    assert "Cookie" not in shown
    assert "CookieTimeout" not in shown
    assert (shown["ListenerForward"], shown["SecurityStatus"]) == ("off", "on")
    assert "ForwardPort" not in shown
    assert shown["Rules"] == {"Rule": []}
    assert shown["HealthCheckMethod"] == "head"


def test_details_of_a_check_that_is_off_are_left_out(listen):
    shown = listen("HTTP", HealthCheck="off")
    assert shown["HealthCheck"] == "off"
    assert not {name for name in shown if name.startswith("HealthCheck")} - {"HealthCheck"}


def test_sessions_are_kept_by_either_cookie(listen):
    shown = listen("HTTP", 81, StickySession="on", StickySessionType="insert", CookieTimeout="500")
    assert (shown["StickySessionType"], shown["CookieTimeout"]) == ("insert", 500)
    shown = listen("HTTP", 82, StickySession="on", StickySessionType="server", Cookie="SID")
    assert (shown["StickySessionType"], shown["Cookie"]) == ("server", "SID")


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_update_of_terraform_is_understood_by_every_protocol(listen, rpc, lb, protocol):
    listen(protocol)
    noise = TERRAFORM_NOISE | ({} if protocol == "HTTP" else TERRAFORM_NOISE_4)
    rpc.call(
        f"SetLoadBalancer{protocol}ListenerAttribute",
        LoadBalancerId=lb,
        ListenerPort=443,
        Bandwidth="-1",
        Description="said",
        Scheduler="rr",
        ProxyProtocolV2Enabled="False",
        **noise,
    )
    shown = listen.show(protocol)
    assert (shown["Scheduler"], shown["Description"]) == ("rr", "said")
    assert (shown["HealthCheckInterval"], shown["HealthyThreshold"]) == (7, 4)
    timeout = "HealthCheckTimeout" if protocol == "HTTP" else "HealthCheckConnectTimeout"
    assert shown[timeout] == (6 if protocol == "HTTP" else 8)
    assert shown["BackendServerPort"] == 8080
    assert shown["Status"] == "stopped"


def test_set_changes_what_is_named_only(listen, rpc, lb):
    before = listen("HTTP", Gzip="off")
    rpc.call(
        "SetLoadBalancerHTTPListenerAttribute",
        LoadBalancerId=lb,
        ListenerPort=443,
        RequestTimeout=99,
    )
    after = listen.show("HTTP")
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"RequestTimeout", "RequestId"}


@pytest.mark.parametrize(
    ("protocol", "given", "code"),
    [
        ("TCP", {"Bandwidth": None}, "MissingParameter"),
        ("TCP", {"BackendServerPort": None}, "MissingParameter"),
        ("TCP", {"Bandwidth": "6000"}, "InvalidParameter"),
        ("TCP", {"ListenerPort": "0"}, "InvalidParameter"),
        ("TCP", {"ListenerPort": None}, "MissingParameter"),
        ("TCP", {"Scheduler": "best"}, "InvalidParameter"),
        ("TCP", {"Scheduler": "sch"}, "InvalidParameterValue.SpecNotSupport"),
        ("TCP", {"HealthyThreshold": "11"}, "InvalidParameter"),
        ("TCP", {"EstablishedTimeout": "5"}, "InvalidParameter"),
        ("TCP", {"VServerGroupId": "rsp-none"}, "ResourceNotFound.VServerGroup"),
        (
            "TCP",
            {"VServerGroupId": "a", "MasterSlaveServerGroupId": "b"},
            "Abs.VServerGroupIdAndMasterSlaveServerGroupId.MissMatch",
        ),
        ("TCP", {"Description": "<x>"}, "InvalidParameter"),
        ("TCP", {"AclStatus": "on", "AclType": "white", "AclId": "acl-none"}, "AclNotExist"),
        ("UDP", {"healthCheckReq": "?"}, "InvalidParam.HealthCheckReq"),
        ("HTTP", {"HealthCheck": None}, "MissingParameter"),
        ("HTTP", {"IdleTimeout": "61"}, "InvalidParameter.IdleTimeout"),
        ("HTTP", {"RequestTimeout": "181"}, "InvalidParameter.RequestTimeout"),
        ("HTTP", {"StickySession": "on"}, "InvalidParameter"),
        ("HTTP", {"ListenerForward": "on", "ForwardPort": 444}, "ListenerForwardNotSupport"),
        ("HTTP", {"Tag.1.Key": "aliyun"}, "InvalidParam.TagKey"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_stored(listen, protocol, given, code):
    with pytest.raises(Refused) as refusal:
        listen(protocol, **{"port": 443} | given if "ListenerPort" not in given else given)
    assert (refusal.value.status, refusal.value.code) == (400, code)
    assert Listener.objects.count() == 1


def test_port_belongs_to_one_stream_and_one_datagram_listener(listen, rpc, lb):
    listen("TCP")
    listen("UDP")
    for protocol, code in (
        ("TCP", "ListenerAlreadyExists"),
        ("UDP", "ListenerAlreadyExists"),
        ("HTTP", "InvalidParameter.ListenerPortConflict"),
    ):
        with pytest.raises(Refused) as refusal:
            listen(protocol)
        assert (refusal.value.status, refusal.value.code) == (400, code)
    both = {"LoadBalancerId": lb, "ListenerPort": 443}
    for name in ("StartLoadBalancerListener", "DeleteLoadBalancerListener", "DescribeHealthStatus"):
        with pytest.raises(Refused) as refusal:
            rpc.call(name, **both)
        assert (refusal.value.status, refusal.value.code) == (400, "TooManyListeners")
    rpc.call("StartLoadBalancerListener", ListenerProtocol="udp", **both)
    assert listen.show("UDP")["Status"] == "running"
    assert listen.show("TCP")["Status"] == "stopped"


def test_listener_starts_stops_and_goes(listen, rpc, lb):
    listen("TCP", **{"Tag.1.Key": "k"})
    one = {"LoadBalancerId": lb, "ListenerPort": 443}
    rpc.call("StartLoadBalancerListener", **one)
    assert listen.show("TCP")["Status"] == "running"
    rpc.call("StopLoadBalancerListener", **one)
    assert listen.show("TCP")["Status"] == "stopped"
    rpc.call("DeleteLoadBalancerListener", ListenerProtocol="TCP", **one)
    assert not Tag.objects.exists()
    for name, code in (
        ("DescribeLoadBalancerTCPListenerAttribute", "InvalidParameter"),
        ("SetLoadBalancerTCPListenerAttribute", "InvalidParameter"),
        ("StartLoadBalancerListener", "ListenerNotFound"),
        ("DeleteLoadBalancerListener", "ResourceNotFound.Listener"),
    ):
        with pytest.raises(Refused) as refusal:
            rpc.call(name, **one)
        assert (refusal.value.status, refusal.value.code) == (404, code)
        assert "The specified resource does not exist" in refusal.value.message  # trap 15


def test_group_is_taken_and_let_go(listen, rpc, lb, group):
    listen("TCP")
    one = {"LoadBalancerId": lb, "ListenerPort": 443}
    change = "SetLoadBalancerTCPListenerAttribute"
    rpc.call(change, VServerGroup="on", VServerGroupId=group, **one)
    assert listen.show("TCP")["VServerGroupId"] == group
    rpc.call(change, VServerGroupId=group, MasterSlaveServerGroup="off", **one)
    assert listen.show("TCP")["VServerGroupId"] == group
    rpc.call(change, VServerGroup="off", MasterSlaveServerGroup="off", **one)
    assert "VServerGroupId" not in listen.show("TCP")
    with pytest.raises(Refused) as refusal:
        rpc.call(change, VServerGroup="on", **one)
    assert refusal.value.code == "MissingParam.VServerGroupId"


def test_listener_without_a_port_of_its_own_keeps_its_group(listen, rpc, lb, group):
    shown = listen("HTTP", VServerGroupId=group)
    assert "BackendServerPort" not in shown
    with pytest.raises(Refused) as refusal:
        rpc.call(
            "SetLoadBalancerHTTPListenerAttribute",
            LoadBalancerId=lb,
            ListenerPort=443,
            VServerGroup="off",
        )
    assert refusal.value.code == "OperationFailed.ServerGroupInUse"


def test_foreign_group_is_refused(estate, listen):
    other = estate.add_load_balancer("127.88.0.9")
    foreign = ServerGroup.objects.create(load_balancer=other, kind="vserver", name="f")
    with pytest.raises(Refused) as refusal:
        listen("TCP", VServerGroupId=foreign.public_id)
    assert refusal.value.code == "InvalidParam.VServerGroupId"


def test_two_groups_fail_over(estate, listen, group):  # section 5.5
    second = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind="vserver", name="second"
    ).public_id
    shown = listen(
        "TCP",
        MasterSlaveModeEnabled="true",
        MasterServerGroupId=group,
        SlaveServerGroupId=second,
        FailoverThreshold=2,
    )
    assert shown["MasterSlaveModeEnabled"] is True
    assert (shown["MasterServerGroupId"], shown["SlaveServerGroupId"]) == (group, second)
    assert shown["FailoverThreshold"] == 2


def test_connections_drain_and_what_is_off_takes_its_details_along(listen, rpc, lb):
    shown = listen("TCP", ConnectionDrain="on", ConnectionDrainTimeout=300, PersistenceTimeout=60)
    assert (shown["ConnectionDrain"], shown["ConnectionDrainTimeout"]) == ("on", 300)
    assert shown["PersistenceTimeout"] == 60
    rpc.call(
        "SetLoadBalancerTCPListenerAttribute",
        LoadBalancerId=lb,
        ListenerPort=443,
        ConnectionDrain="off",
        ConnectionDrainTimeout=300,
        MasterSlaveModeEnabled="false",
        FailoverThreshold=1,
    )
    shown = listen.show("TCP")
    assert shown["ConnectionDrain"] == "off"
    assert "ConnectionDrainTimeout" not in shown


def test_access_lists_are_named_by_id(listen, rpc, lb):
    ids = [rpc.call("CreateAccessControlList", AclName=name)["AclId"] for name in ("a", "b")]
    shown = listen("TCP", AclStatus="on", AclType="white", AclId=",".join(ids))
    assert (shown["AclStatus"], shown["AclType"]) == ("on", "white")
    assert sorted(shown["AclIds"]["AclId"]) == sorted(ids)
    with pytest.raises(Refused):
        rpc.call("DeleteAccessControlList", AclId=ids[0])
    rpc.call(
        "SetLoadBalancerTCPListenerAttribute",
        LoadBalancerId=lb,
        ListenerPort=443,
        AclStatus="off",
        AclType="white",
    )
    assert listen.show("TCP")["AclStatus"] == "off"


def test_kind_of_access_control_changes_alone_while_it_is_on(listen, rpc, lb):  # section 3.2
    acl = rpc.call("CreateAccessControlList", AclName="a")["AclId"]
    listen("TCP", AclStatus="on", AclType="white", AclId=acl)
    change = {"LoadBalancerId": lb, "ListenerPort": 443, "AclType": "black"}
    rpc.call("SetLoadBalancerTCPListenerAttribute", **change)
    shown = listen.show("TCP")
    assert (shown["AclStatus"], shown["AclType"], shown["AclId"]) == ("on", "black", acl)


def test_lists_of_ipv6_networks_are_refused(rpc, estate):
    with pytest.raises(Refused) as refusal:
        rpc.call("CreateAccessControlList", AclName="a", AddressIPVersion="ipv6")
    assert refusal.value.code == "InvalidParameter"


def test_access_list_holds_networks_with_comments(rpc, estate):
    acl = rpc.call("CreateAccessControlList", AclName="a", **{"Tag.1.Key": "k"})["AclId"]
    entries = [
        {"entry": "10.0.0.0/24", "comment": "one"},
        {"entry": "10.0.1.0/24", "comment": "two"},
    ]
    rpc.call("AddAccessControlListEntry", AclId=acl, AclEntrys=json.dumps(entries))
    with pytest.raises(Refused) as refusal:
        rpc.call("AddAccessControlListEntry", AclId=acl, AclEntrys=json.dumps(entries[:1]))
    assert refusal.value.code == "Duplicated.AclEntry"
    rpc.call("RemoveAccessControlListEntry", AclId=acl, AclEntrys=repr(entries[:1]))
    rpc.call("SetAccessControlListAttribute", AclId=acl, AclName="b")
    shown = rpc.call("DescribeAccessControlListAttribute", AclId=acl)
    assert (shown["AclName"], shown["TotalAclEntry"]) == ("b", 1)
    second = {"Page": 2, "PageSize": 1}
    paged = rpc.call("DescribeAccessControlListAttribute", AclId=acl, **second)
    assert (paged["TotalAclEntry"], paged["AclEntrys"]) == (1, {"AclEntry": []})
    assert shown["AclEntrys"]["AclEntry"] == [
        {"AclEntryIP": "10.0.1.0/24", "AclEntryComment": "two"}
    ]
    listed = rpc.call("DescribeAccessControlLists", RegionId="cn-test", AclName="b")
    assert (listed["TotalCount"], listed["Acls"]["Acl"][0]["AclId"]) == (1, acl)
    rpc.call("DeleteAccessControlList", AclId=acl)
    assert not Tag.objects.exists()
    with pytest.raises(Refused) as refusal:
        rpc.call("DescribeAccessControlListAttribute", AclId=acl)
    assert "NotFound" in refusal.value.message


def test_listeners_of_all_instances_are_listed_in_parts(listen, rpc, lb):  # trap 20
    listen("TCP", 1001, **{"Tag.1.Key": "k", "Tag.1.Value": "v"})
    listen("UDP", 1002)
    first = rpc.call("DescribeLoadBalancerListeners", MaxResults=2, **{"LoadBalancerId.1": lb})
    assert (first["TotalCount"], first["MaxResults"], len(first["Listeners"])) == (3, 2, 2)
    second = rpc.call("DescribeLoadBalancerListeners", MaxResults=2, NextToken=first["NextToken"])
    assert second["NextToken"] == ""
    http, tcp = first["Listeners"]
    (udp,) = second["Listeners"]
    assert (http["ListenerProtocol"], http["HTTPListenerConfig"]["HealthCheck"]) == ("http", "on")
    assert tcp["Tags"] == [{"TagKey": "k", "TagValue": "v"}]
    assert tcp["TCPListenerConfig"]["ProxyProtocolV2Enabled"] == "false"
    assert "UDPListenerConfig" in udp
    assert "TCPListenerConfig" not in udp
    for given, count in (
        ({"ListenerProtocol": "tcp"}, 1),
        ({"ListenerPort": 1002}, 1),
        ({"Description": "udp_1002"}, 1),
        ({"Tag.1.Key": "k"}, 1),
        ({"LoadBalancerId.1": "lb-none"}, 0),
    ):
        found = rpc.call("DescribeLoadBalancerListeners", **given)
        assert found["TotalCount"] == len(found["Listeners"]) == count
    for given, code in (
        ({"ListenerProtocol": "smtp"}, "IllegalParam.ListenerProtocol"),
        ({"MaxResults": 500}, "IllegalParam.MaxResults"),
        ({"NextToken": "!"}, "IllegalParam.NextToken"),
        ({f"LoadBalancerId.{n}": "x" for n in range(1, 12)}, "IllegalParamSize.LoadBalancerId"),
    ):
        with pytest.raises(Refused) as refusal:
            rpc.call("DescribeLoadBalancerListeners", **given)
        assert refusal.value.code == code


def test_health_names_every_server_of_every_listener(estate, rpc, lb):
    answer = rpc.call("DescribeHealthStatus", LoadBalancerId=lb)
    servers = answer["BackendServers"]["BackendServer"]
    assert servers[0] == {
        "ServerId": estate.servers[0].machine_id,
        "ServerIp": "10.0.0.1",
        "Port": 8080,
        "ListenerPort": 80,
        "Protocol": "http",
        "ServerHealthStatus": "unavailable",
        "Type": "ecs",
    }
    assert len(servers) == 3
    with pytest.raises(Refused) as refusal:
        rpc.call("DescribeHealthStatus", LoadBalancerId=lb, ListenerPort=9)
    assert (refusal.value.status, refusal.value.code) == (404, "CheckedListenerNotFound")


def test_every_supported_protocol_has_its_actions():
    for protocol in SUPPORTED_PROTOCOLS:
        for name in ("Create{}Listener", "Set{}ListenerAttribute", "Describe{}ListenerAttribute"):
            assert name.format(f"LoadBalancer{protocol.upper()}") in action_names()


def test_groups_must_be_of_the_kind_that_the_parameter_says(listen, estate, group):  # 3.2, 3.8
    pair = ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind="primary_secondary", name="p"
    ).public_id
    default = estate.group.public_id
    gone = "The specified MasterSlaveGroupId does not exist."
    for protocol, given, code, sentence in (
        ("TCP", {"VServerGroupId": pair}, "InvalidParam.VServerGroupId", None),
        ("TCP", {"VServerGroupId": default}, "InvalidParam.VServerGroupId", None),
        ("HTTP", {"VServerGroupId": pair}, "InvalidParameter.VServerGroupId", None),
        ("TCP", {"MasterSlaveServerGroupId": group}, "InvalidParameter", gone),
        ("UDP", {"MasterSlaveServerGroupId": "rsp-none"}, "InvalidParameter", gone),
    ):
        with pytest.raises(Refused) as refusal:
            listen(protocol, **given)
        assert refusal.value.code == code
        assert sentence in (None, refusal.value.message)


def test_trial_changes_nothing_and_refuses_the_same(listen, rpc, lb):  # section 1.9
    before = listen("TCP")
    change = {"LoadBalancerId": lb, "ListenerPort": 443, "DryRun": "True"}
    answer = rpc.call("SetLoadBalancerTCPListenerAttribute", HealthyThreshold=9, **change)
    assert set(answer) == {"RequestId"}
    with pytest.raises(Refused):
        rpc.call("SetLoadBalancerTCPListenerAttribute", HealthyThreshold=11, **change)
    after = listen.show("TCP")
    assert before | {"RequestId": ""} == after | {"RequestId": ""}


def test_udp_listener_keeps_clients_at_their_servers(listen, rpc, lb):
    assert listen("UDP", PersistenceTimeout=60)["PersistenceTimeout"] == 60
    rpc.call(
        "SetLoadBalancerUDPListenerAttribute",
        LoadBalancerId=lb,
        ListenerPort=443,
        PersistenceTimeout=0,
    )
    assert listen.show("UDP")["PersistenceTimeout"] == 0


def test_list_says_how_http_listeners_are_checked(rpc, lb):  # section 3.3
    (entry,) = rpc.call("DescribeLoadBalancerListeners")["Listeners"]
    config = entry["HTTPListenerConfig"]
    assert (config["HealthCheckType"], config["HealthCheckHttpVersion"]) == ("http", "http1.0")


def test_two_groups_stand_in_the_config_of_a_list(listen, rpc, lb):  # section 5.5
    groups = [rpc.call("CreateVServerGroup", LoadBalancerId=lb)["VServerGroupId"] for _ in range(2)]
    named = dict(zip(("MasterServerGroupId", "SlaveServerGroupId"), groups, strict=True))
    failover = {"MasterSlaveModeEnabled": "true", "FailoverThreshold": 1, **named}
    shown = listen("TCP", **failover)
    assert named.items() <= shown.items()
    assert "WorkingServerGroupId" not in shown  # it serves nobody yet
    rpc.call("StartLoadBalancerListener", LoadBalancerId=lb, ListenerPort=443)
    assert listen.show("TCP")["WorkingServerGroupId"] == groups[0]
    listed = rpc.call("DescribeLoadBalancerListeners", ListenerProtocol="tcp")["Listeners"][0]
    assert named.items() <= listed["TCPListenerConfig"].items()
    assert "MasterServerGroupId" not in listed


def test_two_groups_are_refused_in_the_documented_words(listen, rpc, lb):  # section 5.5
    groups = [rpc.call("CreateVServerGroup", LoadBalancerId=lb)["VServerGroupId"] for _ in range(2)]
    named = dict(zip(("MasterServerGroupId", "SlaveServerGroupId"), groups, strict=True))
    whole = {"MasterSlaveModeEnabled": "true", "FailoverThreshold": 1, **named}
    for given, code in (
        ({"FailoverThreshold": ""}, "IllegalParam.FailoverThreshold"),
        ({"HealthCheckSwitch": "off"}, "OperationDenied.HealthCheckClosedForMasterSlaveMode"),
        ({"SlaveServerGroupId": groups[0]}, "InvalidParam.VServerGroupId"),
        ({"SlaveServerGroupId": ""}, "InvalidParam.VServerGroupId"),
    ):
        with pytest.raises(Refused) as refusal:
            listen("TCP", **whole | given)
        assert (refusal.value.status, refusal.value.code) == (400, code)
