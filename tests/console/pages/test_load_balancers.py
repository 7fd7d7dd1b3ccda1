"""The list of instances, their details and what can be done to one."""

import pytest

from balancer.choices import LoadBalancerStatus
from balancer.models import Activity, LoadBalancer, PublishHead
from proxy.snapshot import ApplyReport, ListenerError, ListenerFault
from tests.console.markup import check_markup

pytestmark = pytest.mark.django_db
LIST = "/console/cn-test/instances"


@pytest.fixture
def page(estate):
    return estate.load_balancer.get_absolute_url()


def shown(response):
    return response.content.decode()


# --- list ---


def test_list_shows_each_instance_with_its_listeners(operator, estate):
    text = shown(operator.get(LIST))
    assert estate.load_balancer.public_id in text
    assert "HTTP: 80" in text
    assert text.count("listener-line") == 1
    for server in estate.servers:
        assert f"{server.name}: 8080" in text
    check_markup(text)


def test_list_shows_the_network_whole_and_a_way_to_rename(operator, viewer, estate):
    """Section 2.1: for a VPC two more lines, the vSwitch is one; the pencil is for who may."""
    vpc = estate.vswitch.vpc
    LoadBalancer.objects.update(vpc=vpc, vswitch=estate.vswitch)
    text = shown(operator.get(LIST))
    for public_id in (vpc.public_id, estate.vswitch.public_id):
        assert f'<span class="code muted">{public_id}</span>' in text
    rename = f"{estate.load_balancer.get_absolute_url()}/rename?from=list"
    assert f'href="{rename}"' in text
    assert f'action="{rename}"' in shown(operator.htmx("get", rename, target="dialog-slot"))
    assert operator.post(rename, {"name": "shop"})["Location"] == LIST
    assert "/rename" not in shown(viewer.get(LIST))


def test_list_says_which_listener_no_proxy_can_serve(operator, estate, monkeypatch):
    fault = ListenerFault("lb", estate.listener.public_id, ListenerError.NOT_PERMITTED, "")
    report = ApplyReport("n1", at=1.0, started_at=1.0, workers=1, faults=(fault,))
    monkeypatch.setattr("console.pages.instance_rows.list_reports", lambda: [report])
    text = shown(operator.get(f"{LIST}?health=abnormal"))
    assert "Not served" in text
    assert estate.load_balancer.public_id in text


def test_list_as_fragment_is_the_table_and_the_counts(operator, estate):
    response = operator.htmx("get", LIST, target="instance-table")
    text = shown(response)
    assert text.strip().startswith('<div id="instance-table"')
    assert 'id="quick-filters" hx-swap-oob="true"' in text
    assert "<html" not in text
    assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("field=name&q=WE", True),
        ("field=name&q=other", False),
        ("field=address&q=127.88", True),
        ("field=id&q=lb-", True),
        ("status=active", True),
        ("status=inactive", False),
        ("status=nonsense&field=nonsense&page=99&size=7", True),
    ],
)
def test_search_and_status_filter(operator, estate, query, found):
    """F12: the URL has the query; a filter that matches nothing says so and offers to clear it."""
    text = shown(operator.get(f"{LIST}?{query}"))
    assert (estate.load_balancer.public_id in text) is found
    assert ("Clear filter" in text) is not found


def test_empty_list_offers_the_next_step_to_those_who_may(operator, viewer, estate):
    estate.load_balancer.delete()
    assert "Create instance" in shown(operator.get(LIST))
    assert "Create instance" not in shown(viewer.get(LIST))


def test_query_count_does_not_grow_with_the_estate(operator, estate, django_assert_max_num_queries):
    for number in range(10, 30):
        estate.add_load_balancer(f"127.88.0.{number}")
    operator.get(LIST)  # the first visit also remembers the region
    with django_assert_max_num_queries(13):
        operator.get(f"{LIST}?size=50")


def test_list_is_paged_and_remembers_its_region(operator, estate, user_of):
    for number in range(10, 40):
        estate.add_load_balancer(f"127.88.0.{number}")
    text = shown(operator.get(f"{LIST}?size=10&page=2&sort=name"))
    assert 'aria-current="page">2<' in text
    assert "31 instances" in text
    assert operator.get("/console/")["Location"] == LIST


def test_unknown_region_is_404(operator, estate):
    assert operator.get("/console/nowhere/instances").status_code == 404


# --- search ---


