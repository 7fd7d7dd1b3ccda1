"""Two-group failover in the console: chosen in the form, shown on the tabs (F10.7, S24 to S30)."""

import pytest

from balancer.models import Listener, ServerGroup
from balancer.selectors import traffic
from proxy.snapshot import GroupKind
from tests.console.markup import check_markup, shown_values
from tests.console.pages.test_listeners import NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def tab(estate):
    return f"{estate.load_balancer.get_absolute_url()}/listeners"


@pytest.fixture
def groups(estate):
    return [
        ServerGroup.objects.create(
            load_balancer=estate.load_balancer, kind=GroupKind.VSERVER, name=name
        )
        for name in ("blue", "green")
    ]


@pytest.fixture
def given(groups):
    return NEW | {
        "failover_enabled": "on",
        "primary_group": groups[0].public_id,
        "secondary_group": groups[1].public_id,
        "failover_threshold": "2",
        "backend_port": "",
    }


def shown(response):
    return response.content.decode()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_two_groups_are_chosen_and_shown(operator, tab, given, groups, protocol):
    assert operator.post(f"{tab}/new", given | {"protocol": protocol})["Location"] == tab
    made = Listener.objects.get(port=9000)
    assert [made.primary_group, made.secondary_group] == groups
    assert (made.failover_enabled, made.failover_threshold, made.server_group) == (True, 2, None)
    text = shown(operator.get(tab))
    for words in ("Two-group failover", "blue", "green"):
        assert words in text
    check_markup(text)
    form = shown(operator.get(f"{tab}/{made.public_id}/edit"))
    assert f'value="{groups[1].public_id}" selected' in form
    check_markup(form)


def test_form_as_shown_can_be_saved_and_goes_back_to_one_group(operator, tab, given, groups):
    operator.post(f"{tab}/new", given)
    made = Listener.objects.get(port=9000)
    page = f"{tab}/{made.public_id}/edit"
    values = shown_values(shown(operator.get(page)), "data-guard")
    assert operator.post(page, values | {"name": ["renamed"]})["Location"] == tab
    made.refresh_from_db()
    assert (made.name, made.failover_enabled) == ("renamed", True)
    values = shown_values(shown(operator.get(page)), "data-guard")
    del values["failover_enabled"]
    values["server_group"] = [groups[1].public_id]
    assert operator.post(page, values)["Location"] == tab
    made.refresh_from_db()
    assert (made.failover_enabled, made.primary_group, made.server_group) == (
        False,
        None,
        groups[1],
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"primary_group": ""}, "primary_group"),
        ({"secondary_group": ""}, "secondary_group"),
        ({"failover_threshold": ""}, "failover_threshold"),
        ({"failover_threshold": "0"}, "failover_threshold"),
        ({"failover_threshold": "many"}, "failover_threshold"),
        ({"check_enabled": ""}, "check_enabled"),
    ],
)
def test_what_is_missing_is_said_at_its_field(operator, tab, given, changes, field):
    response = operator.post(f"{tab}/new", given | changes)
    assert response.status_code == 422
    text = shown(response)
    assert f'id="id_{field}-error"' in text
    check_markup(text)


def test_same_group_twice_is_refused(operator, tab, given, groups):
    response = operator.post(f"{tab}/new", given | {"secondary_group": groups[0].public_id})
    assert response.status_code == 422
    assert "another one than the primary" in shown(response)


def test_switch_is_off_with_the_reason_while_there_is_one_group(operator, tab, given, groups):
    """F10.7."""
    groups[1].delete()
    text = shown(operator.get(f"{tab}/new"))
    assert "Needs two VServer groups" in text
    check_markup(text)
    sent = given | {"secondary_group": groups[0].public_id, "backend_port": "9000"}
    operator.post(f"{tab}/new", sent)
    assert not Listener.objects.get(port=9000).failover_enabled


def test_http_listeners_have_no_switch(operator, tab, given, estate):
    """F10.7, S30."""
    edit = f"{tab}/{estate.listener.public_id}/edit"
    assert 'name="failover_enabled"' not in shown(operator.get(edit))
    sent = given | {"protocol": "http", "check_kind": "http", "backend_port": "9000"}
    operator.post(f"{tab}/new", sent)
    made = Listener.objects.get(port=9000)
    assert (made.failover_enabled, made.primary_group) == (False, None)


def test_listener_stands_at_both_groups(operator, tab, given):
    operator.post(f"{tab}/new", given)
    made = Listener.objects.get(port=9000)
    text = shown(operator.get(tab.replace("/listeners", "/vserver-groups")))
    assert text.count(f'href="{made.get_absolute_url()}"') == 2


@pytest.mark.parametrize("failed_over", [0, 1])
def test_group_that_serves_is_marked(operator, tab, given, monkeypatch, failed_over):
    operator.post(f"{tab}/new", given)
    made = Listener.objects.get(port=9000)
    counted = {"node-1": {"listeners": {made.public_id: {"failed_over": failed_over}}}}
    monkeypatch.setattr(traffic, "read_counters", lambda: counted)
    text = shown(operator.get(tab))
    before, _, after = text.partition(">Serves<")
    assert ("green" in before) is bool(failed_over)
    assert ">Serves<" not in after
