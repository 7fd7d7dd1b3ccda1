"""The Listeners tab, its form and its dialogs."""

import pytest

from balancer.models import Listener, ServerGroup
from balancer.services.listeners import usual_check_times
from proxy.snapshot import GroupKind, ListenerError, ListenerFault
from tests.console.markup import Markup, check_markup, shown_values

pytestmark = pytest.mark.django_db
NEW = {
    "protocol": "tcp",
    "port": "9000",
    "name": "",
    "server_group": "",
    "backend_port": "9000",
    "scheduler": "weighted_round_robin",
    "idle_timeout_s": "15",
    "request_timeout_s": "60",
    "established_timeout_s": "900",
    "check_enabled": "on",
    "check_kind": "tcp",
    "check_method": "HEAD",
    "check_path": "/",
    "check_expected_classes": ["2", "3"],
    "check_interval_s": "2",
    "check_timeout_s": "5",
    "check_unhealthy_threshold": "3",
    "check_healthy_threshold": "3",
    "start": "on",
}


@pytest.fixture
def tab(estate):
    return f"{estate.load_balancer.get_absolute_url()}/listeners"


@pytest.fixture
def page(tab, estate):
    return f"{tab}/{estate.listener.public_id}"


def shown(response):
    return response.content.decode()


def test_tab_shows_what_is_wanted_and_observed(operator, tab, estate):
    text = shown(operator.get(tab))
    for words in ("HTTP: 80", "HTTP: 8080", "Running", "Default Server Group", "Modify Listener"):
        assert words in text
    check_markup(text)


def test_k5_a_listener_whose_servers_all_have_weight_0_says_so(operator, tab, estate):
    sentence = "Every weight is 0: no server gets new requests."
    assert sentence not in shown(operator.get(tab))
    estate.group.servers.update(weight=0)
    assert sentence in shown(operator.get(tab))
    Listener.objects.update(scheduler="round_robin")
    assert sentence in shown(operator.get(tab)), "weight 0 is the one that round robin minds"


def test_tab_as_fragment_and_searched(operator, tab):
    assert shown(operator.htmx("get", tab, target="listener-table")).startswith("\n")
    assert "Clear filter" in shown(operator.get(f"{tab}?q=nothing"))
    assert "HTTP: 80" in shown(operator.get(f"{tab}?q=80"))


def test_viewer_sees_no_change(viewer, tab, page):
    text = shown(viewer.get(tab))
    for word in ("Modify Listener", "Add Listener", "/stop", "/delete"):
        assert word not in text
    form = shown(viewer.get(f"{page}/edit"))
    assert "Save" not in form
    assert "disabled" in form


def test_query_count_does_not_grow_with_listeners(
    operator, tab, estate, django_assert_max_num_queries
):
    for port in range(9000, 9020):
        Listener.objects.create(
            load_balancer=estate.load_balancer,
            protocol="tcp",
            port=port,
            backend_port=port,
            name=f"tcp_{port}",
        )
    with django_assert_max_num_queries(15):
        operator.get(tab)


def test_reason_of_a_proxy_stands_at_the_listener(operator, tab, estate, monkeypatch):
    from balancer.selectors.publishing import ApplyState, ApplyStatus
    from console.pages import instance_frame

    fault = ListenerFault(
        load_balancer=estate.load_balancer.public_id,
        listener=estate.listener.public_id,
        error=ListenerError.ADDRESS_IN_USE,
        detail="[Errno 98] Address already in use",
    )
    status = ApplyStatus(1, 1, ApplyState.APPLIED, faults={estate.listener.public_id: (fault,)})
    monkeypatch.setattr(instance_frame, "get_apply_status", lambda load_balancer: status)
    text = shown(operator.get(tab))
    assert "Not served" in text
    assert "1 listener not served" in text
    assert "holds this port" in text
    assert "choose another port" in text


# --- form ---


