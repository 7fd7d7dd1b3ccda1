"""The Default Server Group tab: table, weights, removal, undo (F3, F4, F12, F13)."""

import json
import re
from urllib.parse import urlencode

import pytest

from balancer.actors import Actor
from balancer.models import Activity, BackendServer, Listener, LoadBalancer
from balancer.selectors.health import ServerHealth
from balancer.services.backend_servers import set_server_weight
from balancer.services.load_balancers import set_modification_protection
from proxy.snapshot import HealthStatus
from tests.balancer.machines import machines
from tests.console.markup import check_markup

__all__ = ["machines"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def tab(estate):
    return f"{estate.load_balancer.get_absolute_url()}/default-group"


@pytest.fixture
def first(estate):
    return estate.servers[0]


def shown(response):
    return response.content.decode()


def weight_page(tab, server):
    return f"{tab}/servers/{server.public_id}/weight"


def sent(server, weight, **more):
    return {"weight": weight, "was": server.weight, "expected": server.edit_number, **more}


def weight_of(server):
    return BackendServer.objects.get(pk=server.pk).weight


# --- the table -----------------------------------------------------------------------------------


def test_s50_table_shows_servers_with_their_shares(operator, tab):
    text = shown(operator.get(tab))
    for words in ("10.0.0.1 (Private)", "vpc-1", "vsw-1", "Running", "ECS Instance ID/Name"):
        assert words in text
    shares = re.findall(r'share-value">([^<]+)<', text)
    assert shares == ["50 %", "30 %", "20 %"]
    check_markup(text)


def test_i1_only_servers_that_can_serve_have_a_share(operator, tab, estate, monkeypatch):
    words = ("Abnormal", "Normal", "Normal")
    health = {
        each.public_id: ServerHealth(HealthStatus.UNKNOWN, word, "connection refused")
        for each, word in zip(estate.servers, words, strict=True)
    }
    monkeypatch.setattr("console.pages.server_rows.get_group_health", lambda *_: health)
    text = shown(operator.get(tab))
    assert re.findall(r'share-value">([^<]+)<', text) == ["0 %", "60 %", "40 %"]
    assert "2 of 3 take new requests" in text
    assert "connection refused" in text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("none", "No listener uses this group yet"),
        ("stopped", "No running listener uses this group"),
        ("inactive", "The instance is stopped"),
    ],
)
def test_without_a_listener_nothing_is_said_to_take_requests(
    operator, tab, estate, state, sentence
):
    if state == "none":
        estate.listener.delete()
    elif state == "stopped":
        Listener.objects.update(status="stopped")
    else:
        LoadBalancer.objects.update(status="inactive")
    text = shown(operator.get(tab))
    assert f">{sentence}</span>" in text
    assert "new requests</span>" not in text
    assert text.count('class="share-note">not in use<') == 3


@pytest.mark.parametrize(
    ("schedulers", "note"),
    [
        pytest.param(["weighted_round_robin"], None, id="by-weight"),
        pytest.param(["round_robin"], "not used by round robin", id="round-robin"),
        pytest.param(["round_robin", "source_hash"], None, id="one-of-two-by-weight"),
        pytest.param(["weighted_least_connections"], "by least connections", id="least"),
        pytest.param(
            ["round_robin", "weighted_least_connections"], "by least connections", id="both"
        ),
    ],
)
def test_i1_share_says_when_requests_are_not_shared_by_weight(
    operator, tab, estate, schedulers, note
):
    Listener.objects.all().delete()
    for port, scheduler in enumerate(schedulers, 9000):
        Listener.objects.create(
            load_balancer=estate.load_balancer,
            protocol="tcp",
            port=port,
            backend_port=port,
            name=f"tcp_{port}",
            status="running",
            scheduler=scheduler,
        )
    text = shown(operator.get(tab))
    for words in ("not used by round robin", "by least connections"):
        assert (words in text) is (words == note)
    check_markup(text)


def test_s51_empty_group_says_so_and_who_suffers(operator, tab):
    BackendServer.objects.all().delete()
    text = shown(operator.get(tab))
    assert "No servers yet" in text
    assert "1 running listener uses this group" in text
    assert 'id="add-servers"' in text


def test_f12_filter_in_the_address(operator, tab):
    text = shown(operator.get(f"{tab}?field=address&q=10.0.0.2"))
    assert "10.0.0.2 (Private)" in text
    assert "10.0.0.1 (Private)" not in text
    assert "No server matches" in shown(operator.get(f"{tab}?q=nothing-like-it"))
    assert "10.0.0.3" in shown(operator.get(f"{tab}?field=weight&q=20"))
    assert "No server is in this state" in shown(operator.get(f"{tab}?status=stopped"))


