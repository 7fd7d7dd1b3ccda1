"""The frame of the console in a real browser: dialogs, menus, keyboard, themes, narrow windows."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Installation, wait_until
from tests.e2e.traffic import send

REGION = "cn-hangzhou"
SignIn = Callable[..., Page]

# Small type needs 4.5:1 (WCAG AA); disabled controls are exempt.
LOW_CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const known = new Map();
  const parse = (text) => {
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      known.set(text, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(text);
  };
  const linear = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return parse('#fff');
  };
  const exempt = '.visually-hidden, :disabled, [aria-disabled=true], option, .skip-link';
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest(exempt)) continue;
    if (!element.checkVisibility({visibilityProperty: true})) continue;
    const one = light(parse(getComputedStyle(element).color));
    const two = light(behind(element));
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.45) bad.push(`${node.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


@pytest.fixture
def console(login: SignIn) -> Iterator[Page]:
    """Return the list of instances, as operator; nothing may be written to the console by it."""
    page = login("operator")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and "Content Security Policy" in message.text
            else None
        ),
    )
    page.set_default_timeout(10_000)
    yield page
    assert complaints == []


def instance_of(page: Page, estate: Installation) -> str:
    found = estate.api("GET", "load-balancers?search=demo-web")["results"]
    return f"{estate.url}/console/{REGION}/instances/{found[0]['id']}"


def test_stop_asks_and_gives_the_focus_back(console: Page, estate: Installation):
    """Section 4.6, F13.1: the destructive dialog focuses Cancel; Esc closes it."""
    console.goto(instance_of(console, estate))
    opener = console.locator(".title-actions a", has_text="Stop")
    opener.click()
    expect(console.locator("dialog")).to_contain_text("stop answering on")
    expect(console.get_by_role("link", name="Cancel")).to_be_focused()
    console.keyboard.press("Escape")
    expect(console.locator("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_stop_and_start_reach_the_proxy(console: Page, estate: Installation):
    """A stopped instance answers nothing; a started one does; nothing is reloaded by hand."""
    console.goto(f"{estate.url}/console/{REGION}/instances/new")
    console.fill("[name=name]", "short-lived")
    console.get_by_role("button", name="Create").click()
    console.wait_for_url("**/instances/lb-*")
    instance = console.url
    address = console.locator(".details [data-copy^='127.']").get_attribute("data-copy") or ""
    estate_servers = estate.api("GET", "ecs-instances?search=web-1")["results"]
    found = estate.api("GET", f"load-balancers/{instance.rsplit('/', 1)[1]}")
    group = estate.api("GET", f"server-groups?load_balancer={found['id']}&kind=default")["results"]
    row = {"machine_type": "ecs", "machine_id": estate_servers[0]["id"], "weight": 100}
    estate.api("POST", f"server-groups/{group[0]['id']}/servers", {"servers": [row]})
    console.goto(f"{instance}/listeners/new")
    console.locator("label", has_text="HTTP").first.click()
    console.fill("[name=port]", "8080")
    console.fill("[name=backend_port]", "8080")
    console.get_by_role("button", name="Create").click()
    expect(console.locator(".toast")).to_contain_text("Listener HTTP: 8080 created")
    expect(console.locator("#apply-status")).to_contain_text("In force on 1 proxy")
    wait_until(lambda: not send(address, 8080, 3).failed, "the new listener serves")
    expect(console.locator("#listener-table")).to_contain_text("1 of 1 healthy")
    console.locator(".title-actions a", has_text="Stop").click()
    console.locator("dialog button", has_text="Stop").click()
    expect(console.locator("#instance-header")).to_contain_text("Inactive")
    wait_until(lambda: send(address, 8080, 1).failed, "the stopped instance is silent")
    console.get_by_role("button", name="Start").click()
    expect(console.locator("#instance-header")).not_to_contain_text("Inactive")
    wait_until(lambda: not send(address, 8080, 3).failed, "the started instance serves")
    console.goto(instance)
    console.locator("#release").click()
    release = console.locator("[data-confirm-button]")
    expect(release).to_have_attribute("aria-disabled", "true")
    console.fill("[data-typed-confirm]", "short-lived")
    release.click()
    console.wait_for_url("**/instances")
    expect(console.locator(".toast")).to_contain_text("short-lived released")


def test_menu_is_driven_by_keys(console: Page, estate: Installation):
    more = console.locator("[popovertarget^=menu-]").first
    more.focus()
    console.keyboard.press("ArrowDown")
    expect(console.locator("[role=menuitem]:focus")).to_have_count(1)
    console.keyboard.press("End")
    expect(console.locator("[role=menuitem]:focus")).to_contain_text("Release")
    console.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "false")


def test_tabs_change_without_a_page_load_and_back_shows_a_whole_page(
    console: Page, estate: Installation
):
    """Section 1.4: each tab has an address; back, reload and a copied link land on it."""
    console.goto(instance_of(console, estate))
    console.evaluate("window.mark = 1")
    console.get_by_role("link", name="Listeners", exact=True).click()
    console.wait_for_url("**/listeners")
    expect(console.locator(".tab[aria-current]")).to_have_text("Listeners")
    assert console.evaluate("window.mark") == 1
    console.go_back()
    expect(console.locator(".tab[aria-current]")).to_have_text("Instance Details")
    expect(console.locator(".topbar")).to_have_count(1)
    console.go_forward()
    expect(console.locator(".tab[aria-current]")).to_have_text("Listeners")


def test_unsaved_input_is_not_lost_unasked(console: Page, estate: Installation):
    console.goto(f"{instance_of(console, estate)}/listeners/new")
    console.fill("[name=port]", "99")
    console.locator(".sidenav-link").first.click()
    expect(console.locator("dialog")).to_contain_text("1 changed field is not saved")
    console.get_by_role("button", name="Keep editing").click()
    expect(console.locator("[name=port]")).to_have_value("99")
    console.locator(".sidenav-link").first.click()
    console.get_by_role("button", name="Discard").click()
    console.wait_for_url("**/instances")


def test_usual_times_of_checks_follow_the_protocol(console: Page, estate: Installation):
    """Section 2.4: interval 2 and timeout 5, for UDP 5 and 10; what was typed stays."""
    console.goto(f"{instance_of(console, estate)}/listeners/new")
    interval, timeout = (console.locator(f"[name=check_{it}_s]") for it in ("interval", "timeout"))

    def choose(protocol: str) -> None:
        console.get_by_role("radiogroup", name="Listener protocol").get_by_text(
            protocol, exact=True
        ).click()

    choose("UDP")
    expect(interval).to_have_value("5")
    expect(timeout).to_have_value("10")
    expect(console.locator("[data-detection]")).to_contain_text("after 40 s at most")
    timeout.fill("7")
    choose("HTTP")
    expect(interval).to_have_value("2")
    expect(timeout).to_have_value("7")


def test_open_lines_survive_a_refresh(console: Page, estate: Installation):
    """Section 1.7: polling swaps cells and disturbs nobody."""
    console.locator("summary.listener-line").first.click()
    with console.expect_response(lambda answer: answer.url.endswith("/instances")):
        pass
    expect(console.locator("#instance-table details").first).to_have_attribute("open", "")


def test_a_new_page_of_a_table_is_read_from_its_top(console: Page, estate: Installation):
    console.set_viewport_size({"width": 1440, "height": 400})
    console.goto(f"{estate.url}/console/{REGION}/activity?size=10")
    console.get_by_role("link", name="Next page").click()
    console.wait_for_url("**page=2**")
    table = console.locator("#activity-table table")
    expect(table).to_be_focused()
    expect(table.locator("thead")).to_be_in_viewport()
    expect(console.locator("#announcer-status")).to_contain_text("Page 2 of")


def test_only_vswitches_of_the_chosen_vpc_are_offered(console: Page, estate: Installation):
    console.goto(f"{estate.url}/console/{REGION}/instances/new")
    vpc, vswitch = console.get_by_label("VPC", exact=True), console.get_by_label("vSwitch")
    for name in ("production", "staging"):
        vpc.select_option(label=next(text for text in vpc.inner_text().split("\n") if name in text))
        offered = vswitch.locator("option:not([hidden])").all_inner_texts()[1:]
        assert offered
        assert all(name in text for text in offered), offered


def test_slash_searches_and_enter_opens_the_first_hit(console: Page, estate: Installation):
    console.keyboard.press("/")
    console.keyboard.type("demo-w")
    expect(console.locator("#search-hits")).to_contain_text("demo-web")
    console.keyboard.press("Enter")
    console.wait_for_url("**/instances/lb-*")


def test_theme_and_folded_navigation_are_remembered(console: Page, estate: Installation):
    console.locator("[popovertarget=user-menu]").click()
    with console.expect_response("**/console/preferences"):
        console.get_by_role("menuitemradio", name="Dark").click()
    with console.expect_response("**/console/preferences"):
        console.locator("[data-nav-fold]").click()
    console.reload()
    expect(console.locator("html")).to_have_attribute("data-theme", "dark")
    expect(console.locator("#shell")).to_contain_class("is-nav-folded")
    console.locator("[popovertarget=user-menu]").click()
    with console.expect_response("**/console/preferences"):
        console.get_by_role("menuitemradio", name="As the system").click()
    with console.expect_response("**/console/preferences"):
        console.locator("[data-nav-fold]").click()


PAGES = [
    "",
    "?q=nothing",
    "/new",
    "/{id}",
    "/{id}/listeners",
    "/{id}/listeners/new",
    "/{id}/vserver-groups",
    "/{id}/default-group",
    "/{id}/primary-secondary-groups",
    "/{id}/monitoring",
]


def addresses(page: Page, estate: Installation) -> Iterator[str]:
    instances, _, public_id = instance_of(page, estate).rpartition("/")
    for path in PAGES:
        yield instances + path.replace("{id}", public_id)
    yield f"{estate.url}/console/{REGION}/activity"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_can_be_read(console: Page, estate: Installation, theme: str):
    """Section 4.5: contrast 4.5:1 in both themes."""
    console.emulate_media(color_scheme=theme)
    found = []
    for address in addresses(console, estate):
        console.goto(address)
        found += [f"{address}: {text}" for text in console.evaluate(LOW_CONTRAST)]
    assert found == []


@pytest.mark.parametrize("width", [1024, 390, 320])
def test_every_page_fits_its_window(console: Page, estate: Installation, width: int):
    """Section 4.6: no sideways scrolling of the page down to 320 px."""
    console.set_viewport_size({"width": width, "height": 900})
    found = []
    for address in addresses(console, estate):
        console.goto(address)
        found.append((address, console.evaluate("document.documentElement.scrollWidth")))
    assert [each for each in found if each[1] > width] == []


def test_main_path_works_without_script(browser, estate: Installation):
    """Section 4.6: forms post and a full page returns."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    user = estate.credentials["users"]["operator"]
    page.goto(estate.url)
    page.fill("[name=username]", user["username"])
    page.fill("[name=password]", user["password"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="demo-web", exact=True).click()
    page.locator(".tab", has_text="Listeners").click()
    page.get_by_role("link", name="Add Listener").click()
    page.fill("[name=port]", "8099")
    page.fill("[name=backend_port]", "8080")
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".toast")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Listener TCP: 8099 created")
    row = page.locator("tr", has_text="8099")
    row.get_by_role("button", name="More").click()
    row.get_by_role("menuitem", name="Delete").click()
    page.locator("dialog button", has_text="Delete").click()
    expect(page.locator("#toasts")).to_contain_text("Listener TCP: 8099 deleted")
    context.close()