STICKY = {"sticky_enabled": "on", "cookie_timeout_s": "600", "cookie_name": "sid"}


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        pytest.param("insert", ("insert", 600, ""), id="insert"),
        pytest.param("rewrite", ("rewrite", None, "sid"), id="rewrite"),
    ],
)
def test_persistence_keeps_what_its_kind_needs_and_comes_back(operator, tab, kind, stored):
    answer = operator.post(f"{tab}/new", NEW | STICKY | {"protocol": "http", "sticky_kind": kind})
    assert answer.status_code == 302, shown(answer)
    listener = Listener.objects.get(port=9000)
    assert listener.sticky_enabled
    assert (listener.sticky_kind, listener.cookie_timeout_s, listener.cookie_name) == stored
    page = shown(operator.get(f"{tab}/{listener.public_id}/edit"))
    check_markup(page)
    values = shown_values(page, "data-guard")
    assert (values["sticky_kind"], values["sticky_enabled"]) == ([kind], ["on"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sticky_kind": "insert", "cookie_timeout_s": ""}, "An inserted cookie needs a timeout"),
        ({"sticky_kind": "insert", "cookie_timeout_s": "86401"}, "from 1 to 86400; given: 86401"),
        ({"sticky_kind": "rewrite", "cookie_name": ""}, "Rewriting needs the name"),
        ({"sticky_kind": "rewrite", "cookie_name": "a b"}, "A cookie name has 1 to 200"),
    ],
)
def test_persistence_that_is_not_whole_is_refused_at_its_field(operator, tab, changes, message):
    answer = operator.post(f"{tab}/new", NEW | STICKY | {"protocol": "http"} | changes)
    assert answer.status_code == 422
    assert message in shown(answer)
    assert Listener.objects.count() == 1


def test_persistence_by_cookie_is_not_for_tcp(operator, tab):
    answer = operator.post(f"{tab}/new", NEW | STICKY | {"sticky_kind": "insert"})
    assert answer.status_code == 302
    assert not Listener.objects.get(port=9000).sticky_enabled


@pytest.mark.parametrize(
    ("changes", "protocol"),
    [
        pytest.param({}, "tcp", id="tcp"),
        pytest.param({"protocol": "http", "check_kind": "http"}, "http", id="http"),
        pytest.param({"protocol": "udp"}, "udp", id="udp"),
        pytest.param({"check_enabled": ""}, "tcp", id="no-health-check"),
    ],
)
def test_created_listener_is_on_the_tab(operator, tab, changes, protocol):
    check_markup(shown(operator.get(f"{tab}/new")))
    response = operator.post(f"{tab}/new", {**NEW, **changes})
    assert response["Location"] == tab
    made = Listener.objects.get(port=9000)
    assert (made.protocol, made.is_running) == (protocol, True)
    assert made.check_enabled is ("check_enabled" not in changes)
    assert f"{protocol.upper()}: 9000" in shown(operator.get(tab))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"port": "0"}, "port"),
        ({"port": "65536"}, "port"),
        ({"port": "８０"}, "port"),
        ({"port": "abc"}, "port"),
        ({"port": ""}, "port"),
        ({"backend_port": ""}, "backend_port"),
        ({"backend_port": "99999"}, "backend_port"),
        ({"check_interval_s": "51"}, "check_interval_s"),
        ({"check_timeout_s": "1e2"}, "check_timeout_s"),
        ({"check_healthy_threshold": "1"}, "check_healthy_threshold"),
        ({"established_timeout_s": "9"}, "established_timeout_s"),
        ({"protocol": "http", "check_kind": "http", "check_path": "no"}, "check_path"),
        ({"protocol": "http", "request_timeout_s": "181"}, "request_timeout_s"),
        ({"protocol": "http", "scheduler": "source_hash"}, "scheduler"),
        ({"scheduler": "source_hash"}, "scheduler"),
        ({"scheduler": "connection_id_hash"}, "scheduler"),
        ({"protocol": "udp", "check_request": "a b"}, "check_request"),
        ({"protocol": "udp", "check_expected_answer": "pong"}, "check_request"),
    ],
)
def test_bad_input_is_refused_at_its_field(operator, tab, changes, field):
    """E5.2: a range message at the field, nothing stored."""
    response = operator.post(f"{tab}/new", {**NEW, **changes})
    assert response.status_code == 422
    assert f'id="id_{field}-error"' in shown(response)
    assert Listener.objects.count() == 1
    check_markup(shown(response))


