"""The three kinds of server group through the RPC API (sections 3.6 to 3.8)."""

import json

import pytest

from balancer.models import Activity, BackendServer, PublishHead, ServerGroup
from tests.balancer.rpc.caller import Refused


@pytest.fixture
def lb(estate) -> str:
    return estate.load_balancer.public_id


@pytest.fixture
def ids(machines) -> list[str]:
    return [machines.ecs(f"m{n}", f"10.0.1.{n}").public_id for n in range(1, 5)]


def weights(answer):
    return {each["ServerId"]: each["Weight"] for each in answer["BackendServers"]["BackendServer"]}


def versions(lb):
    head = PublishHead.objects.filter(load_balancer_public_id=lb).first()
    return head.wanted if head else 0


# --- default group -------------------------------------------------------------------------------


def test_added_servers_come_back_whole_with_text_weights(estate, rpc, lb, ids):  # trap 18
    listed = f"[{{'ServerId':'{ids[0]}','Weight':'10', 'Type': 'ecs'}}]"
    answer = rpc.call("AddBackendServers", LoadBalancerId=lb, BackendServers=listed)
    assert answer["LoadBalancerId"] == lb
    assert len(answer["BackendServers"]["BackendServer"]) == 4
    assert weights(answer)[ids[0]] == "10"
    assert weights(answer)[estate.servers[0].machine_id] == "50"


def test_server_named_twice_is_added_once(estate, rpc, lb, ids):
    listed = json.dumps([{"serverId": ids[0], "weight": 1}, {"serverId": ids[0], "weight": 2}])
    answer = rpc.call("AddBackendServers", LoadBalancerId=lb, BackendServers=listed)
    assert weights(answer)[ids[0]] == "1"


def test_port_of_a_default_server_is_ignored(estate, rpc, lb, ids):
    listed = json.dumps([{"ServerId": ids[0], "Port": 99, "Weight": "7", "NodeName": "n"}])
    answer = rpc.call("AddBackendServers", LoadBalancerId=lb, BackendServers=listed)
    assert weights(answer)[ids[0]] == "7"


def test_set_changes_what_is_there_and_adds_the_rest_in_one_version(estate, rpc, lb, ids):
    first = estate.servers[0]
    listed = json.dumps(
        [{"ServerId": first.machine_id, "Weight": 1, "Description": "d"}, {"ServerId": ids[0]}]
    )
    answer = rpc.call("SetBackendServers", LoadBalancerId=lb, BackendServers=listed)
    assert weights(answer)[first.machine_id] == "1"
    assert weights(answer)[ids[0]] == "100"
    assert versions(lb) == 1
    kept = BackendServer.objects.get(pk=first.pk)
    assert (kept.weight, kept.description) == (1, "d")
    actions = set(Activity.objects.values_list("action", flat=True))
    assert {"servers.added", "servers.changed"} <= actions


@pytest.mark.parametrize("listed", ["", "[]", None])
def test_call_without_servers_changes_nothing(estate, rpc, lb, listed):  # section 6.3
    for name in ("AddBackendServers", "SetBackendServers"):
        answer = rpc.call(name, LoadBalancerId=lb, BackendServers=listed)
        assert len(answer["BackendServers"]["BackendServer"]) == 3
    assert versions(lb) == 0


@pytest.mark.parametrize("shape", ["objects", "ids", "repr"])
def test_removal_matches_ids_and_ignores_strangers(estate, rpc, lb, shape):
    gone = estate.servers[0].machine_id
    listed = {
        "objects": json.dumps([{"ServerId": gone, "Weight": "3"}, {"ServerId": "i-none"}]),
        "ids": json.dumps([gone, "i-none"]),
        "repr": repr([gone]),
    }[shape]
    answer = rpc.call("RemoveBackendServers", LoadBalancerId=lb, BackendServers=listed)
    assert sorted(weights(answer).values()) == [20, 30]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([{"ServerId": "i-none"}], "InvalidServerId.NotFound"),
        ([{"Weight": 1}], "BackendServersMalformed"),
        ([{"ServerId": ["x"]}], "BackendServersMalformed"),
        ([{"ServerId": "x", "Weight": [1]}], "InvalidWeight.Malformed"),
        ([{"ServerId": "x", "Weight": 1.5}], "InvalidWeight.Malformed"),
        ([{"ServerId": "x", "Weight": True}], "InvalidWeight.Malformed"),
        ([{"ServerId": "x", "Type": "eci"}], "BackendServer.InvalidType"),
        ([{"ServerId": "0", "Weight": 101}], "InvalidWeight.Malformed"),
        ([{"ServerId": "0", "Weight": "many"}], "InvalidWeight.Malformed"),
        ([{"ServerId": f"i-{n}"} for n in range(21)], "TooManyBackendServers"),
        (["x", 1.5], "BackendServersMalformed"),
    ],
)
def test_bad_servers_are_refused_whole(estate, rpc, lb, ids, members, code):
    listed = json.dumps(members).replace('"0"', f'"{ids[0]}"')
    with pytest.raises(Refused) as refusal:
        rpc.call("AddBackendServers", LoadBalancerId=lb, BackendServers=listed)
    assert (refusal.value.status, refusal.value.code) == (400, code)
    assert BackendServer.objects.count() == 3


