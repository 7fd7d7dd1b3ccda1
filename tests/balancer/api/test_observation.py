"""What is observed, over REST: proxies against what is wanted, changes of health with evidence."""

from datetime import UTC, datetime, timedelta

import pytest

from balancer.models import HealthFlip, PublishHead
from balancer.selectors import publishing
from proxy.snapshot import AppliedSnapshot, ApplyReport, ListenerError, ListenerFault, Refusal
from tests.balancer.api.problems import fields_of

FLIPS = "/api/v1/health-flips/"


@pytest.fixture
def report(estate, monkeypatch):
    """Let one node have version 4 of 5 in force, refuse version 5, and lack a port."""
    balancer = estate.load_balancer.public_id
    PublishHead.objects.create(load_balancer_public_id=balancer, wanted=5, published=5)
    fault = ListenerFault(
        balancer, estate.listener.public_id, ListenerError.ADDRESS_IN_USE, "127.88.0.1:80"
    )
    said = ApplyReport(
        "n1",
        at=1.0,
        started_at=1.0,
        workers=2,
        applied={balancer: AppliedSnapshot(4, "hash")},
        refused={balancer: Refusal(5, "weight 200 not 0-100")},
        faults=(fault,),
        health={"3": "7.9"},
    )
    monkeypatch.setattr(publishing, "read_reports", lambda: [said])
    return said


def test_a_proxy_is_held_against_what_is_wanted(viewer, estate, report):
    (node,) = viewer.get("/api/v1/proxies/").json()["results"]
    balancer = estate.load_balancer.public_id
    assert (node["node"], node["workers"], node["applied"]) == ("n1", 2, {balancer: 4})
    assert node["behind"] == [{"load_balancer": balancer, "wanted": 5, "applied": 4}]
    assert node["refused"] == [
        {"load_balancer": balancer, "version": 5, "error": "weight 200 not 0-100"}
    ]
    assert node["health"] == {"3": "7.9"}
    (fault,) = node["faults"]
    assert (fault["listener"], fault["error"]) == (estate.listener.public_id, "address_in_use")
    assert "another program" in fault["reason"]
    assert "choose another port" in fault["hint"]


def test_a_load_balancer_tells_what_to_do_about_a_listener(viewer, estate, report):
    path = f"/api/v1/load-balancers/{estate.load_balancer.public_id}/publish-status/"
    told = viewer.get(path).json()
    assert (told["wanted"], told["published"], told["state"]) == (5, 5, "refused")
    assert told["nodes"] == [{"node": "n1", "version": 4, "error": "weight 200 not 0-100"}]
    (fault,) = told["faults"][estate.listener.public_id]
    assert (fault["error"], fault["detail"]) == ("address_in_use", "127.88.0.1:80")
    assert "choose another port" in fault["hint"]


@pytest.fixture
def flips(estate):
    """Let a server go down and up again, another one too, and the first at a port nobody uses."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    probes = [{"at": 1.0, "succeeded": False, "detail": "connection refused"}]
    a, b, _ = estate.servers
    rows = [
        (a.address, 8080, "healthy", "unhealthy", 0),
        (a.address, 8080, "unhealthy", "healthy", 1),
        (b.address, 8080, "healthy", "unhealthy", 2),
        (a.address, 99, "healthy", "unhealthy", 3),
    ]
    estate.listener.backend_port = 8080
    estate.listener.save()
    for address, port, before, after, minute in rows:
        HealthFlip.objects.create(
            probe_id="x",
            address=address,
            port=port,
            before=before,
            after=after,
            at=start + timedelta(minutes=minute),
            evidence=probes,
        )
    return probes


def test_changes_of_health_come_with_the_probes_that_caused_them(viewer, estate, flips):
    a, b, _ = estate.servers
    rows = viewer.get(f"{FLIPS}?server={a.public_id}").json()["results"]
    assert [(row["before"], row["after"]) for row in rows] == [
        ("unhealthy", "healthy"),
        ("healthy", "unhealthy"),
    ]
    assert {(row["address"], row["port"]) for row in rows} == {(a.address, 8080)}
    assert rows[0]["evidence"] == flips
    count = lambda query: viewer.get(f"{FLIPS}?{query}").json()["count"]  # noqa: E731
    assert count(f"address={b.address}") == 1
    assert count("port=99") == 1
    assert count("after=healthy") == 1
    assert count("since=2026-01-01T00:01:00Z&until=2026-01-01T00:03:00Z") == 2
    assert count("server=bs-none") == 0
    newest_last = viewer.get(f"{FLIPS}?ordering=at").json()["results"]
    assert newest_last[-1]["port"] == 99


@pytest.mark.parametrize("query", ["addres=1.2.3.4", "address=x", "port=0", "since=x", "after=ill"])
def test_wrong_parameters_are_refused(viewer, estate, query):
    answer = viewer.get(f"{FLIPS}?{query}")
    assert fields_of(answer).keys() == {query.partition("=")[0]}