@pytest.mark.parametrize("scheduler", ["round_robin", "weighted_least_connections", "tuple_hash"])
def test_scheduler_is_chosen_with_an_explanation(operator, tab, estate, scheduler):
    estate.load_balancer.specification = "slb.s2.small"
    estate.load_balancer.save()
    text = shown(operator.get(f"{tab}/new"))
    assert f'data-shown-when="scheduler={scheduler}"' in text
    assert operator.post(f"{tab}/new", {**NEW, "scheduler": scheduler}).status_code == 302
    made = Listener.objects.get(port=9000)
    assert made.scheduler == scheduler
    form = shown(operator.get(f"{tab}/{made.public_id}/edit"))
    assert f'value="{scheduler}" selected' in form
    check_markup(form)


def test_all_errors_are_said_at_once(operator, tab):
    bad = {"port": "0", "backend_port": "", "check_interval_s": "99", "check_timeout_s": "x"}
    text = shown(operator.post(f"{tab}/new", {**NEW, **bad}))
    for field in bad:
        assert f'id="id_{field}-error"' in text


def test_port_in_use_is_said_at_the_port(operator, tab):
    """F10.2."""
    response = operator.post(f"{tab}/new", {**NEW, "port": "80"})
    assert response.status_code == 409
    assert 'id="id_port-error"' in shown(response)
    assert "is used by the listener" in shown(response)


def test_udp_listener_keeps_what_its_checks_send_and_expect(operator, tab):
    given = {"protocol": "udp", "check_request": "ping", "check_expected_answer": "pong"}
    operator.post(f"{tab}/new", {**NEW, **given})
    made = Listener.objects.get(port=9000)
    assert (made.check_kind, made.check_request, made.check_expected_answer) == (
        "udp",
        "ping",
        "pong",
    )
    text = shown(operator.get(f"{tab}/{made.public_id}/edit"))
    check_markup(text)
    assert 'value="pong"' in text
    assert 'name="established_timeout_s"' not in text
    assert "120 s" in text


def test_usual_times_of_checks_are_those_of_the_other_entrances(operator, tab, estate):
    """Console-ui.md 2.4: 2 and 5 s, for UDP 5 and 10 s; the page has both."""
    text = shown(operator.get(f"{tab}/new"))
    fields = {each.get("name"): each for each in Markup(text).fields}
    for protocol, marker in (("tcp", "data-usual"), ("udp", "data-usual-udp")):
        for name, seconds in usual_check_times(protocol).items():
            assert fields[name][marker] == str(seconds)
    assert "data-usual" not in shown(operator.get(f"{tab}/{estate.listener.public_id}/edit"))


def test_tcp_listener_takes_nothing_of_udp_from_the_form(operator, tab):
    operator.post(f"{tab}/new", {**NEW, "check_request": "ping", "check_expected_answer": "pong"})
    assert Listener.objects.get(port=9000).check_request == ""


@pytest.fixture
def pair(estate):
    return ServerGroup.objects.create(
        load_balancer=estate.load_balancer, kind=GroupKind.PRIMARY_SECONDARY, name="db"
    )


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_pair_is_chosen_for_tcp_and_udp(operator, tab, pair, protocol):
    assert "Primary/secondary group db" in shown(operator.get(f"{tab}/new"))
    given = {"protocol": protocol, "server_group": pair.public_id, "backend_port": ""}
    assert operator.post(f"{tab}/new", {**NEW, **given})["Location"] == tab
    made = Listener.objects.get(port=9000)
    assert made.server_group == pair
    assert "/primary-secondary-groups" in shown(operator.get(tab))
    text = shown(operator.get(f"{tab}/{made.public_id}/edit"))
    assert f'value="{pair.public_id}" selected' in text


