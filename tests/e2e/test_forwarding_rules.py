"""F11 through a real browser, and then real requests of two domains counted through the proxy."""

import http.client
import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Installation, wait_until
from tests.e2e.test_default_group import PORT, Instance


@pytest.fixture
def instance(estate: Installation) -> Iterator[Instance]:
    made = Instance(estate)
    yield made
    estate.api("DELETE", f"load-balancers/{made.made['id']}/")


def ask(instance: Instance, host: str, session: str = "") -> tuple[str, str, dict[str, str]]:
    """Return the server that answered, the session's cookie, and the fields the server got."""
    connection = http.client.HTTPConnection(instance.made["address"], PORT, timeout=60)
    cookies = f"a=1; {session}" if session else "a=1"
    connection.request("GET", "/", headers={"Host": host, "Cookie": cookies})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        return "", session, {}
    answer = json.loads(body)
    session = response.getheader("Set-Cookie", session).partition(";")[0]
    return answer["server_name"], session, dict(answer["headers"])


def answering(instance: Instance, host: str) -> set[str]:
    """Return who answers clients without cookies, "" for our own refusals."""
    return {ask(instance, host)[0] for _ in range(12)}


def add_group(estate: Installation, instance: Instance) -> None:
    """Make the VServer group that the rule sends to."""
    found = estate.api("GET", "ecs-instances/?page_size=100")["results"]
    ids = {row["name"]: row["id"] for row in found}
    servers = [
        {"machine_type": "ecs", "machine_id": ids[name], "port": PORT}
        for name in ("api-1", "api-2")
    ]
    values = {"load_balancer": instance.made["id"], "kind": "vserver", "name": "shop"}
    estate.api("POST", "server-groups/", values | {"servers": servers})


def test_f11_a_rule_sends_its_domain_to_its_group_and_sessions_stay(
    login: Callable[..., Page], estate: Installation, instance: Instance
) -> None:
    """S35 and slb-rpc-api.md 5.6: made in the console, seen in what real servers answer."""
    instance.add(web_1=100, web_2=100)
    add_group(estate, instance)
    page = login("operator")
    page.goto(f"{instance.url}/listeners")
    page.get_by_role("link", name="Add Forwarding Rules").click()
    page.get_by_role("link", name="Add Forwarding Rule").first.click()
    page.get_by_label("Rule name").fill("shop")
    page.get_by_label("Domain").fill("*.shop.example")
    page.get_by_label("VServer group").select_option(label="VServer group shop")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("cell", name="*.shop.example")).to_be_visible()
    page.get_by_label("URL to test").fill("http://www.shop.example/cart")
    page.get_by_role("button", name="Test the URL").click()
    expect(page.locator("#rule-answer")).to_contain_text("goes to the group shop")

    page.goto(f"{instance.url}/listeners/{instance.listener['id']}/edit")
    page.get_by_role("switch", name="Session persistence").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/listeners")

    expect(page.get_by_text("In force on 1 proxy")).to_be_visible()
    hosts = {"www.shop.example": {"api-1", "api-2"}, "other.example": {"web-1", "web-2"}}
    for host, names in hosts.items():
        wait_until(lambda: answering(instance, host) == names, f"{names} for {host}")  # noqa: B023
    for host in hosts:
        server, session, _ = ask(instance, host)
        assert session.startswith("SERVERID")
        for _ in range(12):
            again, session, fields = ask(instance, host, session)
            assert again == server
            assert fields["Cookie"] == "a=1"
