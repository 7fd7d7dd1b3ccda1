"""Whatever JSON arrives at whatever act, the answer is the API's own and below 500."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balancer.api.urls import router
from tests.balancer.api.openapi import ids_of
from tests.balancer.api.problems import problem_of

NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([0, 1, -1, 2**31, 2**63, -(2**63), 2**64, 10**30, 10**400]),
    st.floats(allow_nan=False, allow_infinity=False),
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", " ", "\0", "１００", "0" * 300, "cn-test", "127.88.0.7", "10.0.0.1", "é"]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
ACTS = [
    (prefix, viewset, act, method)
    for prefix, viewset, _ in router.registry
    for act, method in (("create", "post"), ("partial_update", "patch"))
    if hasattr(viewset, act)
]
BOUNDED = settings(
    max_examples=25,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def names_of(viewset, act):
    view = viewset(action=act)
    return sorted(view.get_serializer_class()().fields)


def rows_of(estate):
    return ids_of(estate) | {"server-groups": estate.group.public_id}


@pytest.mark.parametrize(
    ("prefix", "viewset", "act", "method"), ACTS, ids=lambda value: value if value else "?"
)
def test_no_body_gives_a_5xx(admin, estate, prefix, viewset, act, method):
    ids = rows_of(estate)
    path = f"/api/v1/{prefix}/" + ("" if act == "create" else f"{ids.get(prefix, 'x')}/")
    names = names_of(viewset, act)
    good = {
        "region": "cn-test",
        "zone": "cn-test-a",
        "vpc": "vpc-1",
        "vswitch": "vsw-1",
        "load_balancer": estate.load_balancer.public_id,
        "group": estate.group.public_id,
        "protocol": "tcp",
        "kind": "vserver",
        "name": "some",
        "cidr": "10.0.0.0/8",
    }

    @BOUNDED
    @given(body=st.dictionaries(st.sampled_from(names), VALUES), is_filled=st.booleans())
    def send(body, is_filled):
        if is_filled and act == "create":
            body = {name: good[name] for name in names if name in good} | body
        answer = getattr(admin, method)(path, body)
        if answer.status_code not in (200, 201):
            assert answer.status_code < 500, (body, answer.content)
            problem_of(answer, answer.status_code)

    send()


@pytest.mark.parametrize("path", ["servers/", "servers/remove/"])
@pytest.mark.parametrize("method", ["post", "patch"])
def test_no_list_of_members_gives_a_5xx(admin, estate, path, method):
    url = f"/api/v1/server-groups/{estate.group.public_id}/{path}"
    server = estate.servers[0]
    rows = st.one_of(
        VALUES,
        st.just(server.public_id),
        st.fixed_dictionaries(
            {"id": st.one_of(st.just(server.public_id), VALUES), "weight": VALUES}
        ),
        st.fixed_dictionaries(
            {"machine_type": st.sampled_from(["ecs", "eni", "idc"])},
            optional={
                "machine_id": st.one_of(st.just(server.machine_id), VALUES),
                "address": VALUES,
                "port": VALUES,
                "weight": VALUES,
                "role": VALUES,
                "description": VALUES,
            },
        ),
    )

    @BOUNDED
    @given(rows=st.one_of(VALUES, st.lists(rows, max_size=4)))
    def send(rows):
        answer = getattr(admin, method)(url, {"servers": rows})
        assert answer.status_code < 500, (rows, answer.content)

    send()


@pytest.mark.parametrize("prefix", [prefix for prefix, *_ in router.registry])
def test_no_parameter_of_a_list_gives_a_5xx(admin, estate, prefix):
    viewset = next(each for name, each, _ in router.registry if name == prefix)
    names = ["page", "page_size", "search", "ordering"]
    names += (
        list(getattr(viewset, "filterset_class", None).base_filters)
        if getattr(viewset, "filterset_class", None)
        else []
    )

    @BOUNDED
    @given(
        query=st.dictionaries(
            st.sampled_from(names), st.one_of(TEXTS, NUMBERS.map(str)), min_size=1, max_size=3
        )
    )
    def send(query):
        answer = admin.get(f"/api/v1/{prefix}/", query)
        assert answer.status_code < 500, (query, answer.content)

    send()
