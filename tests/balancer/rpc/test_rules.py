"""Forwarding rules through the RPC API (section 3.5)."""

import json

import pytest

from balancer.models import ForwardingRule, ServerGroup
from tests.balancer.rpc.caller import Refused


@pytest.fixture
def group(estate) -> str:
    return ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind="vserver", name="g"
    ).public_id


@pytest.fixture
def create(estate, rpc):
    def make(*rules, port=80, **more):
        return rpc.call(
            "CreateRules",
            LoadBalancerId=estate.load_balancer.public_id,
            ListenerPort=port,
            RuleList=json.dumps(rules),
            **more,
        )

    return make


def rule(group, name="r", **more):
    return {"RuleName": name, "VServerGroupId": group, "Domain": "www.example.com"} | more


def test_rule_of_terraform_lives_its_life(estate, rpc, create, group):  # section 6.6
    (made,) = create(rule(group, Url="/img"))["Rules"]["Rule"]
    rule_id = made["RuleId"]
    assert made == {"RuleId": rule_id, "RuleName": "r"}
    rpc.call("SetRule", RuleId=rule_id, RuleName="r2", VServerGroupId=group, ListenerSync="on")
    shown = rpc.call("DescribeRuleAttribute", RuleId=rule_id)
    assert shown["ListenerPort"] == "80"
    assert (shown["Domain"], shown["Url"], shown["RuleName"]) == ("www.example.com", "/img", "r2")
    assert (shown["VServerGroupId"], shown["ListenerSync"]) == (group, "on")
    assert shown["LoadBalancerId"] == estate.load_balancer.public_id
    assert (shown["Scheduler"], shown["HealthCheck"], shown["StickySession"]) == (
        "wrr",
        "on",
        "off",
    )
    with pytest.raises(Refused) as refusal:
        rpc.call("DeleteVServerGroup", VServerGroupId=group)
    assert refusal.value.code == "RspoolRuleExist"
    rpc.call("DeleteRules", RuleIds=f"['{rule_id}']")
    for name in ("DescribeRuleAttribute", "SetRule"):
        with pytest.raises(Refused) as refusal:
            rpc.call(name, RuleId=rule_id)
        assert (refusal.value.status, refusal.value.code) == (404, "InvalidRuleId.NotFound")


def test_rule_has_settings_of_its_own(rpc, create, group):
    (made,) = create(rule(group))["Rules"]["Rule"]
    own = {
        "ListenerSync": "off",
        "Scheduler": "rr",
        "HealthCheck": "on",
        "HealthCheckURI": "/",
        "HealthCheckConnectPort": "8081",
        "HealthCheckInterval": "9",
        "StickySession": "on",
        "StickySessionType": "server",
        "Cookie": "SID",
    }
    rpc.call("SetRule", RuleId=made["RuleId"], **own)
    shown = rpc.call("DescribeRuleAttribute", RuleId=made["RuleId"])
    assert (shown["ListenerSync"], shown["Scheduler"], shown["Cookie"]) == ("off", "rr", "SID")
    assert (shown["HealthCheckConnectPort"], shown["HealthCheckInterval"]) == (8081, 9)
    with pytest.raises(Refused) as refusal:
        rpc.call("SetRule", RuleId=made["RuleId"], ListenerSync="off")
    assert refusal.value.code == "MissingParameter"


def test_rules_are_made_all_or_none_and_listed(estate, rpc, create, group):
    with pytest.raises(Refused) as refusal:
        create(rule(group, "a"), rule(group, "b"))
    assert refusal.value.code == "DomainExist"
    assert not ForwardingRule.objects.exists()
    create(rule(group, "a"), rule(group, "b", Domain="*.example.com"))
    listed = rpc.call(
        "DescribeRules",
        LoadBalancerId=estate.load_balancer.public_id,
        ListenerPort=80,
        ListenerProtocol="http",
    )
    assert {each["RuleName"] for each in listed["Rules"]["Rule"]} == {"a", "b"}
    assert "Url" not in listed["Rules"]["Rule"][0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"RuleName": ""}, "MissingParameter.RuleName"),
        ({"VServerGroupId": ""}, "MissingParameter"),
        ({"VServerGroupId": "rsp-none"}, "InvalidParameter"),
        ({"Domain": ""}, "MissingParameter"),
        ({"Domain": "a..b"}, "DomainMalformed"),
        ({"Url": "img"}, "UrlMalformed"),
        ({"RuleName": "r" * 41}, "InvalidParameter"),
        ({"RuleName": ["x"]}, "RuleListMalformed"),
    ],
)
def test_bad_rules_are_refused(create, group, changes, code):
    with pytest.raises(Refused) as refusal:
        create(rule(group, **changes))
    assert (refusal.value.status, refusal.value.code) == (400, code)


def test_ten_rules_go_into_a_call(create, group):
    with pytest.raises(Refused):
        create(*(rule(group, f"r{n}", Domain=f"d{n}.com") for n in range(11)))
    create(*(rule(group, f"r{n}", Domain=f"d{n}.com") for n in range(10)))


def test_list_must_be_readable(rpc, estate):
    with pytest.raises(Refused) as refusal:
        rpc.call(
            "CreateRules",
            LoadBalancerId=estate.load_balancer.public_id,
            ListenerPort=80,
            RuleList="[{",
        )
    assert refusal.value.code == "RuleListMalformed"


def test_trial_stores_no_rule_and_changes_none(rpc, create, group):  # section 1.9
    assert set(create(rule(group), DryRun="true")) == {"RequestId"}
    assert not ForwardingRule.objects.exists()
    (made,) = create(rule(group))["Rules"]["Rule"]
    rpc.call("SetRule", RuleId=made["RuleId"], RuleName="other", DryRun="true")
    assert ForwardingRule.objects.get().name == "r"
