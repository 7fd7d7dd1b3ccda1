"""The API page and the admin in a real browser: the strict policy stops nothing they need."""

import json
import urllib.error
from collections.abc import Callable

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.e2e.conftest import Installation

SignIn = Callable[..., Page]


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Return what the browser will have complained of; scripts and styles it blocked, above all."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            said.append(f"{message.location['url']}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_the_api_page_lists_the_calls_and_makes_one(
    login: SignIn, estate: Installation, complaints: list[str]
):
    page = login("operator")
    page.goto(f"{estate.url}/api/docs/")
    call = page.locator(".opblock", has_text="/api/v1/me").first
    expect(call).to_be_visible()
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table")).to_contain_text('"username": "operator"')
    assert complaints == []


def test_a_change_from_the_api_page_carries_the_csrf_token(
    login: SignIn, estate: Installation, complaints: list[str]
):
    page = login("operator")
    page.goto(f"{estate.url}/api/docs/")
    call = page.locator("#operations-access-keys-access_keys_create")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.locator("textarea").fill("{}")
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table tbody .response-col_status").first).to_contain_text(
        "201"
    )
    assert complaints == []


def test_a_body_over_the_limit_is_refused_and_not_cut_off(estate: Installation):
    """The refusal arrives although the client is still sending (413, not a reset)."""
    with pytest.raises(urllib.error.HTTPError) as refusal:
        estate.api("POST", "load-balancers/", {"name": "a" * 6_000_000}, role="operator")
    with refusal.value as answer:
        assert (answer.status, json.load(answer)["code"]) == (413, "body_too_large")


def test_the_admin_works_under_the_strict_policy(
    login: SignIn, estate: Installation, complaints: list[str]
):
    page = login("operator")
    page.goto(f"{estate.url}/admin/balancer/loadbalancer/")
    page.get_by_role("link", name="demo-web").click()
    expect(page.locator("#content")).to_contain_text("Change load balancer")
    page.goto(f"{estate.url}/admin/balancer/backendserver/add/")
    # An autocomplete is all script: it opens, searches and chooses.
    page.locator(".field-group .select2-selection").click()
    page.locator(".select2-search__field").fill("Default")
    page.locator(".select2-results__option", has_text="Default Server Group").first.click()
    expect(page.locator(".field-group .select2-selection")).to_contain_text("Default Server Group")
    assert complaints == []
