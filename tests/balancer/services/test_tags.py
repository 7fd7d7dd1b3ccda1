"""Tags of a resource: set, changed, taken off, and gone with it."""

import pytest

from balancer.choices import TaggedResource
from balancer.exceptions import Invalid, QuotaExceeded
from balancer.models import ServerGroup, Tag
from balancer.selectors.tags import resource_ids_with_tags
from balancer.services.listeners import delete_listener
from balancer.services.load_balancers import release_load_balancer
from balancer.services.server_groups import delete_server_group
from balancer.services.tags import remove_tags, resource_type_of, set_tags


def values(resource):
    rows = Tag.objects.filter(resource_id=resource.public_id)
    return {row.key: row.value for row in rows}


def test_key_occurs_once_and_the_change_is_recorded(estate, actor, recorder):
    lb = estate.load_balancer
    set_tags(actor=actor, resources=[lb], tags={"a": "1", "b": ""})
    set_tags(actor=actor, resources=[lb], tags={"a": "2"})
    set_tags(actor=actor, resources=[lb], tags={"a": "2"})  # nothing new
    assert values(lb) == {"a": "2", "b": ""}
    first, second = recorder.entries()
    assert (first.before, first.after) == ({}, {"a": "1", "b": ""})
    assert (second.before, second.after) == ({"a": "1", "b": ""}, {"a": "2", "b": ""})
    assert recorder.published == 0


def test_tags_are_taken_off_by_key_or_all(estate, actor):
    set_tags(actor=actor, resources=[estate.listener], tags={"a": "", "b": "", "c": ""})
    remove_tags(actor=actor, resources=[estate.listener], keys=["a", "none"])
    assert values(estate.listener) == {"b": "", "c": ""}
    remove_tags(actor=actor, resources=[estate.listener])
    assert values(estate.listener) == {}


@pytest.mark.parametrize(
    "tags", [{"": "x"}, {"k" * 65: ""}, {"aliyun": ""}, {"ACS:x": ""}, {"k": "https://x"}]
)
def test_bad_tags_are_refused(estate, actor, recorder, tags):
    with pytest.raises(Invalid):
        set_tags(actor=actor, resources=[estate.load_balancer], tags=tags)
    recorder.assert_nothing_happened()


def test_twenty_tags_are_the_most(estate, actor):
    lb = estate.load_balancer
    set_tags(actor=actor, resources=[lb], tags={f"k{n}": "" for n in range(20)})
    set_tags(actor=actor, resources=[lb], tags={"k1": "new"})
    with pytest.raises(QuotaExceeded):
        set_tags(actor=actor, resources=[lb], tags={"one": ""})


def test_every_tag_asked_for_must_be_there(estate, actor, user_of):
    set_tags(actor=actor, resources=[estate.load_balancer], tags={"a": "1", "b": "2"})
    kind = TaggedResource.LOAD_BALANCER

    def found(*wanted):
        return resource_ids_with_tags(user=actor.user, resource_type=kind, wanted=wanted)

    assert found(("a", None), ("b", "2")) == {estate.load_balancer.public_id}
    assert found(("a", "2")) == set()
    assert found(("a", None), ("c", None)) == set()


def test_tags_go_with_their_resource(estate, actor):
    groups = [
        ServerGroup.objects.create(load_balancer=estate.load_balancer, kind=kind, name=kind)
        for kind in ("vserver", "primary_secondary")
    ]
    assert [resource_type_of(each) for each in groups] == [
        TaggedResource.VSERVER_GROUP,
        TaggedResource.PRIMARY_SECONDARY_GROUP,
    ]
    everything = [estate.load_balancer, estate.listener, *groups]
    for each in everything:
        set_tags(actor=actor, resources=[each], tags={"k": ""})
    delete_listener(actor=actor, listener=estate.listener)
    delete_server_group(actor=actor, group=groups[0])
    assert Tag.objects.count() == 2
    release_load_balancer(actor=actor, load_balancer=estate.load_balancer)
    assert not Tag.objects.exists()
