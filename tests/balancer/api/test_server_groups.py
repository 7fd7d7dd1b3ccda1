"""Server groups and their members over REST: several at once, all of them or none."""

import pytest

from balancer.models import Activity, BackendServer, EcsInstance, PublishHead, ServerGroup
from tests.balancer.api.problems import fields_of, problem_of

GROUPS = "/api/v1/server-groups/"
SERVERS = "/api/v1/backend-servers/"


def members(group: ServerGroup, *steps: str) -> str:
    return GROUPS + "/".join([group.public_id, "servers", *steps, ""])


def row(machine: EcsInstance, **values: object) -> dict[str, object]:
    return {"machine_type": "ecs", "machine_id": machine.public_id, **values}


@pytest.fixture
def machines(estate):
    return [
        EcsInstance.objects.create(
            name=f"spare-{number}",
            zone=estate.zone,
            vswitch=estate.vswitch,
            private_address=f"10.0.1.{number}",
        )
        for number in range(1, 23)
    ]


def test_servers_are_added_in_one_act(operator, estate, machines):
    rows = [row(machines[0], weight=10), row(machines[1])]
    answer = operator.post(members(estate.group), {"servers": rows})
    assert answer.status_code == 201, answer.content
    assert [server["weight"] for server in answer.json()] == [10, 100]
    assert Activity.objects.count() == 1 + 1  # the token, and one entry for both servers
    assert PublishHead.objects.get().wanted > 0


def test_one_wrong_row_keeps_all_out_and_is_named(operator, estate, machines):
    rows = [row(machines[0]), row(machines[1], weight=101), row(machines[2], weight="abc")]
    answer = operator.post(members(estate.group), {"servers": rows})
    assert fields_of(answer).keys() == {"servers[1].weight", "servers[2].weight"}
    assert BackendServer.objects.count() == 3


@pytest.mark.parametrize(
    "weight", [-1, 101, "abc", "", None, 5.0, True, "１００", "+5", "0_5", [], {}, 10**400]
)
def test_wrong_weights_are_field_errors_and_nothing_is_stored(operator, estate, weight):
    server = estate.servers[0]
    answer = operator.patch(f"{SERVERS}{server.public_id}/", {"weight": weight})
    assert fields_of(answer).keys() == {"weight"}  # S68
    server.refresh_from_db()
    assert server.weight == 50
    assert server.edit_number == 1


def test_a_call_takes_twenty_servers(operator, estate, machines):
    rows = [row(machine) for machine in machines[:21]]
    answer = operator.post(members(estate.group), {"servers": rows})
    assert fields_of(answer).keys() == {"servers"}
    assert BackendServer.objects.count() == 3
    answer = operator.post(members(estate.group), {"servers": rows[:20]})
    assert answer.status_code == 201, answer.content


def test_unknown_stopped_and_doubled_machines_are_refused(operator, estate, machines):
    machines[0].power_state = "stopped"
    machines[0].save()
    already = estate.servers[0].ecs_instance
    for wrong in (
        row(machines[0]),
        row(already),
        {"machine_type": "ecs", "machine_id": "i-unknown"},
        {"machine_type": "idc", "machine_id": already.public_id},
    ):
        answer = operator.post(members(estate.group), {"servers": [wrong]})
        assert answer.status_code in (400, 409), answer.content
        problem_of(answer, answer.status_code)
    assert BackendServer.objects.count() == 3


def test_weights_of_several_are_set_in_one_act(operator, estate):
    first, second, _ = estate.servers
    rows = [{"id": first.public_id, "weight": 1}, {"id": second.public_id, "weight": "2"}]
    answer = operator.patch(members(estate.group), {"servers": rows})
    assert answer.status_code == 200, answer.content
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.weight, second.weight) == (1, 2)


def test_a_stale_row_among_the_weights_keeps_all(operator, estate):
    first, second, _ = estate.servers
    rows = [
        {"id": first.public_id, "weight": 1},
        {"id": second.public_id, "weight": 2, "edit_number": 99},
    ]
    problem_of(operator.patch(members(estate.group), {"servers": rows}), 412)
    first.refresh_from_db()
    assert first.weight == 50


def test_servers_are_taken_out_and_unknown_ones_passed_over(operator, estate):
    ids = [estate.servers[0].public_id, "bs-unknown"]
    answer = operator.post(members(estate.group, "remove"), {"servers": ids})
    assert answer.status_code == 204
    assert BackendServer.objects.count() == 2


def test_one_server_is_added_changed_and_taken_out(operator, estate, machines):
    values = row(machines[0], group=estate.group.public_id)
    made = operator.post(SERVERS, values)
    assert made.status_code == 201, made.content
    path = f"{SERVERS}{made.json()['id']}/"
    changed = operator.patch(path, {"weight": 7, "description": "spare"}).json()
    assert (changed["weight"], changed["description"]) == (7, "spare")
    assert operator.delete(path).status_code == 204
    problem_of(operator.get(path), 404)