def test_table_alone_for_htmx(operator, tab):
    text = shown(operator.htmx("get", tab, target="server-table"))
    assert "<html" not in text
    assert 'id="servers-taking" hx-swap-oob="true"' in text


def test_f13_viewer_sees_everything_and_changes_nothing(viewer, tab, estate, first):
    text = shown(viewer.get(tab))
    assert "10.0.0.1" in text
    for absent in ("add-servers", "Remove", "pencil-", "row-check"):
        assert absent not in text
    check_markup(text)
    posts = {
        weight_page(tab, first): sent(first, "1"),
        f"{tab}/weights": {"server": first.public_id, "plan": "set", "value": "1"},
        f"{tab}/remove": {"server": first.public_id},
        f"{tab}/undo": {"token": "x"},
        f"{tab}/panel": {"action": "add"},
        f"{tab}/idc-panel": {"action": "add"},
    }
    for page, data in posts.items():
        assert viewer.post(page, data).status_code == 403, page
    assert viewer.get(f"{tab}?panel=servers&step=select").status_code == 200
    assert weight_of(first) == 50


def test_the_number_of_queries_does_not_grow_with_the_servers(
    operator, tab, estate, django_assert_max_num_queries
):
    for number in range(10, 40):
        estate.add_server(f"10.0.1.{number}")
    with django_assert_max_num_queries(25):
        operator.get(tab)


def test_poll_swaps_live_cells_and_tells_of_other_rows(operator, tab, estate):
    text = shown(operator.get(tab))
    mark = re.search(r'name="mark" value="(\w+)"', text)[1]
    quiet = operator.htmx("get", f"{tab}/live?mark={mark}")
    assert f'id="health-{estate.servers[0].public_id}" hx-swap-oob="true"' in shown(quiet)
    assert "<td" not in shown(quiet)
    assert "HX-Trigger" not in quiet
    estate.add_server("10.0.0.9")
    told = operator.htmx("get", f"{tab}/live?mark={mark}")
    assert "serversChanged" in told["HX-Trigger"]


# --- one weight (F3) -----------------------------------------------------------------------------


def test_f3_2_weight_is_saved_with_undo(operator, tab, first):
    answer = operator.htmx("post", weight_page(tab, first), sent(first, "60"))
    assert answer.status_code == 204
    events = json.loads(answer["HX-Trigger"])
    assert "objectsChanged" in events
    [toast] = events["toast"]
    assert toast["text"] == "Weight of 10.0.0.1: 50 → 60"
    assert weight_of(first) == 60
    operator.htmx("post", toast["undo"]["url"], toast["undo"]["fields"])
    assert weight_of(first) == 50


def test_f3_2_without_script_the_tab_comes_back(operator, tab, first):
    answer = operator.post(weight_page(tab, first), sent(first, "60"), follow=True)
    assert answer.redirect_chain == [(tab, 302)]
    assert "Weight of 10.0.0.1: 50 → 60" in shown(answer)
    assert weight_of(first) == 60


@pytest.mark.parametrize("bad", ["150", "-1", "1.5", "abc", "1e2", "", "\uff15"])
def test_f3_3_a_wrong_weight_stays_in_the_form_with_the_range(operator, tab, first, bad):
    for answer in (
        operator.htmx(
            "post",
            weight_page(tab, first),
            sent(first, bad),
            target=f"weight-form-{first.public_id}",
        ),
        operator.post(weight_page(tab, first), sent(first, bad)),
    ):
        assert answer.status_code == 422
        assert "whole number from 0 to 100" in shown(answer)
        check_markup(shown(answer))
    assert weight_of(first) == 50


def test_f3_4_a_conflict_offers_both_values(operator, tab, first):
    stale = sent(first, "50" if first.weight != 50 else "45")
    set_server_weight(actor=Actor.system(), server=first, weight=70)
    answer = operator.htmx(
        "post", weight_page(tab, first), stale, target=f"weight-form-{first.public_id}"
    )
    assert answer.status_code == 409
    text = shown(answer)
    assert "Set 45" in text
    assert "Keep 70" in text
    assert weight_of(first) == 70
    expected = re.search(r'name="expected" value="(\d+)"', text)[1]
    again = operator.htmx(
        "post", weight_page(tab, first), {"weight": "45", "was": "70", "expected": expected}
    )
    assert again.status_code == 204
    assert weight_of(first) == 45


def test_f3_4_a_change_of_something_else_is_no_conflict(operator, tab, first):
    from balancer.services.backend_servers import describe_server

    stale = sent(first, "45")
    describe_server(actor=Actor.system(), server=first, description="rack 4")
    assert operator.htmx("post", weight_page(tab, first), stale).status_code == 204
    assert weight_of(first) == 45