def test_search_opens_the_first_hit_or_lists(operator, estate):
    search = "/console/cn-test/search"
    assert operator.get(f"{search}?q=127.88.0.1")["Location"] == (
        estate.load_balancer.get_absolute_url()
    )
    assert operator.get(f"{search}?q=nothing")["Location"] == f"{LIST}?field=name&q=nothing"
    assert estate.load_balancer.name in shown(operator.htmx("get", f"{search}?q=web"))


# --- details ---


def test_details_show_what_it_is_and_how_full(operator, page, estate):
    text = shown(operator.get(page))
    for words in (estate.load_balancer.address, "Listeners", "1 / 50", "3 / 200"):
        assert words in text
    check_markup(text)


def test_instance_of_another_region_is_404(operator, estate):
    other = f"/console/cn-other/instances/{estate.load_balancer.public_id}"
    assert operator.get(other).status_code == 404


def test_viewer_sees_everything_and_no_change(viewer, page):
    text = shown(viewer.get(page))
    for word in ("Release", "data-confirm", "icon-play", "/rename", 'role="switch"'):
        assert word not in text
    assert 'aria-current="page">Instance Details' in text


# --- acts ---

ACTS = (
    "rename",
    "bandwidth",
    "start",
    "stop",
    "release",
    "deletion-protection",
    "modification-protection",
)


@pytest.mark.parametrize("act", ACTS)
def test_viewer_can_do_nothing(viewer, page, act):
    """F13.3: a direct POST is refused, nothing changes."""
    assert viewer.post(f"{page}/{act}", {"name": "x", "enabled": "1"}).status_code == 403
    assert viewer.htmx("post", f"{page}/{act}", {"name": "x"}).status_code == 403
    assert not PublishHead.objects.filter(wanted__gt=0).exists()


@pytest.mark.parametrize(
    "act", ["rename", "bandwidth", "stop", "release", "modification-protection"]
)
def test_dialog_is_a_fragment_or_a_page(operator, page, act):
    fragment = shown(operator.htmx("get", f"{page}/{act}", target="dialog-slot"))
    assert fragment.strip().startswith("<dialog")
    whole = shown(operator.get(f"{page}/{act}"))
    assert "<dialog" in whole
    assert "Basic information" in whole
    check_markup(whole)


def test_stop_names_what_stops_answering_and_start_brings_it_back(operator, page, estate):
    """F13.1, section 2.18."""
    question = shown(operator.htmx("get", f"{page}/stop", target="dialog-slot"))
    assert "1 listener stops answering" in question
    assert "HTTP: 80" in question
    assert operator.post(f"{page}/stop")["Location"] == page
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.status == LoadBalancerStatus.INACTIVE
    assert "stopped; its configuration is kept" in shown(operator.get(page))
    done = operator.htmx("post", f"{page}/start")
    assert "objectsChanged" in done["HX-Trigger"]
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.is_active


def test_release_needs_the_typed_name(operator, page, estate):
    refused = operator.htmx("post", f"{page}/release", {"confirmation": "wrong"})
    assert refused.status_code == 422
    assert LoadBalancer.objects.filter(pk=estate.load_balancer.pk).exists()
    given = {"confirmation": estate.load_balancer.name}
    assert operator.post(f"{page}/release", given)["Location"] == LIST
    assert not LoadBalancer.objects.filter(pk=estate.load_balancer.pk).exists()


def test_protected_instance_is_not_released(operator, page, estate):
    operator.post(f"{page}/deletion-protection", {"enabled": "1"})
    given = {"confirmation": estate.load_balancer.name}
    response = operator.post(f"{page}/release", given)
    assert response.status_code == 423
    assert "rotection" in shown(response)
    assert LoadBalancer.objects.filter(pk=estate.load_balancer.pk).exists()


@pytest.mark.parametrize("name", ["", "x" * 81])
def test_bad_name_is_refused_at_the_field(operator, page, estate, name):
    given = {"name": name, "expected": estate.load_balancer.edit_number}
    response = operator.htmx("post", f"{page}/rename", given)
    assert response.status_code == 422
    assert 'aria-invalid="true"' in shown(response)
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.name == "web"


def test_details_alone_bring_the_title_of_the_page(operator, page):
    text = shown(operator.htmx("get", page, target="instance-details"))
    assert "<title>Instance Details · web · OpenCLB</title>" in text
    assert "<title>Instance Details · web · OpenCLB</title>" in shown(operator.get(page))


