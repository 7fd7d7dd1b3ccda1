"""The table of servers in a browser, with every set of columns: F2 and rules R1-R16 (2.12, 4.6)."""

import pytest
from playwright.sync_api import expect

from console.forms.server_table import Column, PendingRow
from tests.e2e.table_page import draw, serve

WEIGHT, PORT, BOTH = (Column.WEIGHT,), (Column.PORT,), (Column.PORT, Column.WEIGHT)


@pytest.fixture
def show(page):
    """Return a function that opens a table and returns its page object."""
    opened, refused = [], []
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)

    def open_table(rows, columns, **options):
        context = serve(draw(rows, columns, **options))
        shown = context.__enter__()
        opened.append(context)
        page.goto(shown.url)
        expect(page.locator("[data-table-summary]")).not_to_be_empty()
        return shown

    yield open_table
    for context in opened:
        context.__exit__(None, None, None)
    assert refused == [], "no script error and nothing against the content security policy"


def values(page, column):
    return page.locator(f"input[data-column={column}]").evaluate_all("all => all.map(f => f.value)")


def weighted(*texts):
    return [PendingRow(name, "", text) for name, text in zip("ABCDEFGH", texts, strict=False)]


def copy(page, column, row, direction):
    page.click(f"#replicate-{column}-{row}-button")
    page.click(f"#replicate-{column}-{row} [data-replicate={direction}]")


def toast(page):
    return page.locator("#toasts .toast")


@pytest.mark.parametrize(
    ("direction", "row", "expected"),
    [
        pytest.param("above", 2, ["30", "30", "30"], id="F2.1"),
        pytest.param("below", 1, ["10", "20", "20"], id="F2.2"),
        pytest.param("all", 0, ["10", "10", "10"], id="F2.3"),
    ],
)
def test_replicate_weights(show, page, direction, row, expected):
    table = show(weighted("10", "20", "30"), WEIGHT)
    copy(page, "weight", row, direction)
    assert values(page, "weight") == expected
    expect(page.locator(f"#replicate-weight-{row}-button")).to_be_focused()
    assert table.sent == [], "R15: nothing is saved by a copy"


def test_f2_4_reset_empties_its_column_only(show, page):
    rows = [PendingRow(name, str(80 + at), "5") for at, name in enumerate("ABC")]
    show(rows, BOTH)
    page.click("[data-reset=weight]")
    assert values(page, "weight") == ["", "", ""]
    assert values(page, "port") == ["80", "81", "82"]
    expect(page.locator("[data-reset=weight]")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("[data-table-summary]")).to_contain_text("3 weights are empty.")


def test_f2_5_add_after_reset_marks_every_field_and_sends_nothing(show, page):
    table = show(weighted("10", "20", "30"), WEIGHT)
    page.click("[data-reset=weight]")
    page.click("[data-table-submit]")
    expect(page.locator("input[data-column=weight][aria-invalid=true]")).to_have_count(3)
    expect(page.locator("#weight-0")).to_be_focused()
    assert table.sent == []


def test_f2_6_equal_ports_of_a_server_block_until_undone(show, page):
    rows = [PendingRow("A", "80"), PendingRow("A", "8080"), PendingRow("B", "81")]
    table = show(rows, BOTH)
    copy(page, "port", 0, "all")
    assert values(page, "port") == ["80", "80", "80"]
    for row, invalid in ((0, "true"), (1, "true")):
        expect(page.locator(f"#port-{row}")).to_have_attribute("aria-invalid", invalid)
    expect(page.locator("#port-2")).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#port-1-error")).to_have_text("Same server and port")
    page.click("[data-table-submit]")
    assert table.sent == []
    toast(page).get_by_role("button", name="Undo").click()
    assert values(page, "port") == ["80", "8080", "81"]
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)
    page.click("[data-table-submit]")
    page.wait_for_url("**/sent")
    assert table.sent[0]["port"] == ["80", "8080", "81"]
    assert table.sent[0]["key"] == ["A", "A", "B"]


