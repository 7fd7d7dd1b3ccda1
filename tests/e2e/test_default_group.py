"""F1, F3, F4 and F9 through a real browser, and then real responses counted through the proxy."""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Installation, wait_until
from tests.e2e.traffic import send

PORT = 8080
_numbers = itertools.count(1)


class Instance:
    """A load balancer of its own for one test, with a running HTTP listener."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.name = f"e2e-{next(_numbers)}"
        self.made = installation.api(
            "POST",
            "load-balancers/",
            {
                "region": "cn-hangzhou",
                "name": self.name,
                "vpc": "vpc-demo-hangzhou",
                "specification": "slb.s2.small",
            },
        )
        self.listener = installation.api(
            "POST",
            "listeners/",
            {
                "load_balancer": self.made["id"],
                "protocol": "http",
                "port": PORT,
                "backend_port": PORT,
                "check_interval_s": 1,
                "check_healthy_threshold": 2,
                "start": True,
            },
        )
        self.url = f"{installation.url}/console/cn-hangzhou/instances/{self.made['id']}"
        self.tab = f"{self.url}/default-group"

    def servers(self) -> dict[str, dict[str, Any]]:
        """Return the default group's servers by name."""
        query = f"load_balancer={self.made['id']}&kind=default"
        rows = self.installation.api("GET", f"backend-servers/?{query}")["results"]
        return {row["name"]: row for row in rows}

    def weights(self) -> dict[str, int]:
        """Return the stored weights by name."""
        return {name: row["weight"] for name, row in self.servers().items()}

    def add(self, **weights: int) -> None:
        """Put machines of the demo into the default group: web_1=50."""
        found = self.installation.api("GET", "ecs-instances/?page_size=100")["results"]
        ids = {row["name"]: row["id"] for row in found}
        (group,) = self.installation.api(
            "GET", f"server-groups/?load_balancer={self.made['id']}&kind=default"
        )["results"]
        rows = [
            {
                "machine_type": "ecs",
                "machine_id": ids[name.replace("_", "-")],
                "weight": weight,
            }
            for name, weight in weights.items()
        ]
        self.installation.api("POST", f"server-groups/{group['id']}/servers/", {"servers": rows})

    def shares(self, count: int = 200) -> dict[str, float]:
        """Return each server's share of that many requests, none of which may fail."""
        ledger = send(self.made["address"], PORT, count)
        assert not ledger.failed, ledger.failed[:3]
        return ledger.shares()

    def answers_with(self, *names: str) -> bool:
        """Tell whether exactly these servers answer now."""
        ledger = send(self.made["address"], PORT, 20)
        return not ledger.failed and set(ledger.shares()) == set(names)


@pytest.fixture
def instance(estate: Installation) -> Iterator[Instance]:
    made = Instance(estate)
    yield made
    estate.api("DELETE", f"load-balancers/{made.made['id']}/")


@pytest.fixture
def console(
    login: Callable[..., Page], instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Page]:
    """Return a signed-in page on the tab; no script may fail on it."""
    page = login()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: problems.append(said.text) if "Content Security" in said.text else None,
    )
    page.goto(instance.tab)
    yield page
    assert problems == []


def row(page: Page, name: str) -> Any:
    return page.locator("#server-table tr[data-server-row]").filter(has_text=name)