def test_attached_server_is_not_added_again(estate, rpc, lb):
    listed = json.dumps([{"ServerId": estate.servers[0].machine_id}])
    with pytest.raises(Refused) as refusal:
        rpc.call("AddBackendServers", LoadBalancerId=lb, BackendServers=listed)
    assert refusal.value.code == "InvalidParameter"


def test_stopped_and_foreign_machines_are_refused(estate, machines, rpc, lb):
    stopped = machines.ecs("off", "10.0.1.9", power_state="stopped").public_id
    foreign = machines.ecs("far", "10.0.1.8", vswitch=machines.other_vpc).public_id
    for machine, code in ((stopped, "ObtainIpFail"), (foreign, "NetworkConflict")):
        listed = json.dumps([{"ServerId": machine}])
        with pytest.raises(Refused) as refusal:
            rpc.call("AddBackendServers", LoadBalancerId=lb, BackendServers=listed)
        assert refusal.value.code == code


def test_interface_is_meant_by_its_primary_address_unless_one_is_named(estate, machines, rpc, lb):
    estate.load_balancer.specification = "slb.s1.small"
    estate.load_balancer.save()
    first, second = machines.eni("e", machines.ecs("m", "10.0.1.1"), "10.0.2.1", "10.0.2.2")
    eni = first.interface.public_id
    listed = json.dumps(
        [
            {"ServerId": eni, "Type": "eni"},
            {"ServerId": eni, "Type": "eni", "ServerIp": second.address},
        ]
    )
    rpc.call("AddBackendServers", LoadBalancerId=lb, BackendServers=listed)
    shown = rpc.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    added = [
        (each["ServerId"], each["ServerIp"], each["Type"])
        for each in shown["BackendServers"]["BackendServer"][3:]
    ]
    assert added == [(eni, "10.0.2.1", "eni"), (eni, "10.0.2.2", "eni")]
    one = json.dumps([{"ServerId": eni, "ServerIp": "10.0.2.1"}])
    answer = rpc.call("RemoveBackendServers", LoadBalancerId=lb, BackendServers=one)
    assert [each["ServerIp"] for each in answer["BackendServers"]["BackendServer"][3:]] == [
        "10.0.2.2"
    ]


# --- VServer groups ------------------------------------------------------------------------------


@pytest.fixture
def group(rpc, lb):
    made = rpc.call("CreateVServerGroup", LoadBalancerId=lb, VServerGroupName="g/1")
    assert made["BackendServers"] == {"BackendServer": []}
    return made["VServerGroupId"]


def entry(server_id, port, **more):
    return {"ServerId": server_id, "Port": port, **more}


def test_group_is_made_with_servers_and_tags(estate, rpc, lb, ids):
    made = rpc.call(
        "CreateVServerGroup",
        LoadBalancerId=lb,
        BackendServers=json.dumps([entry(ids[0], 80), entry(ids[0], "81", Weight="5")]),
        **{"Tag.1.Key": "k", "Tag.1.Value": "v"},
    )
    shown = rpc.call("DescribeVServerGroupAttribute", VServerGroupId=made["VServerGroupId"])
    assert shown["VServerGroupName"] == "vserver-1"
    assert shown["LoadBalancerId"] == lb
    assert shown["Tags"]["Tag"] == [{"TagKey": "k", "TagValue": "v"}]
    ports = [(each["Port"], each["Weight"]) for each in shown["BackendServers"]["BackendServer"]]
    assert ports == [(80, 100), (81, 5)]
    assert shown["BackendServers"]["BackendServer"][0]["ServerIp"] == "10.0.1.1"


def test_controller_adds_forty_with_small_letters_and_more_keys(machines, rpc, group):  # traps 7, 8
    servers = [machines.ecs(f"n{n}", f"10.0.3.{n}").public_id for n in range(1, 41)]
    members = [
        {
            "serverId": each,
            "port": 80,
            "weight": 100,
            "type": "ecs",
            "description": "k8s/80/s",
            "IsUserManaged": False,
            "TargetRef": {"kind": "Node"},
            "serverIp": "",
        }
        for each in servers
    ]
    answer = rpc.call(
        "AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=json.dumps(members)
    )
    assert len(answer["BackendServers"]["BackendServer"]) == 40
    with pytest.raises(Refused) as refusal:
        rpc.call(
            "AddVServerGroupBackendServers",
            VServerGroupId=group,
            BackendServers=json.dumps([*members, members[0]]),
        )
    assert refusal.value.code == "TooManyBackendServers"