def test_f3_5_a_removed_server_is_named_as_gone(operator, tab, first):
    page, data = weight_page(tab, first), sent(first, "45")
    target = f"weight-form-{first.public_id}"
    first.delete()
    answer = operator.htmx("post", page, data, target=target)
    assert answer.status_code == 409
    assert "No longer in this group" in shown(answer)
    assert operator.post(page, data).status_code == 409


def test_weight_zero_for_all_asks_first(operator, tab, estate, first):
    for other in estate.servers[1:]:
        other.weight = 0
        other.save()
    answer = operator.htmx(
        "post", weight_page(tab, first), sent(first, "0"), target=f"weight-form-{first.public_id}"
    )
    assert answer.status_code == 422
    assert "No server will receive new requests" in shown(answer)
    assert "HTTP: 80" in shown(answer)
    assert weight_of(first) == 50
    operator.htmx("post", weight_page(tab, first), sent(first, "0", confirmed="1"))
    assert weight_of(first) == 0


def test_423_a_protected_instance_says_who_to_turn_to(operator, tab, estate, first):
    set_modification_protection(
        actor=Actor.system(), load_balancer=estate.load_balancer, enabled=True, reason="freeze"
    )
    answer = operator.htmx("post", weight_page(tab, first), sent(first, "1"))
    assert answer.status_code == 423
    assert "protected against changes" in answer["HX-Trigger"]
    assert operator.post(weight_page(tab, first), sent(first, "1")).status_code == 423
    assert weight_of(first) == 50


def test_an_unknown_instance_or_other_region_is_not_there(operator, tab, estate, first):
    other = tab.replace(estate.load_balancer.region.public_id, "cn-other", 1)
    assert operator.get(other).status_code == 404
    assert operator.post(weight_page(other, first), sent(first, "1")).status_code == 404


# --- several weights -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "value", "expected"),
    [
        pytest.param("set", "10", [10, 10, 20], id="set"),
        pytest.param("add", "60", [100, 90, 20], id="add-stops-at-100"),
        pytest.param("subtract", "40", [10, 0, 20], id="subtract-stops-at-0"),
        pytest.param("even", "", [50, 50, 20], id="even"),
    ],
)
def test_i7_several_weights_in_one_act(operator, tab, estate, plan, value, expected):
    chosen = [each.public_id for each in estate.servers[:2]]
    data = {"server": chosen, "plan": plan, "value": value}
    answer = operator.htmx("post", f"{tab}/weights", data)
    assert answer.status_code == 200
    assert [weight_of(each) for each in estate.servers] == expected
    assert Activity.objects.filter(action="servers.weights_changed").count() == 1


@pytest.mark.parametrize(
    ("count", "title"),
    [(1, "Edit weight of 10.0.0.1"), (3, "Edit weights of 3 servers")],
)
def test_i7_the_dialog_says_how_many_servers(operator, tab, estate, count, title):
    chosen = urlencode({"server": [each.public_id for each in estate.servers[:count]]}, doseq=True)
    assert f">{title}</h2>" in shown(operator.get(f"{tab}/weights?{chosen}"))


@pytest.mark.parametrize("value", ["", "101", "x", "-1"])
def test_i7_a_wrong_value_changes_nothing(operator, tab, estate, first, value):
    data = {"server": first.public_id, "plan": "set", "value": value}
    for answer in (
        operator.htmx("post", f"{tab}/weights", data, target="dialog-slot"),
        operator.post(f"{tab}/weights", data),
    ):
        assert answer.status_code == 422
        assert "0 to 100" in shown(answer)
    assert weight_of(first) == 50


def test_i7_changes_of_others_are_merged_or_overruled(operator, tab, estate, first):
    second = estate.servers[1]
    data = {
        "server": [first.public_id, second.public_id],
        "expected": [f"{each.public_id}:{each.edit_number}" for each in (first, second)],
        "plan": "set",
        "value": "10",
    }
    set_server_weight(actor=Actor.system(), server=first, weight=70)
    answer = operator.htmx("post", f"{tab}/weights", data, target="dialog-slot")
    assert answer.status_code == 409
    assert "is 70 now" in shown(answer)
    operator.htmx("post", f"{tab}/weights", data | {"solution": "theirs"})
    assert [weight_of(first), weight_of(second)] == [70, 10]
    operator.htmx("post", f"{tab}/weights", data | {"solution": "mine"})
    assert [weight_of(first), weight_of(second)] == [10, 10]


# --- removal (F4) --------------------------------------------------------------------------------


