"""Pages of forwarding rules: list, tester, form, delete (console-ui.md 2.6, F11)."""

import pytest

from balancer.models import ForwardingRule, Listener
from tests.console.markup import check_markup, shown_values

pytestmark = pytest.mark.django_db
CHECK = {
    "check_enabled": "on",
    "check_method": "HEAD",
    "check_path": "/",
    "check_expected_classes": ["2", "3"],
    "check_interval_s": "2",
    "check_timeout_s": "5",
    "check_unhealthy_threshold": "3",
    "check_healthy_threshold": "3",
}


@pytest.fixture
def group(estate):
    return estate.add_group("api")


@pytest.fixture
def page(estate):
    tab = f"{estate.load_balancer.get_absolute_url()}/listeners"
    return f"{tab}/{estate.listener.public_id}/rules"


@pytest.fixture
def new(group):
    return CHECK | {
        "name": "one",
        "domain": "a.example",
        "path": "/api",
        "server_group": group.public_id,
        "inherits_settings": "on",
    }


def shown(response):
    return response.content.decode()


def test_rule_is_made_and_stands_in_the_list_and_at_its_group(operator, page, new, estate):
    """F11.1."""
    answer = operator.post(f"{page}/new", new)
    assert (answer.status_code, answer["Location"]) == (302, page)
    text = shown(operator.get(page))
    for words in ("one", "a.example", "/api", "As the listener", "1 of at most 40 rules"):
        assert words in text
    check_markup(text)
    groups = shown(operator.get(f"{estate.load_balancer.get_absolute_url()}/vserver-groups"))
    assert "a.example/api" in groups
    check_markup(groups)
    assert "Forwarding Rules (1)" in shown(operator.get(page.rpartition("/")[0].rpartition("/")[0]))


def test_rules_stand_in_the_order_in_which_they_are_asked(operator, page, estate):
    for name, domain, path in (
        ("any", "", "/a"),
        ("wide", "*.example", ""),
        ("narrow", "*.b.example", ""),
        ("short", "a.example", ""),
        ("long", "a.example", "/a/b"),
    ):
        estate.add_rule(name, domain, path)
    text = shown(operator.get(page))
    places = [text.index(f"<strong>{name}</strong>") for name in ("long", "short", "narrow")]
    places += [text.index(f"<strong>{name}</strong>") for name in ("wide", "any")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://A.example:8080/api/1?x=1", "is taken by the rule"),
        ("a.example", "matches no rule and goes to the <strong>Default Server Group"),
        ("/api", "matches no rule"),
    ],
)
def test_tester_names_who_would_answer(operator, page, estate, url, answer):
    estate.add_rule("one", "a.example", "/api")
    text = shown(operator.get(page, {"url": url}))
    assert answer in text
    check_markup(text)
    part = shown(operator.htmx("get", f"{page}?url={url}", target="rule-answer"))
    assert answer in part
    assert "<table" not in part


