"""Lists that are read only so far: groups, the operation log, monitoring."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from balancer.choices import Entrance
from balancer.models import Activity, Measurement, ServerGroup
from console.pages.monitoring import nice_ceiling
from tests.console.markup import check_markup

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(estate):
    return estate.load_balancer.get_absolute_url()


def shown(response):
    return response.content.decode()


@pytest.mark.parametrize(
    ("tab", "kind", "words"),
    [
        ("vserver-groups", "vserver", ["weight 60", "No VServer groups yet"]),
        (
            "primary-secondary-groups",
            "primary_secondary",
            ["Primary server", "No primary/secondary server groups yet"],
        ),
    ],
)
def test_groups_are_listed_with_their_servers(viewer, page, estate, tab, kind, words):
    in_use, empty = words
    assert empty in shown(viewer.get(f"{page}/{tab}"))
    group = ServerGroup.objects.create(load_balancer=estate.load_balancer, kind=kind, name="blue")
    role = "primary" if kind == "primary_secondary" else "member"
    estate.add_server("10.0.0.9", group=group, port=8080, weight=60, role=role)
    text = shown(viewer.get(f"{page}/{tab}"))
    for word in ("blue", "10.0.0.9: 8080", in_use):
        assert word in text
    check_markup(text)
    fragment = shown(viewer.htmx("get", f"{page}/{tab}", target="group-table"))
    assert "<html" not in fragment


def test_operation_log_says_who_changed_what(viewer, estate):
    for number in range(25):
        Activity.objects.create(
            actor_name="alice",
            entrance=Entrance.REST,
            action="server.weight_changed",
            object_type="backend_server",
            object_id=f"bs-{number}",
            object_name=f"web-{number}",
            before=100,
            after=number,
        )
    text = shown(viewer.get("/console/cn-test/activity"))
    for word in ("alice", "REST API", "Server weight changed", "web-24", "25 entries"):
        assert word in text
    assert "web-0<" not in text
    check_markup(text)
    found = shown(viewer.get("/console/cn-test/activity?field=object&q=bs-3"))
    assert "web-3" in found
    assert "web-4" not in found
    action = shown(viewer.get("/console/cn-test/activity?field=action&q=weight changed"))
    assert "25 entries" in action
    assert "Clear filter" in shown(viewer.get("/console/cn-test/activity?field=who&q=bob"))
    assert viewer.get("/console/cn-test/activity?q=%00").status_code == 200


def record(estate, action, before, after, **more):
    return Activity.objects.create(
        actor_name="alice",
        entrance=Entrance.CONSOLE,
        action=action,
        load_balancer_public_id=estate.load_balancer.public_id,
        object_type="server_group",
        object_id=estate.group.public_id,
        object_name="Default Server Group",
        before=before,
        after=after,
        **more,
    )


def entry(number, weight, port=None):
    server = {"server": f"i-{number}", "name": f"web-{number}", "address": f"10.1.0.{number}"}
    return server | {"port": port, "weight": weight}


def words_of(text):
    """Return what a screen reader reads of the change cells."""
    cells = text.split('data-label="Change">')[1:]
    return " ".join(re.sub(r"<[^>]+>", " ", " ".join(cells)).split())


def test_the_log_names_servers_with_their_weights_and_folds_the_rest(viewer, estate):
    record(estate, "servers.added", None, [entry(number, 100) for number in range(20)])
    text = shown(viewer.get("/console/cn-test/activity"))
    check_markup(text)
    words = words_of(text)
    for number in range(20):
        assert f"web-{number}: weight 100" in words
    assert "and 15 more" in words
    open_part, folded = text.split("<details", 1)
    assert "web-4:" in open_part
    assert "web-5:" not in open_part
    assert "web-19:" in folded
    assert "address" not in words


def test_the_log_stays_small_when_thousands_of_servers_were_replaced(viewer, estate):
    before = {"removed": [entry(1, 100)]}
    after = {"added": [entry(number, 1) for number in range(2, 2002)]}
    record(estate, "servers.replaced", before, after)
    text = shown(viewer.get("/console/cn-test/activity"))
    check_markup(text)
    words = words_of(text)
    assert "Servers replaced" in text
    assert "removed web-1: weight 100" in words
    assert "added web-2: weight 1" in words
    assert "and 1996 more" in words  # five stand open
    assert "1796 more, which the REST API lists" in words
    assert text.count("web-") < 300


def test_the_log_names_the_load_balancer_of_an_object(viewer, estate):
    record(estate, "servers.removed", [entry(1, 100, port=8080)], None)
    Activity.objects.update(action="ecs_instance.changed")
    text = shown(viewer.get("/console/cn-test/activity"))
    assert "ECS instance changed" in text
    assert "web-1: port 8080, weight 100" in words_of(text)
    link = f'<a href="{estate.load_balancer.get_absolute_url()}"'
    assert link in text.split('data-label="Object"')[1]
    Activity.objects.update(load_balancer_public_id="lb-gone")
    assert "lb-gone" in shown(viewer.get("/console/cn-test/activity"))


@pytest.mark.parametrize(
    ("action", "before", "after", "words"),
    [
        ("server.weight_changed", 100, 5, "weight: from 100 → to 5"),
        ("load_balancer.renamed", "a", "b", "name: from a → to b"),
        (
            "servers.weights_changed",
            [entry(1, 100)],
            [entry(1, 5)],
            "web-1: from weight 100 → to weight 5",
        ),
        (
            "idc_server.changed",
            {"note": "", "link": "x"},
            {"note": "rack 3", "link": "x"},
            "note: from empty → to rack 3",
        ),
        (
            "server_group.created",
            None,
            {"name": "blue", "servers": [entry(1, 60)]},
            "name: blue web-1: weight 60",
        ),
        (
            "listener.changed",
            {"idle_timeout_s": 15},
            {"idle_timeout_s": 30},
            "idle timeout (s): from 15 → to 30",
        ),
        (
            "load_balancer.deletion_protection_changed",
            False,
            True,
            "deletion protection: from off → to on",
        ),
    ],
)
def test_the_log_says_before_and_after_in_words(viewer, estate, action, before, after, words):
    record(estate, action, before, after)
    assert words_of(shown(viewer.get("/console/cn-test/activity"))).startswith(words)


def test_monitoring_says_when_there_is_nothing(viewer, page):
    """Section 2.17: no data, not a zero line."""
    text = shown(viewer.get(f"{page}/monitoring"))
    assert "No data in this range" in text
    assert "<path" not in text.split('id="monitoring"')[1]
    check_markup(text)


def measured(row, at, kind="load_balancer", **figures):
    Measurement.objects.create(
        kind=kind,
        subject_id=row.public_id,
        at=at,
        period_s=60,
        measured_s=60,
        figures=figures,
    )


def test_monitoring_draws_measured_figures(viewer, page, estate):
    now = timezone.now()
    for minute, value in enumerate([100, 240, 80]):
        measured(estate.load_balancer, now - timedelta(minutes=3 - minute), requests=value)
    text = shown(viewer.get(f"{page}/monitoring?range=6h"))
    assert "chart-line series-1" in text
    assert ">240<" in text
    listener = shown(viewer.get(f"{page}/monitoring?scope={estate.listener.public_id}"))
    assert "chart-line series-1" not in listener
    (table,) = re.findall(r'href="([^"]+)" download', text)
    rows = viewer.get(html.unescape(table)).content.decode().splitlines()
    (at, *_), *_ = (row.split(",") for row in rows if ",240.0," in row)
    assert at.endswith("Z")
    check_markup(text)


def test_monitoring_of_a_group_shows_what_is_measured_of_groups(viewer, page, estate):
    """Access lists and limits are no business of a group: there is no zero line for them."""
    at = timezone.now() - timedelta(minutes=3)
    measured(estate.group, at, kind="server_group", requests=37, failures=2)
    text = shown(viewer.get(f"{page}/monitoring?scope={estate.group.public_id}"))
    assert ">37<" in text
    assert "Failed attempts" in text
    assert "Turned away per second" not in text
    assert "Answered or closed by the proxy" not in text
    (table,) = re.findall(r'href="([^"]+)" download', text)
    assert viewer.get(html.unescape(table)).status_code == 200
    check_markup(text)


def test_monitoring_draws_the_average_response_time(viewer, page, estate):
    """Ten requests a second that took half a second together: 50 ms each."""
    at = timezone.now() - timedelta(minutes=2)
    measured(estate.load_balancer, at, time_s=0.5, timed=10)
    text = shown(viewer.get(f"{page}/monitoring"))
    chart = text.split("Average response time")[1].split("</section>")[0]
    assert "<strong>50 ms</strong>" in chart
    assert re.search(r'd="M[0-9.]+ [0-9.]+h4"', chart)  # the only figure is seen, too
    check_markup(text)


def test_scope_of_another_instance_shows_this_one(viewer, page, estate):
    other = estate.add_load_balancer("127.88.0.9")
    text = shown(viewer.get(f"{page}/monitoring?scope={other.public_id}&range=nonsense"))
    assert 'aria-current="true">1 hour' in text


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (0.3, 0.5), (1, 1), (1.5, 2), (49, 50), (51, 100), (413, 500)]
)
def test_axis_ends_at_a_round_figure(highest, top):
    assert nice_ceiling(highest) == pytest.approx(top)
