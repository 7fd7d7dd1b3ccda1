"""Tags over REST: the whole set of a row at once, lists narrowed by them."""

import pytest

from balancer.models import Activity, PublishHead, Tag
from tests.balancer.api.problems import fields_of, problem_of

TAGS = "/api/v1/tags/"


@pytest.fixture
def paths(estate):
    return {
        "load_balancer": f"/api/v1/load-balancers/{estate.load_balancer.public_id}/tags/",
        "listener": f"/api/v1/listeners/{estate.listener.public_id}/tags/",
        "vserver_group": f"/api/v1/server-groups/{estate.add_group('blue').public_id}/tags/",
        "ecs_instance": f"/api/v1/ecs-instances/{estate.servers[0].machine_id}/tags/",
    }


@pytest.mark.parametrize("noun", ["load_balancer", "listener", "vserver_group", "ecs_instance"])
def test_the_set_is_replaced_in_one_act(operator, paths, noun):
    path = paths[noun]
    assert operator.get(path).json() == {"tags": []}
    tags = [{"key": "env", "value": "test"}, {"key": "team", "value": ""}]
    assert operator.put(path, {"tags": tags}).json() == {"tags": tags}
    assert set(Tag.objects.values_list("resource_type", flat=True)) == {noun}
    other = [{"key": "env", "value": "live"}]
    assert operator.put(path, {"tags": other}).json() == {"tags": other}
    entries = Activity.objects.filter(action__endswith=".tags_changed")
    assert [entry.after for entry in entries] == [{"env": "live"}, {"env": "test", "team": ""}]
    operator.put(path, {"tags": other})
    assert entries.count() == 2  # the same set is no change
    assert not PublishHead.objects.exists()  # and no tag is any business of the proxies


@pytest.mark.parametrize(
    ("tags", "field"),
    [
        ([{"value": "x"}], "tags[0].key"),
        ([{"key": "a"}, {"key": ""}], "tags[1].key"),
        ([{"key": "a"}, {"key": "a"}], "tags[1].key"),
        ([{"key": "aliyun-x"}], "tags[0].key"),
        ([{"key": "a", "value": "http://x"}], "tags[0].value"),
        ([{"key": "a" * 65}], "tags[0].key"),
        ([{"key": "a", "value": "b" * 129}], "tags[0].value"),
        ("a", "tags"),
        (None, "tags"),
    ],
)
def test_wrong_tags_are_field_errors_and_none_is_stored(operator, paths, tags, field):
    answer = operator.put(paths["load_balancer"], {"tags": tags})
    assert fields_of(answer).keys() == {field}
    assert not Tag.objects.exists()


def test_a_row_carries_twenty_tags(operator, paths):
    tags = [{"key": f"k{number}"} for number in range(21)]
    problem = problem_of(operator.put(paths["listener"], {"tags": tags}), 409)
    assert problem["details"]["limit"] == 20
    assert operator.put(paths["listener"], {"tags": tags[:20]}).status_code == 200


def test_tags_have_an_etag_of_their_own(operator, paths):
    path = paths["load_balancer"]
    read = operator.get(path)["ETag"]
    assert operator.get(path, headers={"If-None-Match": read}).status_code == 304
    tags = {"tags": [{"key": "env", "value": "test"}]}
    first = operator.put(path, tags, headers={"If-Match": read})
    assert first["ETag"] == operator.get(path)["ETag"] != read
    refused = operator.put(path, {"tags": []}, headers={"If-Match": read})
    problem_of(refused, 412)
    assert refused["ETag"] == first["ETag"]
    assert Tag.objects.count() == 1


def test_lists_are_narrowed_by_tags(operator, estate, paths):
    other = estate.add_load_balancer("127.0.0.9")
    tags = [{"key": "env", "value": "test"}, {"key": "team", "value": "web"}]
    operator.put(paths["load_balancer"], {"tags": tags})
    operator.put(f"/api/v1/load-balancers/{other.public_id}/tags/", {"tags": tags[:1]})

    def found(query: str) -> set[str]:
        answer = operator.get(f"/api/v1/load-balancers/?{query}")
        return {each["id"] for each in answer.json()["results"]}

    both, first = {estate.load_balancer.public_id, other.public_id}, estate.load_balancer.public_id
    assert found("tag=env") == found("tag=env:test") == both
    assert found("tag=env:test&tag=team") == {first}
    assert found("tag=env:live") == found("tag=none") == set()
    rows = operator.get(f"{TAGS}?key=team").json()["results"]
    assert rows == [
        {"resource_type": "load_balancer", "resource_id": first, "key": "team", "value": "web"}
    ]
    assert fields_of(operator.get(f"{TAGS}?resource_type=cloud")).keys() == {"resource_type"}


def test_groups_of_both_kinds_are_found_by_their_tags(operator, paths):
    operator.put(paths["vserver_group"], {"tags": [{"key": "env"}]})
    answer = operator.get("/api/v1/server-groups/?tag=env").json()
    assert [each["name"] for each in answer["results"]] == ["blue"]