def test_a_change_in_force_refreshes_what_proxies_say(operator, page, estate, monkeypatch):
    """A fault is on the listener's row as soon as in the title row."""
    asked = operator.htmx("get", f"{page}/apply-status", target="apply-status")
    assert "Being applied" not in shown(asked)
    assert "changeApplied" in asked["HX-Trigger"]
    assert "changeApplied from:body" in shown(operator.get(f"{page}/listeners"))


def test_rename_is_kept_and_a_stale_one_is_refused(operator, page, estate):
    number = estate.load_balancer.edit_number
    assert operator.post(f"{page}/rename", {"name": "shop", "expected": number}).status_code == 302
    late = operator.post(f"{page}/rename", {"name": "late", "expected": number})
    assert late.status_code == 409
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.name == "shop"


def test_modification_protection_keeps_its_reason_and_stops_the_console(operator, page, estate):
    given = {"enabled": "1", "reason": "frozen for the sale"}
    assert operator.post(f"{page}/modification-protection", given).status_code == 302
    assert "frozen for the sale" in shown(operator.get(page))
    refused = operator.post(f"{page}/stop")
    assert refused.status_code == 423
    who = Activity.objects.latest("at").actor_name
    sentence = f"web is protected against changes in the console, by {who}: frozen for the sale."
    assert sentence in shown(refused)
    assert operator.post(f"{page}/modification-protection", {"enabled": "0"}).status_code == 302
    assert operator.post(f"{page}/stop").status_code == 302


# --- create ---

NEW = {"name": "shop", "address_type": "internet", "specification": ""}


def test_created_instance_opens_with_its_address(operator, estate):
    check_markup(shown(operator.get(f"{LIST}/new")))
    given = {**NEW, "primary_zone": estate.zone.pk}
    response = operator.post(f"{LIST}/new", given)
    made = LoadBalancer.objects.get(name="shop")
    assert response["Location"] == made.get_absolute_url()
    assert made.address in shown(operator.get(response["Location"]))


def test_a_vswitch_says_to_which_vpc_it_belongs(operator, estate):
    text = shown(operator.get(f"{LIST}/new"))
    vswitch = estate.vswitch
    assert f'data-of="{vswitch.vpc_id}"' in text
    assert f"({vswitch.public_id}) in {vswitch.vpc.name}</option>" in text
    assert 'data-narrowed-by="vpc"' in text


@pytest.mark.parametrize("address", ["8.8.8.8", "abc", "127.88.0.1"])
def test_address_outside_the_pool_or_taken_is_a_field_error(operator, estate, address):
    given = {**NEW, "primary_zone": estate.zone.pk, "address": address}
    response = operator.post(f"{LIST}/new", given)
    assert response.status_code in (409, 422)
    assert not LoadBalancer.objects.filter(name="shop").exists()


def test_viewer_cannot_create(viewer, estate):
    assert viewer.get(f"{LIST}/new").status_code == 403
    assert viewer.post(f"{LIST}/new", {**NEW, "primary_zone": estate.zone.pk}).status_code == 403


def test_a_peak_bandwidth_is_set_and_lifted(operator, page, estate):
    text = shown(operator.get(page))
    assert "Peak bandwidth" in text
    assert "No limit" in text
    given = {"expected": estate.load_balancer.edit_number}
    refused = operator.htmx("post", f"{page}/bandwidth", given | {"bandwidth_mbps": "6000"})
    assert refused.status_code == 422
    assert "from 1 to 5120; given: 6000" in shown(refused)
    operator.post(f"{page}/bandwidth", given | {"bandwidth_mbps": "20"})
    text = shown(operator.get(page))
    assert "Peak bandwidth is 20 Mbit/s" in text
    assert '<span class="editable">20 Mbit/s' in text
    assert operator.post(f"{page}/bandwidth", given | {"bandwidth_mbps": "9"}).status_code == 409
    assert 'value="20"' in shown(operator.get(f"{page}/bandwidth"))
    operator.post(f"{page}/bandwidth", {"bandwidth_mbps": ""})
    assert "No limit" in shown(operator.get(page))


def test_an_instance_is_created_with_a_peak_bandwidth(operator, estate):
    form = {"name": "narrow", "address_type": "internet", "bandwidth_mbps": "7"}
    form["primary_zone"] = estate.load_balancer.primary_zone_id
    answer = operator.post(f"{LIST}/new", form)
    assert answer.status_code == 302, shown(answer)
    assert LoadBalancer.objects.get(name="narrow").bandwidth_mbps == 7