def test_f4_1_the_question_names_server_and_effect(operator, tab, estate, first):
    estate.listener.check_enabled = False
    estate.listener.save()
    page = f"{tab}/remove?server={first.public_id}"
    answers = (operator.htmx("get", page, target="dialog-slot"), operator.get(page))
    for text in map(shown, answers):
        assert "Remove 10.0.0.1 from the default group?" in text
        assert "share of 50 % moves to the 2 servers" in text
        assert "Set weight to 0 instead" in text
        assert "Drain" not in text
        check_markup(text)
    assert BackendServer.objects.filter(pk=first.pk).exists()


def test_f4_1_a_server_without_requests_gives_no_share_away(operator, tab, estate, first):
    BackendServer.objects.filter(pk=first.pk).update(weight=0)
    text = shown(operator.get(f"{tab}/remove?server={first.public_id}"))
    assert "It takes no new requests now, so no share moves." in " ".join(text.split())
    assert "share of" not in text


def test_f4_2_removed_with_undo(operator, tab, estate, first):
    answer = operator.htmx("post", f"{tab}/remove", {"server": first.public_id})
    [toast] = json.loads(answer["HX-Trigger"])["toast"]
    assert toast["text"] == "10.0.0.1 removed"
    assert estate.group.servers.count() == 2
    operator.htmx("post", toast["undo"]["url"], toast["undo"]["fields"])
    back = estate.group.servers.get(ecs_instance=first.ecs_instance)
    assert back.weight == 50


def test_f4_3_the_last_server_needs_its_name_typed(operator, tab, estate, first):
    for other in estate.servers[1:]:
        other.delete()
    text = shown(operator.get(f"{tab}/remove?server={first.public_id}"))
    assert "Remove the last server?" in text
    assert "HTTP: 80" in text
    for typed in ("", "web"):
        data = {"server": first.public_id, "confirmation": typed}
        assert operator.post(f"{tab}/remove", data).status_code == 422
    assert estate.group.servers.count() == 1
    data = {"server": first.public_id, "confirmation": "10.0.0.1"}
    assert operator.post(f"{tab}/remove", data).status_code == 302
    assert estate.group.servers.count() == 0


def test_f4_4_the_last_server_of_an_unused_group_is_nothing_special(operator, tab, estate, first):
    for other in estate.servers[1:]:
        other.delete()
    estate.listener.delete()
    assert "Type <strong>" not in shown(operator.get(f"{tab}/remove?server={first.public_id}"))
    operator.post(f"{tab}/remove", {"server": first.public_id})
    assert estate.group.servers.count() == 0


def test_remove_several_and_all(operator, tab, estate):
    ids = [each.public_id for each in estate.servers]
    two = shown(operator.get(f"{tab}/remove?{urlencode({'server': ids[:2]}, doseq=True)}"))
    assert "Remove 2 servers?" in two
    everything = shown(operator.get(f"{tab}/remove?{urlencode({'server': ids}, doseq=True)}"))
    assert "Remove all servers?" in everything
    assert "Type <strong>web</strong>" in everything
    operator.post(f"{tab}/remove", {"server": ids[:2]})
    assert estate.group.servers.count() == 1
    entry = Activity.objects.get(action="servers.removed")
    assert len(entry.before) == 2


def test_an_already_removed_server_is_no_error(operator, tab, first):
    first.delete()
    answer = operator.htmx("post", f"{tab}/remove", {"server": first.public_id})
    assert answer.status_code == 200
    assert "Already removed" in answer["HX-Trigger"]


def test_weight_zero_instead_of_removal(operator, tab, estate, first):
    data = {"server": first.public_id, "instead": "zero"}
    operator.htmx("post", f"{tab}/remove", data)
    assert weight_of(first) == 0
    assert estate.group.servers.count() == 3


def test_undo_of_another_instance_or_a_forged_one_is_refused(operator, tab, estate, first):
    answer = operator.htmx("post", f"{tab}/remove", {"server": first.public_id})
    undo = json.loads(answer["HX-Trigger"])["toast"][0]["undo"]
    other = estate.add_load_balancer("127.88.0.9")
    page = f"{other.get_absolute_url()}/default-group/undo"
    assert operator.post(page, undo["fields"]).status_code == 409
    forged = {"token": undo["fields"]["token"][:-2] + "xx"}
    assert operator.post(f"{tab}/undo", forged).status_code == 409
    assert LoadBalancer.objects.get(pk=other.pk).server_groups.get().servers.count() == 0


def test_undo_keeps_what_somebody_changed_since(operator, tab, first):
    answer = operator.htmx("post", weight_page(tab, first), sent(first, "60"))
    undo = json.loads(answer["HX-Trigger"])["toast"][0]["undo"]
    first.refresh_from_db()
    set_server_weight(actor=Actor.system(), server=first, weight=33)
    assert operator.post(undo["url"], undo["fields"]).status_code == 409
    assert weight_of(first) == 33