def test_pair_is_refused_at_an_http_listener_with_the_reason(operator, tab, page, pair):
    """S40, S127."""
    given = {"protocol": "http", "server_group": pair.public_id}
    response = operator.post(f"{tab}/new", {**NEW, **given})
    assert response.status_code == 422
    text = shown(response)
    assert 'id="id_server_group-error"' in text
    assert "TCP and UDP listeners only" in text
    assert "Primary/secondary group" not in shown(operator.get(f"{page}/edit"))
    assert Listener.objects.count() == 1


def test_unserved_protocol_is_refused(operator, tab):
    response = operator.post(f"{tab}/new", {**NEW, "protocol": "https"})
    assert response.status_code == 422
    assert Listener.objects.count() == 1


def test_edit_changes_options_and_keeps_protocol_and_port(operator, page, tab, estate):
    check_markup(shown(operator.get(f"{page}/edit")))
    given = {
        **NEW,
        "port": "81",
        "name": "front",
        "request_timeout_s": "30",
        "expected": estate.listener.edit_number,
    }
    assert operator.post(f"{page}/edit", given)["Location"] == tab
    estate.listener.refresh_from_db()
    listener = estate.listener
    assert (listener.name, listener.request_timeout_s) == ("front", 30)
    assert (listener.protocol, listener.port) == ("http", 80)


@pytest.mark.parametrize("protocol", ["http", "tcp", "udp"])
def test_the_form_as_shown_can_be_saved(operator, tab, estate, protocol):
    """What the page of a listener holds is enough to save it: no error of a field out of sight."""
    listener = Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol=protocol,
        port=9100,
        backend_port=9100,
        check_kind="http" if protocol == "http" else protocol,
    )
    page = f"{tab}/{listener.public_id}/edit"
    text = shown(operator.get(page))
    assert Markup(text).open_choices == set()
    given = shown_values(text, "data-guard")
    given["name"] = ["renamed"]
    assert operator.post(page, given)["Location"] == tab
    listener.refresh_from_db()
    assert listener.name == "renamed"


def test_stale_edit_is_a_conflict(operator, page, estate):
    given = {**NEW, "name": "a", "expected": estate.listener.edit_number}
    operator.post(f"{page}/edit", given)
    late = operator.post(f"{page}/edit", {**given, "name": "b"})
    assert late.status_code == 409
    text = shown(late)
    assert "the-operator changed this since you opened it" in text
    assert 'value="b"' in text
    estate.listener.refresh_from_db()
    assert estate.listener.name == "a"
    again = {**given, "name": "b", "expected": estate.listener.edit_number}
    assert f'name="expected" value="{estate.listener.edit_number}"' in text
    assert operator.post(f"{page}/edit", again).status_code == 302


@pytest.mark.parametrize("act", ["edit", "start", "stop", "delete"])
def test_viewer_can_do_nothing(viewer, page, act):
    assert viewer.post(f"{page}/{act}", NEW).status_code == 403
    assert Listener.objects.filter(status="running").count() == 1


# --- acts and dialogs ---


def test_stop_start_delete(operator, page, tab, estate):
    assert operator.post(f"{page}/stop")["Location"] == tab
    estate.listener.refresh_from_db()
    assert not estate.listener.is_running
    assert operator.htmx("post", f"{page}/start").status_code == 200
    estate.listener.refresh_from_db()
    assert estate.listener.is_running
    question = shown(operator.htmx("get", f"{page}/delete", target="dialog-slot"))
    assert "The server group and its servers stay" in question
    assert operator.post(f"{page}/delete")["Location"] == tab
    assert not Listener.objects.exists()
    assert estate.group.servers.count() == len(estate.servers)


@pytest.mark.parametrize("act", ["stop", "delete", "health"])
def test_dialog_is_a_fragment_or_a_page(operator, page, act):
    fragment = shown(operator.htmx("get", f"{page}/{act}", target="dialog-slot"))
    assert fragment.strip().startswith("<dialog")
    whole = shown(operator.get(f"{page}/{act}"))
    assert "<dialog" in whole
    assert "Add Listener" in whole
    check_markup(whole)


