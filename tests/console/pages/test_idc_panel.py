"""The Add IDC Server panel: typed, pasted and registered servers (2.13, C27)."""

import pytest

from balancer.models import IdcServer
from tests.balancer.machines import machines
from tests.console.markup import check_markup

__all__ = ["machines"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def tab(estate):
    return f"{estate.load_balancer.get_absolute_url()}/default-group"


@pytest.fixture
def panel(tab):
    return f"{tab}/idc-panel"


def shown(response):
    return response.content.decode()


def rows(*servers, **more):
    """Return posted rows of (name, address, weight)."""
    return {
        "action": "add",
        "key": [f"new:{at}" for at, _ in enumerate(servers)],
        "name": [each[0] for each in servers],
        "address": [each[1] for each in servers],
        "weight": [each[2] for each in servers],
        "link": ["" for _ in servers],
        "note": ["" for _ in servers],
        **more,
    }


def test_typed_servers_are_registered_and_added(operator, tab, panel, estate):
    text = shown(operator.get(f"{tab}?panel=idc"))
    check_markup(text)
    answer = operator.post(panel, rows(("dc-1", "192.168.4.1", "30"), ("dc-2", "192.168.4.2", "0")))
    assert answer.status_code == 302
    added = estate.group.servers.filter(idc_server__isnull=False)
    assert [(each.name, each.address, each.weight) for each in added] == [
        ("dc-1", "192.168.4.1", 30),
        ("dc-2", "192.168.4.2", 0),
    ]
    text = shown(operator.get(tab))
    assert "2 IDC servers added" in text
    assert "192.168.4.1 (Private)" in text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param(("dc", "192.168.4.1", "101"), "0 to 100", id="weight"),
        pytest.param(("", "192.168.4.1", "1"), "Name is needed", id="name"),
        pytest.param(("dc", "not an address", "1"), "IPv4 address", id="no-address"),
        pytest.param(("dc", "224.0.0.1", "1"), "multicast", id="multicast"),
        pytest.param(("dc", "0.0.0.0", "1"), "unspecified", id="unspecified"),
        pytest.param(("dc", "10.0.0.1", "1"), "belongs to the server", id="registered-ecs"),
        pytest.param(("dc", "127.88.0.1", "1"), "load balancer", id="own-address"),
    ],
)
def test_bad_rows_keep_all_input_and_store_nothing(operator, panel, estate, row, words):
    data = rows(("fine", "192.168.4.9", "7"), row)
    for answer in (
        operator.htmx("post", panel, data, target="panel-slot"),
        operator.post(panel, data),
    ):
        assert answer.status_code == 422
        assert words in shown(answer)
        assert "192.168.4.9" in shown(answer)
        check_markup(shown(answer))
    assert not IdcServer.objects.exists()
    assert estate.group.servers.count() == 3


def test_the_same_address_twice(operator, panel):
    answer = operator.post(panel, rows(("a", "192.168.4.1", "1"), ("b", "192.168.4.1", "1")))
    assert answer.status_code == 422
    assert "stands in row 1 too" in shown(answer)


def test_pasted_lines_become_rows(operator, panel, estate):
    pasted = "192.168.4.1,30,dc-1\n\n192.168.4.2;40;dc-2\n192.168.4.3,8080,50,dc-3\n192.168.4.4\n"
    data = rows(("", "", "100"), action="paste", pasted=pasted)
    text = shown(operator.post(panel, data))
    for value in ("dc-1", "dc-2", "dc-3", "192.168.4.4", 'value="50"'):
        assert value in text
    assert "5 servers" not in text
    assert estate.group.servers.count() == 3
    text = shown(operator.post(panel, rows(action="paste", pasted="1,2,3,4,5")))
    assert "Line 1 has 5 values" in text


def test_registered_servers_are_offered_and_taken(operator, tab, panel, estate, machines):
    known = machines.idc("dc-known", "192.168.4.7")
    assert "dc-known" in shown(operator.get(f"{tab}?panel=idc"))
    text = shown(operator.post(panel, rows(("", "", "100"), action=f"take {known.public_id}")))
    assert 'value="192.168.4.7"' in text
    assert operator.post(panel, rows(("dc-known", "192.168.4.7", "9"))).status_code == 302
    assert estate.group.servers.get(idc_server=known).weight == 9
    assert IdcServer.objects.count() == 1


def test_rows_come_copy_and_go_without_script(operator, panel):
    two = (("a", "192.168.4.1", "5"), ("b", "192.168.4.2", "6"))
    text = shown(operator.post(panel, rows(*two, action="replicate weight below 0")))
    assert text.count('name="weight" value="5"') == 2
    text = shown(operator.post(panel, rows(*two, action="delete 0")))
    assert "192.168.4.1" not in text
    assert "192.168.4.2" in text
    text = shown(operator.post(panel, rows(*two, action="add-row")))
    assert 'id="weight-2"' in text