def test_a_stale_weight_is_412(operator, estate):
    path = f"{SERVERS}{estate.servers[0].public_id}/"
    tag = operator.get(path)["ETag"]
    operator.patch(path, {"weight": 10})
    problem_of(operator.patch(path, {"weight": 20}, HTTP_IF_MATCH=tag), 412)


def test_a_weight_of_null_is_answered_with_the_range(operator, estate):
    """S68: the answer says what a weight may be, also when none was given."""
    path = f"{SERVERS}{estate.servers[0].public_id}/"
    problem = problem_of(operator.patch(path, {"weight": None}), 400)
    (error,) = problem["errors"]
    assert error["field"] == "weight"
    assert "from 0 to 100" in error["messages"][0]


def test_a_vserver_group_comes_with_its_servers(operator, estate, machines):
    values = {
        "load_balancer": estate.load_balancer.public_id,
        "kind": "vserver",
        "name": "blue",
        "servers": [row(machines[0], port=8080)],
    }
    answer = operator.post(GROUPS, values)
    assert answer.status_code == 201, answer.content
    servers = operator.get(f"{GROUPS}{answer.json()['id']}/servers/").json()
    assert [server["port"] for server in servers["results"]] == [8080]


def test_a_group_in_use_is_409(operator, estate, machines):
    values = {"load_balancer": estate.load_balancer.public_id, "kind": "vserver", "name": "blue"}
    values["servers"] = [row(machines[0], port=8080)]
    group = operator.post(GROUPS, values).json()["id"]
    listener = f"/api/v1/listeners/{estate.listener.public_id}/"
    answer = operator.patch(listener, {"server_group": group})
    assert answer.status_code == 200, answer.content
    problem_of(operator.delete(f"{GROUPS}{group}/"), 409)
    operator.patch(listener, {"server_group": None})
    assert operator.delete(f"{GROUPS}{group}/").status_code == 204


def test_the_flat_list_is_filtered(operator, estate):
    assert operator.get(SERVERS, {"group": estate.group.public_id}).json()["count"] == 3
    assert operator.get(SERVERS, {"group": "rsp-other"}).json()["count"] == 0
    assert operator.get(SERVERS, {"search": "10.0.0.2"}).json()["count"] == 1


def test_a_list_costs_the_same_number_of_queries_however_long(
    operator, estate, django_assert_max_num_queries
):
    operator.get(SERVERS)
    for number in range(10, 40):
        estate.add_server(f"10.0.0.{number}")
    with django_assert_max_num_queries(6):
        operator.get(SERVERS)


def test_the_health_of_a_group_names_each_server(operator, estate):
    health = operator.get(f"{GROUPS}{estate.group.public_id}/health/").json()
    assert {server["server"] for server in health["servers"]} == {
        server.public_id for server in estate.servers
    }


def test_a_server_that_is_named_twice_gets_no_weight(operator, estate):
    server = estate.servers[0].public_id
    body = {"servers": [{"id": server, "weight": 1}, {"id": server, "weight": 2}]}
    answer = operator.patch(members(estate.group), body)
    assert fields_of(answer).keys() == {"servers[1].id"}
    assert estate.group.servers.get(public_id=server).weight == 50


# --- PUT: the whole list ---


def whole(group: ServerGroup) -> list[dict[str, object]]:
    return [row(each.ecs_instance, weight=each.weight) for each in group.servers.order_by("pk")]


def test_the_whole_list_is_replaced_beyond_the_limit_of_a_call(operator, estate, machines):
    """Issue 4, section 2: atomic replace of a group's servers of any size."""
    kept = estate.servers[0]
    wanted = [row(each, weight=1) for each in machines] + whole(estate.group)[:1]
    answer = operator.put(members(estate.group), {"servers": wanted})
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert [each["machine_id"] for each in told] == [each["machine_id"] for each in wanted]
    assert told[-1]["id"] == kept.public_id
    assert estate.group.servers.count() == 23
    assert Activity.objects.filter(entrance="rest").get().action == "servers.replaced"
    assert PublishHead.objects.get().wanted == 1


def test_the_same_list_again_changes_nothing(operator, estate):
    first = operator.get(members(estate.group))["ETag"]
    answer = operator.put(members(estate.group), {"servers": whole(estate.group)[::-1]})
    assert (answer.status_code, answer["ETag"]) == (200, first)
    assert not Activity.objects.filter(entrance="rest").exists()
    assert not PublishHead.objects.exists()


def test_a_wrong_list_is_refused_whole_with_paths(operator, estate, machines):
    wanted = [row(each) for each in machines]
    wanted[17]["weight"] = 101
    wanted[3] = {"machine_type": "ecs", "machine_id": "i-none"}
    answer = operator.put(members(estate.group), {"servers": wanted})
    assert fields_of(answer).keys() == {"servers[17].weight"}  # S68
    wanted[17]["weight"] = 100
    answer = operator.put(members(estate.group), {"servers": wanted})
    assert fields_of(answer).keys() == {"servers[3].machine_id"}
    assert estate.group.servers.count() == 3
    assert not PublishHead.objects.exists()