def test_rule_with_settings_of_its_own_comes_back(operator, page, new):
    own = {"scheduler": "round_robin", "check_interval_s": "9", "check_expected_classes": ["2"]}
    own |= {"sticky_enabled": "on", "sticky_kind": "insert", "cookie_timeout_s": "600"}
    del new["inherits_settings"]
    assert operator.post(f"{page}/new", new | own).status_code == 302
    rule = ForwardingRule.objects.get()
    assert not rule.inherits_settings
    assert (rule.scheduler, rule.check_kind, rule.check_interval_s) == ("round_robin", "http", 9)
    assert (rule.sticky_kind, rule.cookie_timeout_s, rule.cookie_name) == ("insert", 600, "")
    form = f"{page}/{rule.public_id}/edit"
    text = shown(operator.get(form))
    check_markup(text)
    values = shown_values(text, "data-guard")
    assert operator.post(form, values | {"name": ["two"]}).status_code == 302
    before = {**rule.__dict__}
    rule.refresh_from_db()
    changed = {
        name
        for name, value in before.items()
        if not name.startswith("_") and getattr(rule, name) != value
    }
    assert changed == {"name", "edit_number", "updated_at"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domain": "", "path": ""}, "A rule needs a domain, a path, or both."),
        ({"path": "api"}, "A path begins with /"),
        ({"domain": "a_b"}, "A domain has up to 80"),
        ({"name": ""}, "The name of a rule has 1 to 40"),
        ({"server_group": ""}, "Choose the VServer group"),
        ({"inherits_settings": "", "check_interval_s": "51"}, "from 1 to 50; given: 51"),
        ({"inherits_settings": "", "check_healthy_threshold": "1"}, "from 2 to 10; given: 1"),
        ({"inherits_settings": "", "sticky_enabled": "on"}, "needs a kind"),
    ],
)
def test_errors_stand_at_their_fields(operator, page, new, changes, message):
    """F11.2."""
    values = {name: value for name, value in (new | changes).items() if value != ""}
    answer = operator.post(f"{page}/new", values)
    assert answer.status_code == 422
    assert message in shown(answer)
    check_markup(shown(answer))
    assert not ForwardingRule.objects.exists()


def test_settings_that_are_not_shown_cannot_be_wrong(operator, page, new):
    wrong = {"check_interval_s": "", "check_timeout_s": "x", "cookie_timeout_s": "x" * 30}
    assert operator.post(f"{page}/new", new | wrong).status_code == 302


def test_same_pair_twice_is_409(operator, page, new):
    operator.post(f"{page}/new", new)
    answer = operator.post(f"{page}/new", new | {"name": "two"})
    assert answer.status_code == 409
    assert "matches a.example/api already" in shown(answer)


def test_stale_edit_is_409_and_can_be_put_over(operator, page, estate):
    rule = estate.add_rule("one", "a.example")
    form = f"{page}/{rule.public_id}/edit"
    values = shown_values(shown(operator.get(form)), "data-guard")
    operator.post(form, values | {"name": ["two"]})
    answer = operator.post(form, values | {"name": ["three"]})
    assert answer.status_code == 409
    again = shown_values(shown(answer), "data-guard")
    assert operator.post(form, again).status_code == 302
    rule.refresh_from_db()
    assert rule.name == "three"


def test_delete_asks_first_and_leaves_the_group(operator, page, estate):
    rule = estate.add_rule("one", "a.example")
    act = f"{page}/{rule.public_id}/delete"
    text = shown(operator.htmx("get", act, target="dialog-slot"))
    assert "Delete rule one?" in text
    check_markup(shown(operator.get(act)))
    assert operator.post(act)["Location"] == page
    assert not ForwardingRule.objects.exists()
    rule.server_group.refresh_from_db()


def test_viewer_looks_and_changes_nothing(viewer, page, estate):
    rule = estate.add_rule("one", "a.example")
    text = shown(viewer.get(page))
    for word in ("Add Forwarding Rule", "/delete", ">Edit<"):
        assert word not in text
    form = shown(viewer.get(f"{page}/{rule.public_id}/edit"))
    assert "Save" not in form
    for path in ("new", f"{rule.public_id}/edit", f"{rule.public_id}/delete"):
        assert viewer.post(f"{page}/{path}", {"name": "x"}).status_code == 403
    assert viewer.get(f"{page}/new").status_code == 403


def test_rule_of_another_listener_is_not_found(operator, page, estate):
    other = Listener.objects.create(
        load_balancer=estate.load_balancer, protocol="http", port=81, name="other"
    )
    rule = estate.add_rule("one", "a.example")
    address = f"{page.replace(estate.listener.public_id, other.public_id)}/{rule.public_id}/edit"
    assert operator.get(address).status_code == 404


def test_number_of_queries_does_not_grow(operator, page, estate, django_assert_max_num_queries):
    for at in range(20):
        estate.add_rule(f"r{at}", path=f"/{at}")
    with django_assert_max_num_queries(12):
        operator.get(page)