def test_members_are_told_apart_by_port(rpc, group, ids):
    both = json.dumps([entry(ids[0], 80), entry(ids[0], 81)])
    rpc.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=both)
    with pytest.raises(Refused) as refusal:
        rpc.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=both)
    assert refusal.value.code == "InvalidParameter"
    one = json.dumps([entry(ids[0], "80", Weight=100, Type="ecs"), entry("i-none", 1)])
    answer = rpc.call("RemoveVServerGroupBackendServers", VServerGroupId=group, BackendServers=one)
    assert [each["Port"] for each in answer["BackendServers"]["BackendServer"]] == [81]


def test_attribute_renames_and_weighs_and_adds_nothing(rpc, group, ids):
    one = json.dumps([entry(ids[0], 80)])
    rpc.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=one)
    answer = rpc.call(
        "SetVServerGroupAttribute",
        VServerGroupId=group,
        VServerGroupName="g/2",
        BackendServers=json.dumps([entry(ids[0], 80, Weight=3, Description="d")]),
    )
    assert answer["VServerGroupName"] == "g/2"
    (member,) = answer["BackendServers"]["BackendServer"]
    assert (member["Weight"], member["Description"]) == (3, "d")
    with pytest.raises(Refused):
        rpc.call(
            "SetVServerGroupAttribute",
            VServerGroupId=group,
            BackendServers=json.dumps([entry(ids[1], 80)]),
        )
    with pytest.raises(Refused) as refusal:
        rpc.call("SetVServerGroupAttribute", VServerGroupId=group)
    assert refusal.value.code == "MissingParameter"
    assert "VServerGroupName or BackendServers" in refusal.value.message


def test_modification_replaces_in_one_step_and_keeps_what_stays(rpc, lb, group, ids):
    old = [entry(ids[0], 80), entry(ids[1], 80)]
    rpc.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=json.dumps(old))
    row, before = BackendServer.objects.get(ecs_instance__public_id=ids[0]), versions(lb)
    answer = rpc.call(
        "ModifyVServerGroupBackendServers",
        VServerGroupId=group,
        OldBackendServers=json.dumps(old),
        NewBackendServers=json.dumps([entry(ids[0], 80, Weight=5), entry(ids[2], 80)]),
    )
    assert weights(answer) == {ids[0]: 5, ids[2]: 100}
    assert BackendServer.objects.get(ecs_instance__public_id=ids[0]).pk == row.pk
    assert versions(lb) == before + 1


def test_groups_are_listed_with_their_users(estate, rpc, lb, group):
    rpc.call(
        "SetLoadBalancerHTTPListenerAttribute",
        LoadBalancerId=lb,
        ListenerPort=80,
        VServerGroup="on",
        VServerGroupId=group,
    )
    (plain,) = rpc.call("DescribeVServerGroups", LoadBalancerId=lb)["VServerGroups"]["VServerGroup"]
    assert "AssociatedObjects" not in plain
    assert (plain["VServerGroupName"], plain["ServerCount"]) == ("g/1", 0)
    answer = rpc.call(
        "DescribeVServerGroups", LoadBalancerId=lb, IncludeListener="True", IncludeRule="true"
    )
    (whole,) = answer["VServerGroups"]["VServerGroup"]
    assert whole["AssociatedObjects"] == {
        "Listeners": {"Listener": [{"Port": 80, "Protocol": "http"}]},
        "Rules": {"Rule": []},
    }
    named = rpc.call("DescribeVServerGroups", LoadBalancerId=lb, Description="other")
    assert named["VServerGroups"] == {"VServerGroup": []}


def test_used_group_stays_and_a_missing_one_is_told_in_clients_words(estate, rpc, lb, group):
    estate.listener.server_group = ServerGroup.objects.get(public_id=group)
    estate.listener.save()
    with pytest.raises(Refused) as refusal:
        rpc.call("DeleteVServerGroup", VServerGroupId=group)
    assert refusal.value.code == "RspoolVipExist"
    estate.listener.server_group = None
    estate.listener.save()
    rpc.call("DeleteVServerGroup", VServerGroupId=group)
    for name in ("DeleteVServerGroup", "DescribeVServerGroupAttribute"):
        with pytest.raises(Refused) as refusal:
            rpc.call(name, VServerGroupId=group)
        assert (refusal.value.status, refusal.value.code) == (404, "InvalidParameter")
        assert "The specified VServerGroupId does not exist" in refusal.value.message  # trap 15


