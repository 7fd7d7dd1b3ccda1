"""Load balancers over REST: each write is the service's, with its activity and its version."""

from balancer.models import Activity, LoadBalancer, PublishHead
from tests.balancer.api.problems import fields_of, problem_of

LIST = "/api/v1/load-balancers/"


def path_of(load_balancer: LoadBalancer, *steps: str) -> str:
    return LIST + "/".join([load_balancer.public_id, *steps, ""])


def wanted(load_balancer: LoadBalancer) -> int:
    head = PublishHead.objects.filter(load_balancer_public_id=load_balancer.public_id).first()
    return head.wanted if head else 0


def test_one_is_created_with_an_address_and_a_default_group(operator, estate):
    answer = operator.post(LIST, {"region": "cn-test", "name": "api"})
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["address"].startswith("127.88.")
    assert made["status"] == "active"
    assert answer["ETag"] == f'"{made["edit_number"]}"'
    groups = operator.get("/api/v1/server-groups/", {"load_balancer": made["id"]}).json()
    assert [group["kind"] for group in groups["results"]] == ["default"]
    entry = Activity.objects.first()
    assert (entry.entrance, entry.actor_name) == ("rest", "the-operator")


def test_a_requested_address_must_lie_in_the_pool(operator, estate):
    answer = operator.post(LIST, {"region": "cn-test", "address": "10.1.2.3"})
    assert "address" in fields_of(answer)


def test_an_unknown_region_is_a_field_error(operator, estate):
    assert fields_of(operator.post(LIST, {"region": "mars"})).keys() == {"region"}


def test_the_list_is_filtered_searched_ordered_and_paged(operator, estate):
    estate.add_load_balancer("127.88.0.2")
    other = operator.get(LIST, {"search": "127.88.0.2"}).json()
    assert [row["address"] for row in other["results"]] == ["127.88.0.2"]
    assert operator.get(LIST, {"name": "web"}).json()["count"] == 1
    assert operator.get(LIST, {"region": "cn-other"}).json()["count"] == 0
    page = operator.get(LIST, {"ordering": "-address", "page_size": 1}).json()
    assert page["count"] == 2
    assert page["results"][0]["address"] == "127.88.0.2"
    assert operator.get(page["next"]).json()["results"][0]["address"] == "127.88.0.1"


def test_a_filter_on_an_address_takes_whole_addresses_only(operator, estate):
    assert operator.get(LIST, {"address": " 127.88.0.1 "}).json()["count"] == 1
    assert operator.get(LIST, {"address": "127.88.0.9"}).json()["count"] == 0
    problem = problem_of(operator.get(LIST, {"address": "127.88"}), 400)
    assert problem["errors"][0]["field"] == "address"