def test_health_dialog_names_each_server_with_word_and_cause(operator, page, estate):
    """Section 2.5."""
    text = shown(operator.htmx("get", f"{page}/health", target="dialog-slot"))
    for server in estate.servers:
        assert f"{server.address}: 8080" in text
    assert "every 5s" in text
    table = shown(operator.htmx("get", f"{page}/health", target="listener-health"))
    assert "<dialog" not in table
    estate.listener.check_enabled = False
    estate.listener.save()
    off = shown(operator.htmx("get", f"{page}/health", target="dialog-slot"))
    assert "Health checks are off" in off


def test_listener_of_another_instance_is_404(operator, estate):
    other = estate.add_load_balancer("127.88.0.9").get_absolute_url()
    assert operator.get(f"{other}/listeners/{estate.listener.public_id}/edit").status_code == 404


# --- HTTP options --------------------------------------------------------------------------------

HTTP = {**NEW, "protocol": "http", "check_kind": "http"}


def test_http_options_are_stored_as_they_stand_in_the_form(operator, tab):
    """console-ui.md 2.4: added headers and gzip; gzip is on unless it is turned off."""
    page = shown(operator.get(f"{tab}/new"))
    values = shown_values(page, "data-guard")
    assert values["gzip_enabled"] == values["forwarded_for"] == ["on"]
    assert "forwarded_proto" not in values
    assert "Needs an HTTPS listener" in page
    switches = {"gzip_enabled": "on", "forwarded_for": "on", "forwarded_instance_id": "on"}
    assert operator.post(f"{tab}/new", {**HTTP, **switches}).status_code == 302
    made = Listener.objects.get(port=9000)
    assert (made.gzip_enabled, made.forwarded_for, made.forwarded_instance_id) == (True,) * 3
    assert not made.forwarded_proto
    values = shown_values(shown(operator.get(f"{tab}/{made.public_id}/edit")), "data-guard")
    assert {name for name in values if name.startswith("forwarded")} == {
        "forwarded_for",
        "forwarded_instance_id",
    }


def test_redirecting_listener_needs_no_servers(operator, tab, estate):
    """console-ui.md F10.6."""
    Listener.objects.create(
        load_balancer=estate.load_balancer, protocol="https", port=443, name="https"
    )
    assert "HTTPS: 443" in shown(operator.get(f"{tab}/new"))
    redirecting = {**HTTP, "redirect_port": "443", "backend_port": ""}
    assert operator.post(f"{tab}/new", redirecting)["Location"] == tab
    assert Listener.objects.get(port=9000).redirect_port == 443
    text = shown(operator.get(tab))
    assert "Redirects to HTTPS" in text
    check_markup(text)


@pytest.mark.parametrize("port", ["444", "80", "x"])
def test_redirection_to_what_is_no_https_listener_is_refused(operator, tab, estate, port):
    response = operator.post(f"{tab}/new", {**HTTP, "redirect_port": port})
    assert response.status_code == 422
    assert not Listener.objects.filter(port=9000).exists()


def test_a_bandwidth_is_set_and_lifted(operator, tab, estate):
    answer = operator.post(f"{tab}/new", NEW | {"bandwidth_mbps": "6000"})
    assert answer.status_code == 422
    assert "from 1 to 5120; given: 6000" in shown(answer)
    operator.post(f"{tab}/new", NEW | {"bandwidth_mbps": "20"})
    made = estate.load_balancer.listeners.get(port=9000)
    assert made.bandwidth_mbps == 20
    edit = f"{tab}/{made.public_id}/edit"
    assert 'value="20"' in shown(operator.get(edit))
    given = {name: value for name, value in NEW.items() if name not in ("protocol", "port")}
    operator.post(edit, given | {"bandwidth_mbps": ""})
    made.refresh_from_db()
    assert made.bandwidth_mbps == -1
