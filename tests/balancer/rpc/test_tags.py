"""Tags through the RPC API (section 3.11)."""

import pytest

from balancer.models import Activity, ServerGroup, Tag
from tests.balancer.rpc.caller import Refused

INSTANCE = {"RegionId": "cn-test", "ResourceType": "instance"}


@pytest.fixture
def lb(estate) -> str:
    return estate.load_balancer.public_id


def tags_of(rpc, **given):
    answer = rpc.call("ListTagResources", **INSTANCE | given)
    return {each["TagKey"]: each["TagValue"] for each in answer["TagResources"]["TagResource"]}


def test_tags_are_put_on_changed_and_taken_off(rpc, lb):
    one = {"ResourceId.1": lb}
    assert tags_of(rpc, **one) == {}  # trap 13
    rpc.call(
        "TagResources",
        **INSTANCE,
        **one,
        **{"Tag.1.Key": "a", "Tag.1.Value": "1", "Tag.2.Key": "b"},
    )
    rpc.call("TagResources", **INSTANCE, **one, **{"Tag.1.Key": "a", "Tag.1.Value": "2"})
    assert tags_of(rpc, **one) == {"a": "2", "b": ""}
    rpc.call("UntagResources", **INSTANCE, **one, **{"TagKey.1": "a", "TagKey.2": "none"})
    assert tags_of(rpc, **one) == {"b": ""}
    rpc.call("UntagResources", **INSTANCE, **one, All="true")
    assert not Tag.objects.exists()
    changes = Activity.objects.filter(action="load_balancer.tags_changed")
    assert [entry.load_balancer_public_id for entry in changes] == [lb] * 4


def test_every_kind_of_resource_has_its_ids(estate, rpc, lb):
    kinds = {
        "listener": f"{lb}_http_80",
        "vservergroup": ServerGroup.objects.create(
            load_balancer=estate.load_balancer, kind="vserver", name="v"
        ).public_id,
        "masterslaveservergroup": ServerGroup.objects.create(
            load_balancer=estate.load_balancer, kind="primary_secondary", name="p"
        ).public_id,
        "acl": rpc.call("CreateAccessControlList", AclName="a")["AclId"],
    }
    for kind, resource_id in kinds.items():
        given = {"RegionId": "cn-test", "ResourceType": kind}
        rpc.call("TagResources", **given, **{"ResourceId.1": resource_id, "Tag.1.Key": kind})
        by_id = rpc.call("ListTagResources", **given, **{"ResourceId.1": resource_id})
        by_tag = rpc.call("ListTagResources", **given, **{"Tag.1.Key": kind})
        for answer in (by_id, by_tag):
            assert answer["TagResources"]["TagResource"] == [
                {
                    "ResourceId": resource_id,
                    "ResourceType": kind,
                    "TagKey": kind,
                    "TagValue": "",
                }
            ]


def test_tags_come_in_parts(estate, rpc, lb):
    Tag.objects.bulk_create(
        Tag(resource_type="load_balancer", resource_id=f"lb-{n:03}", key="k") for n in range(60)
    )
    first = rpc.call("ListTagResources", **INSTANCE, **{"Tag.1.Key": "k"})
    assert len(first["TagResources"]["TagResource"]) == 50
    second = rpc.call(
        "ListTagResources", **INSTANCE, NextToken=first["NextToken"], **{"Tag.1.Key": "k"}
    )
    assert len(second["TagResources"]["TagResource"]) == 10
    assert second["NextToken"] == ""


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("TagResources", {"ResourceType": "shoe"}, "InvalidParam.ResourceType"),
        ("TagResources", {"ResourceId.1": None}, "MissingParam.ResourceId"),
        ("TagResources", {"ResourceId.1": "lb-none"}, "ResourceNotExist"),
        ("TagResources", {"Tag.1.Key": None}, "MissingParam.TagKey"),
        ("TagResources", {"Tag.2.Key": "k"}, "Duplicate.TagKey"),
        ("TagResources", {"Tag.1.Value": "x" * 129}, "InvalidParam.TagValue"),
        ("TagResources", {"RegionId": None}, "MissingParam.RegionId"),
        (
            "TagResources",
            {f"ResourceId.{n}": f"lb-{n}" for n in range(1, 53)},
            "SizeLimitExceeded.ResourceId",
        ),
        ("UntagResources", {}, "MissingParam.TagKey"),
        (
            "ListTagResources",
            {"ResourceId.1": None, "Tag.1.Key": None},
            "MissingParam.TagOrResourceId",
        ),
        ("ListTagResources", {"NextToken": "x"}, "InvalidParam.NextToken"),
    ],
)
def test_bad_calls_are_refused(rpc, lb, name, given, code):
    usual = INSTANCE | {"ResourceId.1": lb, "Tag.1.Key": "k"}
    with pytest.raises(Refused) as refusal:
        rpc.call(name, **usual | given)
    assert refusal.value.code == code
    assert not Tag.objects.exists()


def test_resource_has_twenty_tags_at_most(rpc, lb):
    full = {f"Tag.{n}.Key": f"k{n}" for n in range(1, 21)}
    rpc.call("TagResources", **INSTANCE, **{"ResourceId.1": lb}, **full)
    rpc.call("TagResources", **INSTANCE, **{"ResourceId.1": lb, "Tag.1.Key": "k1"})
    with pytest.raises(Refused) as refusal:
        rpc.call("TagResources", **INSTANCE, **{"ResourceId.1": lb, "Tag.1.Key": "one.more"})
    assert refusal.value.code == "QuotaLimitExceeds"


def test_older_calls_tag_instances(rpc, lb):
    rpc.call("AddTags", LoadBalancerId=lb, Tags='[{"TagKey":"a","TagValue":"1"},{"TagKey":"b"}]')
    answer = rpc.call("DescribeTags", RegionId="cn-test")
    assert answer["TagSets"]["TagSet"][0] == {"TagKey": "a", "TagValue": "1", "InstanceCount": 1}
    assert answer["TotalCount"] == 2
    rpc.call("RemoveTags", LoadBalancerId=lb, Tags="[{'TagKey':'a','TagValue':'1'}]")
    assert rpc.call("DescribeTags", RegionId="cn-test", LoadBalancerId=lb)["TotalCount"] == 1
    with pytest.raises(Refused):
        rpc.call("AddTags", LoadBalancerId=lb)


def test_older_actions_have_their_own_codes(rpc, lb):  # section 3.11
    for given, code in (
        ({}, "MissingParameter.Tags"),
        ({"Tags": '[{"TagKey":"acs:x","TagValue":""}]'}, "InvalidParameter.TagKey"),
        ({"Tags": '[{"TagKey":"x","TagValue":"http://"}]'}, "InvalidParameter.TagValue"),
    ):
        with pytest.raises(Refused) as refusal:
            rpc.call("AddTags", LoadBalancerId=lb, **given)
        assert (refusal.value.status, refusal.value.code) == (400, code)


def test_older_list_names_each_key_once_when_asked(rpc, lb):
    other = rpc.call("CreateLoadBalancer", RegionId="cn-test")["LoadBalancerId"]
    for each, value in ((lb, "1"), (other, "2")):
        tags = f'[{{"TagKey":"a","TagValue":"{value}"}}]'
        rpc.call("AddTags", LoadBalancerId=each, Tags=tags)
    assert rpc.call("DescribeTags", RegionId="cn-test")["TotalCount"] == 2
    listed = rpc.call("DescribeTags", RegionId="cn-test", DistinctKey="true")
    assert listed["TagSets"]["TagSet"] == [{"TagKey": "a", "InstanceCount": 2}]