@pytest.mark.parametrize("bad", ["", "101", "abc"])
def test_f2_7_r11_a_bad_source_disables_the_items(show, page, bad):
    show(weighted(bad, "20", "30"), WEIGHT)
    page.click("#replicate-weight-0-button")
    items = page.locator("#replicate-weight-0 [role=menuitem]")
    expect(items).to_have_count(3)
    for at in range(3):
        expect(items.nth(at)).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#replicate-weight-0 .menu-note")).to_contain_text("Enter a valid weight")


def test_f2_8_by_keyboard_alone(show, page):
    show(weighted("10", "20", "30"), WEIGHT)
    page.focus("#weight-1")
    page.keyboard.press("Tab")
    expect(page.locator("#replicate-weight-1-button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#replicate-weight-1 [data-replicate=below]")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert values(page, "weight") == ["20", "20", "30"]
    expect(page.locator("#replicate-weight-1-button")).to_be_focused()
    expect(page.locator("#announcer-status")).to_have_text("1 row changed")


def test_f2_9_r9_hidden_rows_change_too_and_the_message_says_so(show, page):
    rows = [PendingRow(name, "80", "5") for name in ("web-1", "web-2", "api-1", "api-2")]
    show(rows, BOTH, has_search=True)
    page.fill("[data-table-search]", "web")
    expect(page.locator("tr[data-row]:visible")).to_have_count(2)
    page.fill("#port-0", "8080")
    copy(page, "port", 0, "all")
    assert values(page, "port") == ["8080"] * 4
    expect(toast(page)).to_contain_text("3 rows changed, 2 of them not visible")
    assert values(page, "weight") == ["5"] * 4, "R1"


def test_the_worked_example_of_2_12(show, page):
    rows = [
        PendingRow("A", "80", "100"),
        PendingRow("A", "8080", "20"),
        PendingRow("B", "80", "50"),
        PendingRow("C", "80", "0"),
    ]
    show(rows, BOTH)
    copy(page, "weight", 2, "below")
    assert values(page, "weight") == ["100", "20", "50", "50"]
    copy(page, "weight", 2, "above")
    assert values(page, "weight") == ["50", "50", "50", "50"]
    page.fill("#weight-1", "20")
    copy(page, "weight", 1, "all")
    assert values(page, "weight") == ["20"] * 4
    page.click("[data-reset=weight]")
    assert values(page, "weight") == [""] * 4
    assert values(page, "port") == ["80", "8080", "80", "80"]


def test_r10_a_copy_is_no_link(show, page):
    show(weighted("10", "20", "30"), WEIGHT)
    copy(page, "weight", 0, "all")
    page.fill("#weight-0", "99")
    assert values(page, "weight") == ["99", "10", "10"]


def test_r12_edges(show, page):
    show(weighted("10", "20"), WEIGHT)

    def disabled(row):
        page.click(f"#replicate-weight-{row}-button")
        items = page.locator(f"#replicate-weight-{row} [role=menuitem]")
        found = items.evaluate_all("all => all.map(i => i.getAttribute('aria-disabled'))")
        page.keyboard.press("Escape")
        return [each == "true" for each in found]

    assert disabled(0) == [False, True, False]
    assert disabled(1) == [True, False, False]
    page.click("tr[data-row]:nth-child(2) [data-delete]")
    assert disabled(0) == [True, True, True]


def test_r14_ctrl_z_takes_a_copy_and_a_reset_back_once(show, page):
    show(weighted("10", "20", "30"), WEIGHT)
    page.click("[data-reset=weight]")
    page.focus("#weight-1")
    page.keyboard.press("Control+z")
    assert values(page, "weight") == ["10", "20", "30"]
    page.keyboard.press("Control+d")
    assert values(page, "weight") == ["10", "20", "20"], "Ctrl+D is Replicate to Below"
    page.keyboard.press("Control+z")
    assert values(page, "weight") == ["10", "20", "30"]
    expect(toast(page)).to_have_count(0)


def test_enter_moves_in_the_column_and_never_sends(show, page):
    table = show(weighted("10", "20"), WEIGHT)
    page.focus("#weight-0")
    page.keyboard.press("Enter")
    expect(page.locator("#weight-1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#weight-1")).to_be_focused()
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#weight-0")).to_be_focused()
    assert table.sent == []
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    assert values(page, "weight")[0] == "21"


def test_the_menu_shows_rows_and_targets_before_it_acts(show, page):
    show(weighted("60", "20", "30"), WEIGHT)
    page.hover("#replicate-weight-0-button")
    expect(page.locator("#replicate-weight-0")).to_be_visible()
    page.hover("#replicate-weight-0 [data-replicate=below]")
    expect(page.locator("#replicate-weight-0 [data-replicate=below]")).to_contain_text("2 rows")
    expect(page.locator("input.is-target")).to_have_count(2)
    page.mouse.move(5, 5)
    expect(page.locator("#replicate-weight-0")).to_be_hidden()
    expect(page.locator("input.is-target")).to_have_count(0)


@pytest.mark.parametrize("bad", ["-1", "101", "1.5", "abc", "1e2", "\uff15\uff10"])
def test_e1_1_a_wrong_weight_is_marked_and_blocks(show, page, bad):
    table = show(weighted("100", "0"), WEIGHT)
    page.fill("#weight-1", bad)
    expect(page.locator("#weight-1")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#weight-1-error")).to_contain_text("whole number from 0 to 100")
    page.click("[data-table-submit]")
    expect(page.locator("#weight-1")).to_be_focused()
    assert table.sent == []
    page.fill("#weight-1", "0")
    expect(page.locator("#weight-1-error")).to_have_text("Receives no new requests")
    page.click("[data-table-submit]")
    page.wait_for_url("**/sent")


def test_f5_3_add_port_adds_a_row_without_identity(show, page):
    show([PendingRow("A", "80", "60"), PendingRow("B", "80", "50")], BOTH)
    page.click("[data-add-port] >> nth=0")
    expect(page.locator("tr[data-row]")).to_have_count(3)
    expect(page.locator("#port-1")).to_be_focused()
    assert values(page, "weight") == ["60", "100", "50"]
    new = page.locator("tr[data-row]").nth(1)
    expect(new.locator(".identity")).to_have_count(0)
    expect(new.get_by_role("button", name="Delete")).to_have_count(1)
    expect(new.locator("[data-add-port]")).to_have_count(0)
    expect(page.locator("#port-1")).to_have_attribute("placeholder", "e.g. 8080")
    page.keyboard.type("8080")
    copy(page, "weight", 1, "all")
    assert values(page, "weight") == ["100"] * 3, "R7: an added row counts"


def test_f5_7_delete_of_the_first_of_two_ports_asks_which(show, page):
    show([PendingRow("A", "80", "60"), PendingRow("A", "8080", "40"), PendingRow("B", "81")], BOTH)
    page.click("tr[data-row] >> nth=0 >> [data-delete]")
    page.get_by_role("menuitem", name="This port only").click()
    assert values(page, "port") == ["8080", "81"]
    assert values(page, "weight")[0] == "40"
    expect(page.locator("tr[data-row]").first.locator(".identity")).to_have_count(1)
    page.click("[data-add-port] >> nth=0")
    page.click("tr[data-row] >> nth=0 >> [data-delete]")
    page.get_by_role("menuitem", name="Server and all 2 ports").click()
    assert values(page, "port") == ["81"]
    page.click("[data-delete]:visible >> nth=0")
    expect(page.locator("[data-table-empty]")).to_be_visible()
    expect(page.locator("[data-table-submit]")).to_have_attribute("aria-disabled", "true")


def test_ports_alone_for_pairs(show, page):
    table = show([PendingRow("A"), PendingRow("B")], PORT)
    expect(page.locator("input[data-column=weight]")).to_have_count(0)
    page.fill("#port-0", "3306")
    copy(page, "port", 0, "below")
    page.click("[data-table-submit]")
    page.wait_for_url("**/sent")
    assert table.sent[0]["port"] == ["3306", "3306"]
    assert table.sent[0]["weight"] == ["100", "100"]