@pytest.mark.parametrize("body", [{}, {"servers": None}, {"servers": {}}, {"servers": [None]}, []])
def test_a_list_must_be_given_to_replace_one(operator, estate, body):
    assert operator.put(members(estate.group), body).status_code == 400
    assert estate.group.servers.count() == 3


def test_more_than_the_quota_allows_is_a_conflict(operator, estate, machines):
    wanted = [row(machines[0])] * 201
    problem = problem_of(operator.put(members(estate.group), {"servers": wanted}), 409)
    assert (problem["code"], problem["details"]["limit"]) == ("quota_exceeded", 200)


@pytest.mark.parametrize("verb", ["put", "patch", "post", "remove"])
def test_members_change_only_as_they_were_read(operator, estate, machines, verb):
    """If-Match takes the tag of the list; a weight that changed meanwhile is not overwritten."""
    group, server = estate.group, estate.servers[0]
    tag = operator.get(members(group))["ETag"]
    operator.patch(f"{SERVERS}{server.public_id}/", {"weight": 3})

    def send(tag: str):
        headers = {"If-Match": tag}
        if verb == "put":
            return operator.put(members(group), {"servers": []}, headers=headers)
        if verb == "patch":
            body = {"servers": [{"id": server.public_id, "weight": 4}]}
            return operator.patch(members(group), body, headers=headers)
        if verb == "post":
            return operator.post(members(group), {"servers": [row(machines[0])]}, headers=headers)
        body = {"servers": [server.public_id]}
        return operator.post(members(group, "remove"), body, headers=headers)

    refused = send(tag)
    problem = problem_of(refused, 412)
    assert refused["ETag"] == f'"{problem["details"]["current"]}"' != tag
    assert list(group.servers.values_list("weight", flat=True)) == [3, 30, 20]
    assert send(refused["ETag"]).status_code < 300
    problem_of(send(refused["ETag"]), 412) if verb != "patch" else None
    assert send("*").status_code < 300 or verb == "post"


def test_the_groups_own_tag_is_taken_too(operator, estate):
    tag = operator.get(f"{GROUPS}{estate.group.public_id}/")["ETag"]
    body = {"servers": whole(estate.group)[:2]}
    assert operator.put(members(estate.group), body, headers={"If-Match": tag}).status_code == 200
    problem_of(operator.put(members(estate.group), body, headers={"If-Match": tag}), 412)


def test_a_replace_tried_dry_tells_the_exact_difference(operator, estate, machines):
    a, b, c = estate.servers
    wanted = [row(a.ecs_instance, weight=50), row(b.ecs_instance, weight=50), row(machines[0])]
    told = operator.put(f"{members(estate.group)}?dry_run=true", {"servers": wanted}).json()
    assert told["status"] == 200
    (change,) = told["changes"]
    assert [each["server"] for each in change["before"]["removed"]] == [c.machine_id]
    assert [each["server"] for each in change["after"]["added"]] == [machines[0].public_id]
    assert [each["weight"] for each in change["after"]["changed"]] == [50]
    shares = {each["server"]: (each["before"], each["after"]) for each in told["shares"]}
    assert shares[a.public_id] == (50.0, 25.0)
    assert shares[c.public_id] == (20.0, None)
    assert estate.group.servers.count() == 3
    assert not PublishHead.objects.exists()


def test_a_replace_under_a_key_happens_once(operator, estate, machines):
    body, key = {"servers": [row(machines[0])]}, {"Idempotency-Key": "replace"}
    first = operator.put(members(estate.group), body, headers=key)
    again = operator.put(members(estate.group), body, headers=key)
    assert first.json() == again.json()
    assert (again["Idempotency-Replayed"], again["ETag"]) == ("true", first["ETag"])
    assert Activity.objects.filter(action="servers.replaced").count() == 1


# --- lists of members ---


def test_members_are_filtered_searched_and_ordered(operator, estate):
    def ids(query: str) -> list[str]:
        answer = operator.get(f"{members(estate.group)}?{query}")
        assert answer.status_code == 200, answer.content
        return [each["id"] for each in answer.json()["results"]]

    a, b, c = (each.public_id for each in estate.servers)
    assert ids("ordering=-weight") == [a, b, c]
    assert ids("ordering=weight") == [c, b, a]
    assert ids("weight=30") == [b]
    assert ids(f"ecs_instance={estate.servers[2].machine_id}") == [c]
    assert ids(f"search={estate.servers[1].address}") == [b]
    assert ids("page_size=2&page=2") == [c]


@pytest.mark.parametrize(
    "query", ["wieght=1", "group=x", "weight=101", "port=x", "ordering=name", "page_size=201"]
)
def test_wrong_parameters_of_a_list_of_members_are_refused(operator, estate, query):
    answer = operator.get(f"{members(estate.group)}?{query}")
    assert fields_of(answer).keys() == {query.partition("=")[0]}
