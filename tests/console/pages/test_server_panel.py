"""The My Servers panel by the buttons that work without script (F1, E1.1-E1.14, F9)."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from balancer.actors import Actor
from balancer.domain import quotas
from balancer.models import Activity, BackendServer, Draft
from balancer.rights import Role
from balancer.services.load_balancers import set_modification_protection
from tests.balancer.machines import machines
from tests.console.markup import check_markup

__all__ = ["machines"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def tab(estate):
    return f"{estate.load_balancer.get_absolute_url()}/default-group"


@pytest.fixture
def panel(tab):
    return f"{tab}/panel"


def shown(response):
    return response.content.decode()


def key(machine):
    return f"ecs:{machine.public_id}"


def select(*machines, **more):
    return {
        "form_step": "select",
        "available": "1",
        "selected": [key(each) for each in machines],
        "action": "next",
        **more,
    }


def configure(*rows, **more):
    return {
        "form_step": "configure",
        "action": "add",
        "key": [key(machine) for machine, _ in rows],
        "port": ["" for _ in rows],
        "weight": [weight for _, weight in rows],
        **more,
    }


def query_of(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def typed_weights(text):
    return re.findall(r'id="weight-[0-9]+" name="weight" value="(\w+)"', text)


@pytest.fixture
def web(machines):
    return [machines.ecs(f"web-{number}", f"10.0.2.{number}") for number in (1, 2)]


def test_f1_the_whole_way_without_script(operator, tab, panel, estate, web):
    text = shown(operator.get(f"{tab}?panel=servers&step=select"))
    check_markup(text)
    assert "You have selected <strong>0</strong> servers." in text
    assert re.search(r'id="panel-next"[^>]*aria-disabled="true"', text)
    step_two = operator.post(panel, select(*web))
    address = step_two["Location"]
    assert query_of(address)["step"] == "configure"
    text = shown(operator.get(address))
    check_markup(text)
    assert typed_weights(text) == ["100", "100"]
    assert 'name="port" value="" data-column' not in text, "no port column (S71)"
    draft = query_of(address)["draft"]
    copied = configure(
        (web[0], "80"), (web[1], "100"), action="replicate weight below 0", draft=draft
    )
    text = shown(operator.post(panel, copied, follow=True))
    assert typed_weights(text) == ["80", "80"]
    answer = operator.post(
        panel, configure((web[0], "80"), (web[1], "80"), draft=draft), follow=True
    )
    assert answer.redirect_chain[-1][0] == tab
    assert "2 servers added" in shown(answer)
    added = BackendServer.objects.filter(ecs_instance__in=web)
    assert {each.weight for each in added} == {80}
    [entry] = Activity.objects.filter(action="servers.added")
    assert len(entry.after) == 2
    assert not Draft.objects.exists()


def test_f1_6_htmx_closes_the_panel_and_offers_undo(operator, tab, panel, estate, web):
    answer = operator.htmx("post", panel, configure((web[0], "80")), target="panel-slot")
    assert shown(answer).strip() == ""
    assert answer["HX-Replace-Url"] == tab
    events = json.loads(answer["HX-Trigger"])
    assert {"objectsChanged", "panelFinished"} <= set(events)
    undo = events["toast"][0]["undo"]
    operator.post(undo["url"], undo["fields"])
    assert estate.group.servers.count() == 3


def test_the_address_of_a_spent_draft_shows_the_plain_tab_and_says_why(
    operator, tab, panel, estate, web
):
    address = operator.post(panel, select(web[0]))["Location"]
    draft = query_of(address)["draft"]
    operator.post(panel, configure((web[0], "80"), draft=draft))
    answer = operator.get(address, follow=True)
    assert answer.redirect_chain[-1][0] == tab
    text = shown(answer)
    assert "This panel is finished or has expired" in text
    assert 'id="panel-form"' not in text


@pytest.mark.parametrize(
    ("step", "typed"), [("next", 0), ("next", 1), ("add", 1)], ids=["ticks", "typed", "refused"]
)
def test_e1_11_the_panel_knows_what_would_be_lost(operator, panel, estate, web, step, typed):
    """The baseline is what was offered first, not what came back with the last answer."""
    stopped = web[1]
    if step == "next":
        text = shown(operator.htmx("post", panel, select(*web), target="panel-slot"))
    else:
        stopped.power_state = "stopped"
        stopped.save()
    if typed:
        rows = configure((web[0], "33"), (web[1], "100"), action="keep" if step == "next" else step)
        text = shown(operator.htmx("post", panel, rows, target="panel-slot"))
    if step == "next" and typed:
        draft = re.search(r'name="draft" value="([^"]+)"', text)[1]
        text = shown(
            operator.get(
                f"{panel.removesuffix('/panel')}?panel=servers&step=configure&draft={draft}"
            )
        )
    assert re.search(rf'data-dirty="{typed}" data-chosen="2"', text)
    assert text.count('data-offered="100"') >= 2


@pytest.mark.parametrize("bad", ["-1", "101", "1.5", "abc", "1e2", "\uff15\uff10", ""])
def test_e1_1_e1_2_a_wrong_weight_is_refused_and_all_input_stays(operator, panel, estate, web, bad):
    rows = configure((web[0], "33"), (web[1], bad))
    for answer in (
        operator.htmx("post", panel, rows, target="panel-slot"),
        operator.post(panel, rows),
    ):
        assert answer.status_code == 422
        text = shown(answer)
        check_markup(text)
        assert 'value="33"' in text
        assert "0 to 100" in text
        assert re.search(r'id="weight-1"[^>]*aria-invalid="true"', text)
        assert not re.search(r'id="weight-0"[^>]*aria-invalid="true"', text)
    assert estate.group.servers.count() == 3


def test_e1_4_only_zero_asks_when_nobody_else_serves(operator, panel, estate, web):
    rows = configure((web[0], "0"), (web[1], "0"))
    assert operator.post(panel, rows).status_code == 302, "others of the group serve"
    BackendServer.objects.all().delete()
    answer = operator.post(panel, rows)
    assert answer.status_code == 422
    assert "No server will receive new requests" in shown(answer)
    assert estate.group.servers.count() == 0
    assert operator.post(panel, rows | {"confirmed": "1"}).status_code == 302
    assert estate.group.servers.count() == 2


def test_e1_5_a_server_of_the_group_cannot_be_added_again(operator, tab, panel, estate, web):
    taken = estate.servers[0].ecs_instance
    text = shown(operator.get(f"{tab}?panel=servers&step=select"))
    assert f'value="{key(taken)}"' not in text
    assert "3 servers are hidden: 3 already in this group." in text
    answer = operator.post(panel, configure((web[0], "1"), (taken, "1")))
    assert answer.status_code == 422
    assert "already in this group" in shown(answer)
    assert not BackendServer.objects.filter(ecs_instance=web[0]).exists(), "all or nothing"


def test_e1_6_a_server_of_another_region(operator, tab, panel, machines):
    far = machines.ecs("web-9", "10.1.0.9", machines.other_region)
    assert "web-9" not in shown(operator.get(f"{tab}?panel=servers&step=select"))
    answer = operator.post(panel, configure((far, "1")))
    assert answer.status_code == 422
    assert "region" in shown(answer)


def test_e1_7_a_server_that_stopped_meanwhile(operator, panel, estate, web):
    web[1].power_state = "stopped"
    web[1].save()
    answer = operator.post(panel, configure((web[0], "7"), (web[1], "9")))
    text = shown(answer)
    assert answer.status_code == 422
    assert "web-2 is not running" in text
    assert 'value="7"' in text
    assert estate.group.servers.count() == 3


def test_e1_8_more_than_twenty_come_as_one_result(operator, panel, estate, machines):
    many = [machines.ecs(f"m-{number}", f"10.0.3.{number}") for number in range(1, 22)]
    answer = operator.post(panel, configure(*((each, "5") for each in many)), follow=True)
    assert "21 servers added" in shown(answer)
    assert estate.group.servers.count() == 24
    assert Activity.objects.filter(action="servers.added").count() == 1


def test_e1_9_next_without_a_selection_stays(operator, panel):
    answer = operator.post(panel, select())
    assert query_of(answer["Location"])["step"] == "select"


def test_e1_10_previous_keeps_weights_and_unticking_drops_its_row(operator, panel, web):
    draft = query_of(operator.post(panel, select(*web))["Location"])["draft"]
    back = configure((web[0], "11"), (web[1], "22"), action="previous", draft=draft)
    assert query_of(operator.post(panel, back)["Location"])["step"] == "select"
    text = shown(operator.post(panel, select(*web, draft=draft), follow=True))
    assert typed_weights(text) == ["11", "22"]
    text = shown(operator.post(panel, select(web[1], draft=draft), follow=True))
    assert typed_weights(text) == ["22"]


def test_e1_13_reload_restores_the_panel_and_nobody_elses(operator, tab, panel, web, client_of):
    answer = operator.htmx("post", panel, select(web[0], action="keep"))
    address = answer["HX-Replace-Url"]
    assert 'name="draft" value="draft-' in shown(answer)
    text = shown(operator.get(address))
    assert "You have selected <strong>1</strong> server." in text
    assert re.search(rf'value="{key(web[0])}"[^>]* checked', text)
    foreign = shown(client_of(Role.ADMIN).get(address, follow=True))
    assert "This panel is finished or has expired" in foreign
    assert 'id="panel-form"' not in foreign
    unknown = operator.get(f"{tab}?panel=servers&draft=draft-x", follow=True)
    assert "This panel is finished or has expired" in shown(unknown)


def test_e1_14_a_server_that_left_the_inventory_can_be_dropped(operator, panel, estate, web):
    draft = query_of(operator.post(panel, select(*web))["Location"])["draft"]
    gone = configure((web[0], "1"), (web[1], "2"), draft=draft)
    web[1].delete()
    answer = operator.post(panel, gone)
    text = shown(answer)
    assert answer.status_code == 422
    assert "web-2" in text, "the row still says who it was"
    assert "removed from the inventory" in text
    assert 'value="delete-server 1"' in text
    dropped = operator.post(panel, gone | {"action": "delete-server 1"}, follow=True)
    assert "web-2" not in shown(dropped)
    assert operator.post(panel, configure((web[0], "1"), draft=draft)).status_code == 302


def test_selection_survives_search_and_paging(operator, panel, machines):
    many = [machines.ecs(f"m-{number:02}", f"10.0.3.{number}") for number in range(1, 31)]
    searched = select(many[0], action="search", q="m-30")
    text = shown(operator.post(panel, searched, follow=True))
    assert "You have selected <strong>1</strong> server." in text
    assert f'name="kept" value="{key(many[0])}"' in text
    assert "m-30" in text
    assert "m-02" not in text
    both = select(many[29], kept=key(many[0]), action="page 2", q="")
    text = shown(operator.post(panel, both, follow=True))
    assert "<strong>2</strong> servers" in text


def test_select_all_matches_and_clear_wording(operator, tab, panel, machines):
    for number in range(1, 31):
        machines.ecs(f"m-{number:02}", f"10.0.3.{number}")
    text = shown(operator.get(f"{tab}?panel=servers&step=select"))
    assert "Select all 30 matches" in text
    text = shown(operator.post(panel, select(action="select-all"), follow=True))
    assert "<strong>30</strong> servers" in text


def test_display_available_instances_off_shows_reasons(operator, tab, panel, machines, web):
    machines.ecs("sleeper", "10.0.2.7", power_state="stopped")
    machines.ecs("elsewhere", "172.16.0.7", machines.other_vpc)
    text = shown(operator.get(f"{tab}?panel=servers&step=select"))
    assert "5 servers are hidden: 3 already in this group, 1" in text
    data = select(action="show-hidden")
    text = shown(operator.post(panel, data, follow=True))
    for words in ("sleeper", "elsewhere", "in another VPC", "already in this group"):
        assert words in text
    check_markup(text)


def test_f9_interfaces_in_advanced_mode(operator, tab, panel, estate, machines, web):
    addresses = machines.eni("eth1", web[0], "10.0.9.1", "10.0.9.2")
    estate.load_balancer.specification = "slb.s2.small"
    estate.load_balancer.save()
    plain = shown(operator.get(f"{tab}?panel=servers&step=select"))
    assert "10.0.9.2" not in plain
    opened = select(action=f"open {key(web[0])}", advanced="1", machine_type="all")
    text = shown(operator.post(panel, opened, follow=True))
    check_markup(text)
    assert "10.0.9.2" in text
    assert "Secondary" in text
    secondary = f"eni:{addresses[1].interface.public_id}:10.0.9.2"
    data = {"form_step": "configure", "action": "add", "key": secondary, "weight": "5", "port": ""}
    assert operator.post(panel, data).status_code == 302
    added = estate.group.servers.get(interface_address=addresses[1])
    assert added.weight == 5
    table = shown(operator.get(tab))
    assert "eth1 on web-1" in table
    assert "Secondary address" in table


def test_f9_3_a_shared_performance_instance_says_why_not(operator, tab, panel, machines, web):
    [address] = machines.eni("eth1", web[0], "10.0.9.1")
    text = shown(operator.get(f"{tab}?panel=servers&step=select"))
    assert "guaranteed-performance instance" in text
    wanted = f"eni:{address.interface.public_id}:10.0.9.1"
    data = {"form_step": "configure", "action": "add", "key": wanted, "weight": "5", "port": ""}
    answer = operator.post(panel, data)
    assert answer.status_code == 422
    assert "guaranteed-performance" in shown(answer)


def test_s58_the_count_opens_the_load_balancers(operator, tab, estate, web):
    other = estate.add_load_balancer("127.88.0.7")
    BackendServer.objects.create(group=other.server_groups.get(), ecs_instance=web[0])
    text = shown(operator.get(f"{tab}?panel=servers&step=select"))
    assert f'id="uses-{web[0].public_id}"' in text
    assert other.get_absolute_url() in text


def test_nonsense_is_answered_without_a_crash(operator, panel):
    for data in (
        {},
        {"action": "add"},
        {"action": "page 99", "form_step": "select"},
        {"action": "next", "form_step": "select", "selected": ["nonsense", "ecs:", "x:y:z"]},
        {"action": "add", "form_step": "configure", "key": ["nonsense", "ecs:i-no"], "weight": "1"},
    ):
        assert operator.post(panel, data, follow=True).status_code in (200, 422), data


def test_a_201st_server_is_refused_with_the_limit_and_input_stays(
    operator, panel, estate, web, monkeypatch
):
    monkeypatch.setitem(quotas._limits, "servers_per_load_balancer", 4)
    rows = configure((web[0], "41"), (web[1], "42"))
    for answer in (
        operator.htmx("post", panel, rows, target="panel-slot"),
        operator.post(panel, rows),
    ):
        assert answer.status_code == 409
        text = shown(answer)
        assert "4" in text
        assert typed_weights(text) == ["41", "42"]
    assert estate.group.servers.count() == 3


def test_423_a_protected_instance_keeps_what_was_typed(operator, panel, estate, web):
    set_modification_protection(
        actor=Actor.system(), load_balancer=estate.load_balancer, enabled=True, reason="freeze"
    )
    answer = operator.htmx("post", panel, configure((web[0], "41")), target="panel-slot")
    assert answer.status_code == 423
    assert "protected against changes" in shown(answer)
    assert typed_weights(shown(answer)) == ["41"]