# --- primary/secondary groups --------------------------------------------------------------------


def pair(ids, **second):
    return json.dumps(
        [
            entry(ids[0], "100", Weight="100", Type="ecs", ServerType="Master", IsBackup="0"),
            entry(ids[1], "100") | {"ServerType": "Slave", "IsBackup": "0"} | second,
        ]
    )


def test_pair_is_made_shown_listed_and_deleted(estate, rpc, lb, ids):  # section 6.5
    made = rpc.call(
        "CreateMasterSlaveServerGroup",
        LoadBalancerId=lb,
        MasterSlaveServerGroupName="p",
        MasterSlaveBackendServers=pair(ids).replace('"', "'"),
    )
    group = made["MasterSlaveServerGroupId"]
    assert group.startswith("rsp-")
    shown = rpc.call("DescribeMasterSlaveServerGroupAttribute", MasterSlaveServerGroupId=group)
    members = shown["MasterSlaveBackendServers"]["MasterSlaveBackendServer"]
    assert [(each["ServerType"], each["Port"]) for each in members] == [
        ("Master", 100),
        ("Slave", 100),
    ]
    assert (shown["LoadBalancerId"], shown["MasterSlaveServerGroupName"]) == (lb, "p")
    listed = rpc.call("DescribeMasterSlaveServerGroups", LoadBalancerId=lb, IncludeListener="true")
    (entry_,) = listed["MasterSlaveServerGroups"]["MasterSlaveServerGroup"]
    assert entry_["AssociatedObjects"] == {"Listeners": {"Listener": []}}
    rpc.call("DeleteMasterSlaveServerGroup", MasterSlaveServerGroupId=group)
    with pytest.raises(Refused) as refusal:
        rpc.call("DescribeMasterSlaveServerGroupAttribute", MasterSlaveServerGroupId=group)
    assert refusal.value.code == "InvalidParameter"
    assert "The specified MasterSlaveGroupId does not exist" in refusal.value.message


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (None, "BACKEND_SERVERS_NUM_MUST_BE_TWO"),
        (
            {"ServerType": "Master"},
            "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE",
        ),
        ({"ServerType": "Other"}, "INVALID_SERVER_TYPE"),
        ({"Port": ""}, "BACKEND_SERVER_PORT_CAN_NOT_EMPTY"),
        ({"ServerId": ""}, "BACKEND_SERVER_ID_CAN_NOT_EMPTY"),
        ({"ServerId": "first"}, "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID"),
        ({"ServerId": "i-none"}, "InvalidServerId.NotExist"),
    ],
)
def test_pair_is_two_servers_one_of_each(estate, rpc, lb, ids, second, code):
    listed = pair(ids, **(second or {})).replace('"first"', f'"{ids[0]}"')
    if second is None:
        listed = json.dumps(json.loads(listed)[:1])
    with pytest.raises(Refused) as refusal:
        rpc.call(
            "CreateMasterSlaveServerGroup", LoadBalancerId=lb, MasterSlaveBackendServers=listed
        )
    assert refusal.value.code == code
    assert not ServerGroup.objects.filter(kind="primary_secondary").exists()


def test_older_clients_mark_the_secondary_as_backup(estate, rpc, lb, ids):
    listed = json.dumps([entry(ids[0], 1), entry(ids[1], 1, IsBackup="1")])
    made = rpc.call(
        "CreateMasterSlaveServerGroup", LoadBalancerId=lb, MasterSlaveBackendServers=listed
    )
    members = made["MasterSlaveBackendServers"]["MasterSlaveBackendServer"]
    assert [each["ServerType"] for each in members] == ["Master", "Slave"]


def test_last_call_of_a_loop_over_twenties_has_no_list(estate, rpc, lb):  # sections 6.3, 6.4
    for name in ("AddBackendServers", "SetBackendServers", "RemoveBackendServers"):
        assert len(weights(rpc.call(name, LoadBalancerId=lb))) == 3
    group = rpc.call("CreateVServerGroup", LoadBalancerId=lb)["VServerGroupId"]
    for name in ("AddVServerGroupBackendServers", "RemoveVServerGroupBackendServers"):
        assert weights(rpc.call(name, VServerGroupId=group)) == {}


def test_unknown_server_of_a_vserver_group_has_its_own_code(estate, rpc, lb):  # section 3.7
    group = rpc.call("CreateVServerGroup", LoadBalancerId=lb)["VServerGroupId"]
    listed = json.dumps([{"ServerId": "i-none", "Port": 80}])
    with pytest.raises(Refused) as refusal:
        rpc.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=listed)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidServerId.NotExist")