def test_a_rename_raises_the_edit_number_and_its_etag(operator, estate):
    read = operator.get(path_of(estate.load_balancer))
    answer = operator.patch(
        path_of(estate.load_balancer), {"name": "shop"}, HTTP_IF_MATCH=read["ETag"]
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["name"] == "shop"
    assert answer["ETag"] != read["ETag"]


def test_a_peak_bandwidth_is_set_with_the_name_and_lifted(operator, estate):
    path = path_of(estate.load_balancer)
    tag = operator.get(path)["ETag"]
    both = {"name": "narrow", "bandwidth_mbps": 10}
    answer = operator.patch(path, both, HTTP_IF_MATCH=tag)
    assert answer.status_code == 200, answer.content
    assert {name: answer.json()[name] for name in both} == both
    problem_of(operator.patch(path, {"bandwidth_mbps": 20}, HTTP_IF_MATCH=tag), 412)
    answer = operator.patch(path, {"name": "other", "bandwidth_mbps": 0})
    assert fields_of(answer).keys() == {"bandwidth_mbps"}
    assert operator.get(path).json()["name"] == "narrow", "whole or not at all"
    assert operator.patch(path, {"bandwidth_mbps": -1}).json()["bandwidth_mbps"] == -1


def test_a_stale_edit_is_412_and_names_the_current_state(operator, estate):
    read = operator.get(path_of(estate.load_balancer))
    operator.patch(path_of(estate.load_balancer), {"name": "first"})
    answer = operator.patch(
        path_of(estate.load_balancer), {"name": "second"}, HTTP_IF_MATCH=read["ETag"]
    )
    problem = problem_of(answer, 412)
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.name == "first"
    assert problem["details"]["current"] == estate.load_balancer.edit_number
    assert answer["ETag"] == f'"{estate.load_balancer.edit_number}"'


def test_if_match_is_a_strong_comparison(operator, estate):
    path = path_of(estate.load_balancer)
    tag = operator.get(path)["ETag"]
    for header in (f"W/{tag}", "nonsense", '""', '"-1"'):
        problem_of(operator.patch(path, {"name": "no"}, HTTP_IF_MATCH=header), 412)
    for header in (f'"999", {tag}', "*"):
        answer = operator.patch(path, {"name": "yes"}, HTTP_IF_MATCH=header)
        assert answer.status_code == 200


def test_what_cannot_be_changed_is_refused_by_name(operator, estate):
    answer = operator.patch(path_of(estate.load_balancer), {"region": "x", "status": "locked"})
    assert fields_of(answer).keys() == {"region", "status"}


def test_stop_and_start_are_published(operator, estate):
    before = wanted(estate.load_balancer)
    stopped = operator.post(path_of(estate.load_balancer, "stop"))
    assert stopped.json()["status"] == "inactive"
    assert operator.post(path_of(estate.load_balancer, "start")).json()["status"] == "active"
    assert wanted(estate.load_balancer) >= before + 2


def test_deletion_protection_keeps_it(operator, estate):
    path = path_of(estate.load_balancer)
    answer = operator.post(path + "protection/", {"deletion_protection": True})
    assert answer.json()["deletion_protection"] is True
    problem_of(operator.delete(path), 409)
    assert LoadBalancer.objects.count() == 1
    operator.post(path + "protection/", {"deletion_protection": False})
    assert operator.delete(path).status_code == 204
    assert LoadBalancer.objects.count() == 0


def test_modification_protection_keeps_its_reason(operator, estate):
    path = path_of(estate.load_balancer, "protection")
    values = {"modification_protection": True, "reason": "Managed"}
    answer = operator.post(path, values).json()
    assert answer["modification_protection_reason"] == "Managed"


def test_the_publish_status_is_told_even_without_a_broker(operator, estate):
    status = operator.get(path_of(estate.load_balancer, "publish-status")).json()
    assert set(status) == {"wanted", "published", "state", "nodes", "faults"}


def test_the_health_behind_each_listener_is_told(operator, estate):
    health = operator.get(path_of(estate.load_balancer, "health")).json()
    (listener,) = health["listeners"]
    assert listener["listener"] == estate.listener.public_id
    assert listener["total"] == 3


def test_the_specification_goes_one_way(operator, estate):
    path = path_of(estate.load_balancer)
    assert operator.get(path).json()["specification"] == ""
    answer = operator.patch(path, {"specification": "slb.s2.small"})
    assert answer.json()["specification"] == "slb.s2.small"
    assert PublishHead.objects.get().wanted == 1
    problem = problem_of(operator.patch(path, {"specification": ""}), 409)
    assert problem["code"] == "specification_too_small"
    assert fields_of(operator.patch(path, {"specification": "big"})).keys() == {"specification"}
    assert operator.patch(path, {"specification": "slb.s1.small"}).status_code == 200


def test_a_change_of_several_things_is_made_whole_or_not_at_all(operator, estate):
    path = path_of(estate.load_balancer)
    read = operator.get(path)["ETag"]
    wanted = {"name": "shop", "specification": "slb.s2.small", "resource_group": "rg-web"}
    refused = operator.patch(path, wanted | {"specification": "big"})
    assert fields_of(refused).keys() == {"specification"}
    assert operator.get(path)["ETag"] == read
    answer = operator.patch(path, wanted, headers={"If-Match": read})
    assert answer.status_code == 200, answer.content
    assert wanted.items() <= answer.json().items()
    found = operator.get(f"{LIST}?resource_group=rg-web").json()["results"]
    assert [each["id"] for each in found] == [estate.load_balancer.public_id]
    assert operator.get(f"{LIST}?resource_group=rg-default").json()["results"] == []


def test_what_is_billed_by_use_has_one_specification(operator, estate):
    LoadBalancer.objects.update(billing={"instance_charge_type": "PayByCLCU"})
    path = path_of(estate.load_balancer)
    answer = operator.patch(path, {"specification": "slb.s2.small"})
    assert problem_of(answer, 409)["code"] == "billed_by_use"
    assert operator.patch(path, {"specification": "slb.lcu.elastic"}).status_code == 200
