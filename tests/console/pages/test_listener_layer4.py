"""Draining, persistence and PROXY protocol in the form, and what is left at leaving servers."""

import pytest

from balancer.models import Listener
from balancer.selectors import traffic
from tests.console.markup import check_markup, shown_values
from tests.console.pages.test_listeners import NEW

pytestmark = pytest.mark.django_db
GIVEN = NEW | {
    "drain_enabled": "on",
    "drain_timeout_s": "30",
    "persistence_timeout_s": "600",
    "proxy_protocol_v2": "on",
}


@pytest.fixture
def tab(estate):
    return f"{estate.load_balancer.get_absolute_url()}/listeners"


def shown(response):
    return response.content.decode()


def stored() -> tuple[bool, int | None, int, bool]:
    made = Listener.objects.get(port=9000)
    return (
        made.drain_enabled,
        made.drain_timeout_s,
        made.persistence_timeout_s,
        made.proxy_protocol_v2,
    )


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_they_are_stored_and_shown_again(operator, tab, protocol):
    assert operator.post(f"{tab}/new", GIVEN | {"protocol": protocol})["Location"] == tab
    assert stored() == (True, 30, 600, True)
    page = f"{tab}/{Listener.objects.get(port=9000).public_id}/edit"
    text = shown(operator.get(page))
    check_markup(text)
    values = shown_values(text, "data-guard")
    assert (values["drain_timeout_s"], values["persistence_timeout_s"]) == (["30"], ["600"])
    del values["drain_enabled"], values["proxy_protocol_v2"]
    assert operator.post(page, values)["Location"] == tab
    assert stored() == (False, None, 600, False)


def test_http_takes_nothing_of_them(operator, tab, estate):
    text = shown(operator.get(f"{tab}/{estate.listener.public_id}/edit"))
    assert "PROXY protocol" not in text
    operator.post(f"{tab}/new", GIVEN | {"protocol": "http", "check_kind": "http"})
    assert stored() == (False, None, 0, False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"drain_timeout_s": ""}, "drain_timeout_s"),
        ({"drain_timeout_s": "9"}, "drain_timeout_s"),
        ({"persistence_timeout_s": "3601"}, "persistence_timeout_s"),
        ({"persistence_timeout_s": "x"}, "persistence_timeout_s"),
    ],
)
def test_bad_input_is_refused_at_its_field(operator, tab, changes, field):
    response = operator.post(f"{tab}/new", GIVEN | changes)
    assert response.status_code == 422
    assert f'id="id_{field}-error"' in shown(response)
    check_markup(shown(response))


def test_switched_off_its_timeout_does_not_matter(operator, tab):
    sent = GIVEN | {"drain_enabled": "", "drain_timeout_s": "forever"}
    assert operator.post(f"{tab}/new", sent)["Location"] == tab
    assert stored()[:2] == (False, None)


def test_what_is_left_is_shown_where_servers_are(operator, tab, estate, monkeypatch):
    """F5.5: a row at weight 0 says how many connections are open."""
    first, second, _ = estate.servers
    first.weight = 0
    first.save()
    of_servers = {
        first.public_id: {"active": 3, "draining": 0},
        second.public_id: {"active": 9, "draining": 0},
        "bs-removed": {"active": 2, "draining": 2},
    }
    counted = {"listeners": {estate.listener.public_id: {"servers": of_servers}}}
    monkeypatch.setattr(traffic, "read_counters", lambda: {"node-1": counted, "node-2": counted})
    group = shown(operator.get(f"{estate.load_balancer.get_absolute_url()}/default-group"))
    assert group.count("Draining: 6 open connections") == 1
    health = shown(operator.get(f"{tab}/{estate.listener.public_id}/health"))
    assert "10 open connections at servers that get no new ones" in health
    check_markup(health)