def tick(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_label(re.compile(rf"^Select {name} \(")).check()


def toast(page: Page, text: str) -> Any:
    return page.locator("#toasts .toast").filter(has_text=text)


def open_weight(page: Page, name: str) -> None:
    row(page, name).get_by_role("button", name="Edit weight").click()
    expect(page.locator(".weight-popover:popover-open [data-weight-input]")).to_be_focused()


def open_step_two(page: Page, *names: str) -> None:
    page.click("#add-servers")
    tick(page, *names)
    page.click("#panel-next")
    expect(page.locator("#server-rows")).to_be_visible()


# --- F1 ------------------------------------------------------------------------------------------


def test_f1_add_servers_and_count_what_they_answer(console: Page, instance: Instance) -> None:
    page = console
    expect(page.locator("#server-table")).to_contain_text("No servers yet")
    page.click("#add-servers")
    panel = page.get_by_role("dialog", name="My Servers")
    expect(panel).to_be_visible()
    following = page.locator("#panel-next")
    expect(following).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#selection-count")).to_have_text("You have selected 0 servers.")
    tick(page, "web-1", "web-2")
    expect(page.locator("#selection-count")).to_have_text("You have selected 2 servers.")
    expect(following).not_to_have_attribute("aria-disabled", "true")
    page.get_by_label(re.compile(r"^Select web-1 \(")).uncheck()
    page.get_by_label(re.compile(r"^Select web-2 \(")).uncheck()
    expect(following).to_have_attribute("aria-disabled", "true")
    tick(page, "web-1", "web-2")
    following.click()
    expect(page.locator(".step.is-done")).to_contain_text("Select Servers")
    expect(page.locator("#weight-0")).to_have_value("100")
    expect(page.locator("#weight-1")).to_have_value("100")
    expect(page.locator("input[data-column=port]")).to_have_count(0)
    page.fill("#weight-0", "80")
    page.click("#replicate-weight-0-button")
    page.get_by_role("menuitem", name="Replicate to Below").click()
    expect(page.locator("#weight-1")).to_have_value("80")
    page.click("#panel-add")
    expect(panel).to_be_hidden()
    expect(toast(page, "2 servers added")).to_be_visible()
    for name in ("web-1", "web-2"):
        expect(row(page, name).locator("[data-weight-text]")).to_have_text("80")
    assert page.url == instance.tab
    page.reload()
    assert instance.weights() == {"web-1": 80, "web-2": 80}
    expect(row(page, "web-1")).to_contain_text("Normal", timeout=60_000)
    wait_until(lambda: instance.answers_with("web-1", "web-2"), "both answer")
    # C2: two servers of the same weight share equally.
    assert instance.shares() == pytest.approx({"web-1": 50, "web-2": 50}, abs=1)


def test_e1_11_escape_asks_only_when_something_would_be_lost(
    console: Page, instance: Instance
) -> None:
    page = console
    page.click("#add-servers")
    expect(page.locator("#candidate-search")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_have_count(0)
    expect(page.locator("#add-servers")).to_be_focused()
    open_step_two(page, "web-1")
    page.fill("#weight-0", "5")
    page.keyboard.press("Escape")
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("Discard changes?")
    question.get_by_role("button", name="Keep editing").click()
    expect(page.locator("#weight-0")).to_have_value("5")
    page.keyboard.press("Escape")
    question.get_by_role("button", name="Discard").click()
    expect(page.locator(".panel")).to_have_count(0)
    assert instance.weights() == {}


@pytest.mark.parametrize("step", ["select", "configure"])
def test_e1_11_ticked_servers_are_not_lost_unasked(
    console: Page, instance: Instance, step: str
) -> None:
    page = console
    if step == "configure":
        open_step_two(page, "web-1", "web-2")
    else:
        page.click("#add-servers")
        tick(page, "web-1", "web-2")
    page.keyboard.press("Escape")
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("2 selected servers are not added.")
    question.get_by_role("button", name="Keep editing").click()
    expect(page.locator(".panel")).to_be_visible()


def test_e1_11_a_refusal_is_no_new_baseline(
    console: Page, instance: Instance, estate: Installation
) -> None:
    page = console
    open_step_two(page, "web-1")
    page.fill("#weight-0", "33")
    instance.add(web_1=5)
    page.click("#panel-add")
    expect(page.locator("[data-row-error]")).to_be_visible()
    page.keyboard.press("Escape")
    question = page.get_by_role("alertdialog")
    expect(question).to_contain_text("1 selected server is not added, 1 changed field is not saved")


def test_back_after_add_leaves_the_panel_behind(console: Page, instance: Instance) -> None:
    """The steps of a finished panel are not in the history: Back once goes to the page before."""
    page = console
    page.goto(instance.tab.replace("/default-group", "/listeners"))
    page.goto(f"{instance.tab}?panel=servers&step=select")
    tick(page, "web-1")
    page.click("#panel-next")
    spent = re.compile(r"step=configure&draft=")
    page.wait_for_url(spent)
    address = page.url
    page.go_back()
    expect(page.get_by_label(re.compile(r"^Select web-1 \("))).to_be_checked()
    page.go_forward()
    expect(page.locator("#server-rows")).to_be_visible()
    page.click("#panel-add")
    expect(toast(page, "1 server added")).to_be_visible()
    page.wait_for_url(instance.tab)
    page.go_back()
    page.wait_for_url("**/listeners")
    page.goto(address)
    assert page.url == instance.tab
    expect(toast(page, "This panel is finished")).to_be_visible()


def test_e1_12_a_double_click_adds_once(console: Page, instance: Instance) -> None:
    page = console
    open_step_two(page, "web-1")
    adds: list[str] = []
    page.on(
        "request",
        lambda sent: (
            adds.append(sent.url)
            if sent.method == "POST" and 'add"' in f'{sent.post_data or ""}"'.replace("&", '"')
            else None
        ),
    )
    page.locator("#panel-add").dblclick()
    expect(toast(page, "1 server added")).to_be_visible()
    assert len([url for url in adds if url.endswith("/panel")]) == 1
    assert instance.weights() == {"web-1": 100}


def test_e1_13_after_a_lost_session_the_panel_is_as_it_was(
    console: Page, instance: Instance, estate: Installation
) -> None:
    page = console
    open_step_two(page, "web-1", "web-2")
    with page.expect_response(lambda answer: answer.url.endswith("/panel")):
        page.fill("#weight-1", "33")
        page.locator("#weight-1").blur()
    page.context.clear_cookies(name=re.compile("session"))
    page.click("#panel-previous")
    page.wait_for_url("**/login/**")
    user = estate.credentials["users"]["admin"]
    page.fill("input[name=username]", user["username"])
    page.fill("input[name=password]", user["password"])
    page.press("input[name=password]", "Enter")
    expect(page.locator("#weight-1")).to_have_value("33")
    page.click("#panel-add")
    expect(toast(page, "2 servers added")).to_be_visible()
    assert instance.weights() == {"web-1": 100, "web-2": 33}


def test_the_selection_survives_search_and_steps(console: Page, instance: Instance) -> None:
    page = console
    page.click("#add-servers")
    tick(page, "web-1")
    page.fill("#candidate-search", "api")
    expect(page.locator("#candidate-list")).not_to_contain_text("web-1")
    tick(page, "api-1")
    expect(page.locator("#selection-count")).to_have_text("You have selected 2 servers.")
    page.fill("#candidate-search", "")
    expect(page.get_by_label(re.compile(r"^Select web-1 \("))).to_be_checked()
    page.click("#panel-next")
    expect(page.locator("tr[data-row]")).to_have_count(2)
    page.click("#panel-previous")
    expect(page.locator("#selection-count")).to_have_text("You have selected 2 servers.")


def test_e1_7_a_server_that_stops_meanwhile_is_named_and_input_stays(
    console: Page, instance: Instance, estate: Installation
) -> None:
    page = console
    open_step_two(page, "web-1", "web-canary-1")
    page.fill("#weight-0", "7")
    found = estate.api("GET", "ecs-instances/?page_size=100")["results"]
    (canary,) = (each for each in found if each["name"] == "web-canary-1")
    estate.api("PATCH", f"ecs-instances/{canary['id']}/", {"power_state": "stopped"})
    try:
        page.click("#panel-add")
        expect(page.locator("[data-row-error]")).to_contain_text("web-canary-1 is not running")
        expect(page.locator("#weight-0")).to_have_value("7")
        assert instance.weights() == {}
        page.get_by_role("button", name="Drop it").click()
        page.click("#panel-add")
        expect(toast(page, "1 server added")).to_be_visible()
    finally:
        estate.api("PATCH", f"ecs-instances/{canary['id']}/", {"power_state": "running"})
    assert instance.weights() == {"web-1": 7}


# --- F3 ------------------------------------------------------------------------------------------


def test_f3_weight_by_pencil_keyboard_and_undo(console: Page, instance: Instance) -> None:
    page = console
    instance.add(web_1=100, web_2=100)
    page.reload()
    pencil = row(page, "web-1").get_by_role("button", name="Edit weight of web-1, now 100")
    pencil.focus()
    page.keyboard.press("Enter")
    field = page.get_by_label("Weight of web-1", exact=True).locator("visible=true").last
    expect(field).to_be_focused()
    page.keyboard.type("150")
    page.keyboard.press("Enter")
    expect(page.locator("[data-weight-error]")).to_contain_text("whole number from 0 to 100")
    page.keyboard.press("Escape")
    expect(page.locator(".weight-popover:popover-open")).to_have_count(0)
    expect(row(page, "web-1").locator("[data-weight-text]")).to_have_text("100")
    pencil.click()
    field.fill("100")
    page.keyboard.press("Shift+ArrowDown")
    expect(field).to_have_value("90")
    field.fill("50")
    expect(row(page, "web-2").locator(".share-value")).to_have_text(re.compile("66.7 %|0 %"))
    page.keyboard.press("Enter")
    expect(row(page, "web-1").locator("[data-weight-text]")).to_have_text("50")
    expect(page.locator("[id^=pencil-]:focus")).to_have_count(1)
    assert instance.weights()["web-1"] == 50
    wait_until(lambda: instance.answers_with("web-1", "web-2"), "both answer", within_s=60)
    assert instance.shares(300) == pytest.approx({"web-1": 33.3, "web-2": 66.7}, abs=1)
    toast(page, "Weight of web-1: 100 → 50").get_by_role("button", name="Undo").click()
    expect(row(page, "web-1").locator("[data-weight-text]")).to_have_text("100")
    assert instance.weights()["web-1"] == 100


def test_f3_4_conflict_in_the_popover(
    console: Page, instance: Instance, estate: Installation
) -> None:
    page = console
    instance.add(web_1=100, web_2=100)
    page.reload()
    open_weight(page, "web-1")
    page.keyboard.type("50")
    server = instance.servers()["web-1"]
    estate.api("PATCH", f"backend-servers/{server['id']}/", {"weight": 70})
    page.keyboard.press("Enter")
    popover = page.locator(".weight-popover:popover-open")
    expect(popover).to_contain_text("Somebody set it to 70 meanwhile. Yours is 50.")
    popover.get_by_role("link", name="Keep 70").click()
    expect(row(page, "web-1").locator("[data-weight-text]")).to_have_text("70")
    open_weight(page, "web-1")
    page.keyboard.type("40")
    estate.api("PATCH", f"backend-servers/{server['id']}/", {"weight": 20})
    page.keyboard.press("Enter")
    popover.get_by_role("button", name="Set 40").click()
    expect(row(page, "web-1").locator("[data-weight-text]")).to_have_text("40")
    assert instance.weights()["web-1"] == 40


def test_f3_5_removed_meanwhile(console: Page, instance: Instance, estate: Installation) -> None:
    page = console
    instance.add(web_1=100, web_2=100)
    page.reload()
    open_weight(page, "web-1")
    page.keyboard.type("50")
    estate.api("DELETE", f"backend-servers/{instance.servers()['web-1']['id']}/")
    page.keyboard.press("Enter")
    popover = page.locator(".weight-popover:popover-open")
    expect(popover).to_contain_text("No longer in this group")
    popover.get_by_role("link", name="Close").click()
    expect(row(page, "web-1")).to_have_count(0)


# --- F4 ------------------------------------------------------------------------------------------


def test_f4_remove_one_then_the_last(console: Page, instance: Instance) -> None:
    page = console
    instance.add(web_1=100, web_2=100)
    page.reload()
    wait_until(lambda: instance.answers_with("web-1", "web-2"), "both answer", within_s=60)
    row(page, "web-1").get_by_role("link", name="Remove").click()
    dialog = page.get_by_role("dialog", name="Remove web-1 from the default group?")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert set(instance.weights()) == {"web-1", "web-2"}
    row(page, "web-1").get_by_role("link", name="Remove").click()
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(toast(page, "web-1 removed")).to_be_visible()
    expect(row(page, "web-1")).to_have_count(0)
    expect(row(page, "web-2").locator(".share-value")).to_have_text("100 %")
    wait_until(lambda: instance.answers_with("web-2"), "only web-2 answers", within_s=60)
    row(page, "web-2").get_by_role("link", name="Remove").click()
    strong = page.get_by_role("dialog", name="Remove the last server?")
    expect(strong).to_contain_text(f"HTTP: {PORT}")
    danger = strong.get_by_role("button", name="Remove anyway")
    expect(danger).to_have_attribute("aria-disabled", "true")
    strong.get_by_role("textbox").fill("web-2")
    expect(danger).not_to_have_attribute("aria-disabled", "true")
    danger.click()
    expect(page.locator("#server-table")).to_contain_text("No servers yet")
    page.goto(f"{instance.url}/listeners")
    expect(page.locator("#listener-table")).to_contain_text(re.compile("Abnormal|0 of 0"))
    wait_until(lambda: bool(send(instance.made["address"], PORT, 1).failed), "it answers 503")


def test_4_6_after_a_removal_the_focus_is_on_the_next_server(
    console: Page, instance: Instance
) -> None:
    page = console
    instance.add(web_1=50, web_2=50, api_1=50)
    page.reload()

    def remove(name: str) -> None:
        row(page, name).get_by_role("link", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
        expect(row(page, name)).to_have_count(0)

    remove("web-2")
    expect(row(page, "api-1").get_by_role("link", name="Remove")).to_be_focused()
    remove("api-1")
    expect(row(page, "web-1").get_by_role("link", name="Remove")).to_be_focused()
    row(page, "web-1").get_by_role("link", name="Remove").click()
    page.get_by_label("Type web-1 to confirm").fill("web-1")
    page.get_by_role("button", name="Remove anyway").click()
    expect(page.get_by_text("No servers yet")).to_be_visible()
    expect(page.locator("#add-servers")).to_be_focused()


def test_4_6_after_a_bulk_removal_the_focus_is_on_add(console: Page, instance: Instance) -> None:
    page = console
    instance.add(web_1=50, web_2=50, api_1=50)
    page.reload()
    tick(page, "web-1", "web-2")
    page.click("#bulk-remove")
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("[data-server-row]")).to_have_count(1)
    expect(page.locator("#add-servers")).to_be_focused()


def test_long_names_wrap_in_the_strong_dialog(console: Page, instance: Instance) -> None:
    page = console
    instance.add(web_1=50)
    path = f"listeners/{instance.listener['id']}/"
    instance.installation.api("PATCH", path, {"name": "n" * 80})
    page.reload()
    row(page, "web-1").get_by_role("link", name="Remove").click()
    dialog = page.locator("#remove-dialog")
    expect(dialog).to_contain_text("n" * 80)
    assert dialog.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_a_refusal_goes_when_its_input_changes(console: Page, instance: Instance) -> None:
    page = console
    instance.add(web_1=50, web_2=50)
    page.reload()
    tick(page, "web-1", "web-2")
    page.click("#bulk-weights")
    dialog = page.get_by_role("dialog", name="Edit weights of 2 servers")
    dialog.get_by_label("Weight", exact=True).fill("-1")
    dialog.get_by_role("button", name="OK").click()
    expect(page.locator("#bulk-value-error")).to_be_visible()
    page.get_by_label("Change").select_option("even")
    expect(page.locator("#bulk-value-error")).to_have_count(0)
    page.keyboard.press("Escape")
    page.click("#add-idc-servers")
    address = page.get_by_label("IP address")
    page.get_by_label("Name", exact=True).fill("dc-1")
    address.fill("::1")
    page.click("#panel-add")
    expect(address).to_have_attribute("aria-invalid", "true")
    address.fill("192.0.2.1")
    expect(address).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator(".idc-rows .field-error")).to_have_count(0)


def test_f4_removal_is_undone(console: Page, instance: Instance) -> None:
    page = console
    instance.add(web_1=30, web_2=100)
    page.reload()
    row(page, "web-1").get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove", exact=True).last.click()
    toast(page, "web-1 removed").get_by_role("button", name="Undo").click()
    expect(row(page, "web-1").locator("[data-weight-text]")).to_have_text("30")
    assert instance.weights() == {"web-1": 30, "web-2": 100}


def test_bulk_weights_and_bulk_removal(console: Page, instance: Instance) -> None:
    page = console
    instance.add(web_1=30, web_2=100, web_3=10)
    page.reload()
    expect(page.locator("#bulk-form")).to_be_hidden()
    tick(page, "web-1", "web-2")
    expect(page.locator("#bulk-form")).to_contain_text("2 selected")
    page.click("#bulk-weights")
    dialog = page.get_by_role("dialog", name="Edit weights")
    dialog.get_by_label("Weight", exact=True).fill("45")
    expect(dialog.locator("[data-plan-row]").first).to_contain_text("30 → 45")
    dialog.get_by_role("button", name="OK").click()
    expect(row(page, "web-2").locator("[data-weight-text]")).to_have_text("45")
    assert instance.weights() == {"web-1": 45, "web-2": 45, "web-3": 10}
    page.click("#bulk-remove")
    page.get_by_role("dialog", name="Remove 2 servers?").get_by_role(
        "button", name="Remove", exact=True
    ).click()
    expect(page.locator("tr[data-server-row]")).to_have_count(1)
    assert set(instance.weights()) == {"web-3"}


# --- F9, IDC, live table, no script --------------------------------------------------------------


def test_f9_an_interface_address_serves(console: Page, instance: Instance) -> None:
    page = console
    page.click("#add-servers")
    page.locator("#switch-advanced").check()
    expect(page.get_by_label("Backend Server Type")).to_be_visible()
    page.get_by_role("button", name="Network interfaces of web-5").click()
    page.locator("tr.row-sub", has_text="Secondary").locator("visible=true").get_by_role(
        "checkbox"
    ).first.check()
    expect(page.locator("#selection-count")).to_have_text("You have selected 1 server.")
    page.click("#panel-next")
    page.click("#panel-add")
    expect(toast(page, "1 server added")).to_be_visible()
    added = page.locator("tr[data-server-row]")
    expect(added).to_contain_text("ENI")
    expect(added).to_contain_text("Secondary address")
    wait_until(lambda: instance.answers_with("web-5"), "the interface answers", within_s=60)


def test_an_idc_server_is_typed_and_taken(console: Page, instance: Instance) -> None:
    page = console
    page.click("#add-idc-servers")
    page.get_by_label("Name", exact=True).fill("dc-e2e")
    page.get_by_label("IP address", exact=True).fill("192.168.77.1")
    page.click("[data-add-row]")
    page.get_by_label("Name", exact=True).nth(1).fill("dc-bad")
    page.get_by_label("IP address", exact=True).nth(1).fill("0.0.0.0")
    page.click("#panel-add")
    expect(page.locator(".field-error").filter(has_text="unspecified")).to_be_visible()
    page.locator("[data-delete]:visible").nth(1).click()
    page.get_by_role("button", name="Take idc-rack1-app-1").click()
    expect(page.locator("tr[data-row]")).to_have_count(2)
    page.click("#panel-add")
    expect(toast(page, "2 IDC servers added")).to_be_visible()
    assert set(instance.weights()) == {"dc-e2e", "idc-rack1-app-1"}
    wait_until(lambda: instance.answers_with("idc-rack1-app-1"), "it answers", within_s=60)


def test_rows_of_others_appear_and_never_take_away_what_is_typed(
    console: Page, instance: Instance
) -> None:
    page = console
    instance.add(web_1=30)
    expect(row(page, "web-1")).to_have_count(1, timeout=60_000)
    open_weight(page, "web-1")
    page.keyboard.type("44")
    instance.add(web_2=30)
    for _ in range(2):
        with page.expect_response(lambda answer: "/live" in answer.url, timeout=60_000):
            pass
    field = page.locator(".weight-popover:popover-open [data-weight-input]")
    expect(field).to_have_value("44")
    page.keyboard.press("Escape")
    expect(row(page, "web-2")).to_have_count(1, timeout=60_000)


def test_without_script_everything_on_the_main_path_works(
    browser: Any, estate: Installation, instance: Instance
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    user = estate.credentials["users"]["operator"]
    page.goto(f"{estate.url}/login/")
    page.fill("input[name=username]", user["username"])
    page.fill("input[name=password]", user["password"])
    page.press("input[name=password]", "Enter")
    page.goto(instance.tab)
    page.click("#add-servers")
    tick(page, "web-1", "web-2")
    page.click("#panel-next", force=True)
    page.fill("#weight-0", "20")
    page.click("#replicate-weight-0-button")
    page.get_by_role("menuitem", name="Replicate to Below").click()
    expect(page.locator("#weight-1")).to_have_value("20")
    page.click("#panel-add")
    assert instance.weights() == {"web-1": 20, "web-2": 20}
    row(page, "web-1").get_by_role("button", name="Edit weight").click()
    page.locator(".weight-popover:popover-open [data-weight-input]").fill("150")
    page.keyboard.press("Enter")
    expect(page.locator("[data-weight-error]")).to_contain_text("0 to 100")
    page.locator("[data-weight-input]").fill("60")
    page.get_by_role("button", name="OK").click()
    assert instance.weights()["web-1"] == 60
    row(page, "web-1").get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    assert instance.weights() == {"web-2": 20}
    context.close()
