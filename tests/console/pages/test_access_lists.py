"""Pages of access lists, and access control in the form of a listener."""

import pytest

from balancer.models import AccessList
from tests.console.markup import check_markup
from tests.console.pages.test_listeners import NEW

pytestmark = pytest.mark.django_db
LISTS = "/console/cn-test/access-lists"


def shown(response):
    return response.content.decode()


@pytest.fixture
def office(estate):
    made = AccessList.objects.create(region=estate.zone.region, name="office")
    made.entries.create(network="192.0.2.0/24", description="head office")
    made.entries.create(network="198.51.100.7/32")
    return made


@pytest.fixture
def page(office):
    return f"{LISTS}/{office.public_id}"


@pytest.fixture
def used(estate, office):
    listener = estate.listener
    listener.access_enabled, listener.access_kind = True, "deny"
    listener.save()
    listener.access_lists.add(office)
    return listener


def test_lists_are_shown_with_their_users(viewer, office, used):
    text = shown(viewer.get(LISTS))
    for words in ("office", "HTTP: 80", "Deny list, web", "1 access list"):
        assert words in text
    assert "Create access list" not in text
    check_markup(text)
    assert "No access list matches" in shown(viewer.get(f"{LISTS}?q=factory"))
    assert "<html" not in shown(viewer.htmx("get", LISTS, target="access-list-table"))


def test_a_region_without_lists_says_what_they_are_for(operator, viewer, estate):
    assert "Create access list" in shown(operator.get(LISTS))
    assert "every client connect" in shown(viewer.get(LISTS))


def test_a_list_is_created_from_lines(operator, estate):
    check_markup(shown(operator.get(f"{LISTS}/new")))
    lines = "192.0.2.0/24 head office\r\n\r\n198.51.100.7, guard\r\n"
    answer = operator.post(f"{LISTS}/new", {"name": "office", "networks": lines})
    made = AccessList.objects.get()
    assert answer["Location"] == f"{LISTS}/{made.public_id}"
    found = list(made.entries.order_by("network").values_list("network", "description"))
    assert found == [("192.0.2.0/24", "head office"), ("198.51.100.7/32", "guard")]


def test_wrong_lines_are_named_and_nothing_is_lost(operator, estate):
    lines = "10.0.0.0/8\n10.0.0.1/24\n::1\n10.0.0.0/8"
    answer = operator.post(f"{LISTS}/new", {"name": "office", "networks": lines})
    assert answer.status_code == 422
    text = shown(answer)
    for words in ("10.0.0.1/24: ", "write 10.0.0.0/24", "::1: IPv6", "is given twice"):
        assert words in text
    assert "10.0.0.1/24\n::1" in text
    check_markup(text)
    assert not AccessList.objects.exists()


def test_networks_stand_in_the_order_of_their_addresses(viewer, office, page):
    office.entries.create(network="9.0.0.0/8")
    office.entries.create(network="192.0.2.0/28")
    text = shown(viewer.get(page))
    order = ["9.0.0.0/8", "192.0.2.0/24", "192.0.2.0/28", "198.51.100.7/32"]
    places = [text.index(network) for network in order]
    assert places == sorted(places)


def test_networks_are_shown_added_and_removed(operator, office, page):
    text = shown(operator.get(page))
    for words in ("192.0.2.0/24", "head office", "2 networks"):
        assert words in text
    check_markup(text)
    dialog = shown(operator.htmx("get", f"{page}/add", target="dialog-slot"))
    assert "Add networks to office" in dialog
    answer = operator.htmx("post", f"{page}/add", {"networks": "203.0.113.9"})
    assert "objectsChanged" in answer["HX-Trigger"]
    answer = operator.htmx("post", f"{page}/add", {"networks": "203.0.113.9"}, target="dialog-slot")
    assert answer.status_code == 422
    assert "is in the list already" in shown(answer)
    url = f"{page}/remove?network=192.0.2.0/24&network=203.0.113.9/32&network=x"
    question = shown(operator.get(url))
    assert "Remove 2 networks from office?" in question
    check_markup(question)
    operator.post(f"{page}/remove", {"network": ["192.0.2.0/24", "203.0.113.9/32"]})
    assert [entry.network for entry in office.entries.all()] == ["198.51.100.7/32"]
    assert "nothing to do" in shown(operator.get(f"{page}/remove?network=%00"))


def test_removing_says_what_it_means_for_listeners(operator, page, used):
    text = shown(operator.get(f"{page}/remove?network=192.0.2.0/24"))
    assert "HTTP: 80 of web accepts connections from there" in text
    used.access_kind = "allow"
    used.save()
    text = shown(operator.get(f"{page}/remove?network=192.0.2.0/24"))
    assert "turns new connections from there away" in text


def test_a_list_is_renamed_and_deleted(operator, office, page):
    operator.post(f"{page}/rename", {"name": "hq", "expected": office.edit_number})
    office.refresh_from_db()
    assert office.name == "hq"
    stale = operator.post(f"{page}/rename", {"name": "x", "expected": 1})
    assert stale.status_code in (409, 422)
    assert "2 networks; no listener uses it" in shown(operator.get(f"{page}/delete"))
    assert operator.post(f"{page}/delete")["Location"] == LISTS
    assert not AccessList.objects.exists()
    assert operator.get(page).status_code == 404


def test_a_list_in_use_cannot_be_deleted(operator, page, used):
    text = shown(operator.get(f"{page}/delete"))
    assert "Listeners use this list" in text
    assert operator.post(f"{page}/delete").status_code == 409
    assert AccessList.objects.exists()


def test_a_viewer_reads_and_changes_nothing(viewer, office, page):
    text = shown(viewer.get(page))
    assert "192.0.2.0/24" in text
    assert "Add networks" not in text
    check_markup(text)
    for path in (f"{LISTS}/new", f"{page}/add", f"{page}/remove", f"{page}/delete"):
        assert viewer.post(path, {"name": "x", "networks": "10.0.0.1"}).status_code == 403
    assert office.entries.count() == 2


def test_a_listener_gets_its_access_lists_in_its_form(operator, estate, office):
    form = f"{estate.load_balancer.get_absolute_url()}/listeners"
    text = shown(operator.get(f"{form}/new"))
    assert "office (2 networks)" in text
    check_markup(text)
    values = NEW | {"access_kind": "allow"}
    answer = operator.post(f"{form}/new", values)
    assert answer.status_code == 422
    assert "at least one access list" in shown(answer)
    answer = operator.post(f"{form}/new", values | {"access_lists": [office.public_id]})
    assert answer.status_code == 302
    made = estate.load_balancer.listeners.get(port=9000)
    assert (made.access_enabled, made.access_kind) == (True, "allow")
    assert list(made.access_lists.all()) == [office]
    edit = f"{form}/{made.public_id}/edit"
    assert f'value="{office.public_id}" checked' in shown(operator.get(edit))
    given = {name: value for name, value in NEW.items() if name not in ("protocol", "port")}
    answer = operator.post(edit, given | {"access_kind": "", "access_lists": [office.public_id]})
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.access_enabled, list(made.access_lists.all())) == (False, [])


def test_the_form_offers_no_lists_of_other_regions(operator, estate, office):
    office.region = type(office.region).objects.create(public_id="cn-other", name="Other")
    office.save()
    form = f"{estate.load_balancer.get_absolute_url()}/listeners/new"
    assert "This region has no access list yet" in shown(operator.get(form))
    answer = operator.post(form, NEW | {"access_kind": "deny", "access_lists": [office.public_id]})
    assert answer.status_code == 422
