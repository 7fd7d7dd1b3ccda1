"""Access lists over REST: created whole, networks added and taken out in one act."""

import pytest

from balancer.models import AccessList, PublishHead
from tests.balancer.api.problems import fields_of, problem_of

LISTS = "/api/v1/access-lists/"


@pytest.fixture
def office(operator, estate):
    entries = [{"network": "192.0.2.0/24", "description": "office"}, {"network": "10.0.0.1"}]
    answer = operator.post(LISTS, {"region": "cn-test", "name": "office", "entries": entries})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_list_and_its_networks(operator, office):
    assert office.keys() >= {"id", "region", "name", "edit_number"}
    page = operator.get(f"{LISTS}{office['id']}/entries/").json()
    assert page["results"] == [
        {"network": "10.0.0.1/32", "description": ""},
        {"network": "192.0.2.0/24", "description": "office"},
    ]
    found = operator.get(LISTS, {"region": "cn-test", "search": "192.0.2"}).json()
    assert [each["id"] for each in found["results"]] == [office["id"]]


def test_networks_are_added_and_removed_and_the_proxies_hear_of_it(operator, estate, office):
    listener = f"/api/v1/listeners/{estate.listener.public_id}/"
    access = {"access_enabled": True, "access_kind": "deny", "access_lists": [office["id"]]}
    answer = operator.patch(listener, access)
    assert answer.status_code == 200, answer.content
    assert answer.json()["access_lists"] == [office["id"]]
    before = PublishHead.objects.get().wanted
    path = f"{LISTS}{office['id']}/entries/"
    answer = operator.post(path, {"entries": [{"network": "203.0.113.0/24"}]})
    assert answer.status_code == 201, answer.content
    assert answer.json() == [{"network": "203.0.113.0/24", "description": ""}]
    assert operator.post(path + "remove/", {"networks": ["203.0.113.0/24"]}).status_code == 204
    assert PublishHead.objects.get().wanted == before + 2
    refused = operator.delete(f"{LISTS}{office['id']}/")
    assert problem_of(refused, 409)["code"] == "access_list_in_use"
    answer = operator.patch(listener, {"access_enabled": False})
    assert (answer.json()["access_kind"], answer.json()["access_lists"]) == ("", [])
    assert operator.delete(f"{LISTS}{office['id']}/").status_code == 204
    assert not AccessList.objects.exists()


def test_every_wrong_network_is_named(operator, office):
    path = f"{LISTS}{office['id']}/entries/"
    rows = [{"network": "10.1.0.0/16"}, {"network": "10.1.0.1/16"}, {"network": "::1"}]
    answer = operator.post(path, {"entries": rows})
    assert fields_of(answer).keys() == {"entries[1].network", "entries[2].network"}
    assert operator.get(path).json()["count"] == 2


def test_one_call_carries_fifty_networks(operator, office):
    """slb-rpc-api.md 4.1."""
    path = f"{LISTS}{office['id']}/entries/"
    rows = [{"network": f"10.2.0.{number}"} for number in range(51)]
    assert "at most 50" in fields_of(operator.post(path, {"entries": rows}))["entries"][0]
    assert operator.post(path, {"entries": rows[:50]}).status_code == 201
    networks = [row["network"] for row in rows]
    assert fields_of(operator.post(path + "remove/", {"networks": networks}))


def test_a_stale_edit_is_refused(operator, office):
    path = f"{LISTS}{office['id']}/"
    etag = operator.get(path)["ETag"]
    assert operator.patch(path, {"name": "hq"}, headers={"If-Match": etag}).status_code == 200
    answer = operator.patch(path, {"name": "x"}, headers={"If-Match": etag})
    problem_of(answer, 412)


@pytest.mark.parametrize("value", [["acl-none"], "acl-1", [1], None, [["x"]], {"a": 1}, ["\0"]])
def test_wrong_lists_of_a_listener_are_field_errors(operator, estate, value):
    answer = operator.patch(
        f"/api/v1/listeners/{estate.listener.public_id}/", {"access_lists": value}
    )
    assert any(name.startswith("access_lists") for name in fields_of(answer))


def test_networks_are_filtered_searched_and_ordered(operator, office):
    path = f"{LISTS}{office['id']}/entries/"
    everything = [each["network"] for each in operator.get(path).json()["results"]]
    backwards = operator.get(f"{path}?ordering=-network").json()["results"]
    assert [each["network"] for each in backwards] == everything[::-1]
    found = operator.get(f"{path}?network={everything[0]}").json()["results"]
    assert [each["network"] for each in found] == everything[:1]
    assert fields_of(operator.get(f"{path}?netwrok=x")).keys() == {"netwrok"}
