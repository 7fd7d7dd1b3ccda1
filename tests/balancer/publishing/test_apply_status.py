"""While wanted and applied differ, pages can say so (reliability 2.4)."""

import pytest

from balancer import feed
from balancer.models import PublishHead
from balancer.selectors.publishing import ApplyState, NodeStatus, get_apply_status
from proxy.snapshot import (
    AppliedSnapshot,
    ApplyReport,
    ListenerError,
    ListenerFault,
    Refusal,
    report_key,
)


@pytest.fixture
def head(estate):
    return PublishHead.objects.create(
        load_balancer_public_id=estate.load_balancer.public_id, wanted=5, published=5
    )


def a_report(estate, version: int, node: str = "n1", **more) -> ApplyReport:
    applied = {estate.load_balancer.public_id: AppliedSnapshot(version, "hash")}
    return ApplyReport(node, at=1.0, started_at=1.0, workers=1, applied=applied, **more)


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        pytest.param([], ApplyState.NO_PROXY, id="nobody-reports"),
        pytest.param([5], ApplyState.APPLIED, id="one-has-it"),
        pytest.param([5, 4], ApplyState.PENDING, id="one-is-behind"),
        pytest.param([5, 5], ApplyState.APPLIED, id="all-have-it"),
    ],
)
def test_state_follows_the_reports(estate, head, versions, expected):
    reports = [a_report(estate, each, f"n{at}") for at, each in enumerate(versions)]
    status = get_apply_status(estate.load_balancer, reports)
    assert (status.wanted, status.published, status.state) == (5, 5, expected)
    assert [node.version for node in status.nodes] == versions


def test_refusal_shows_its_reason_until_the_next_version(estate, head):
    refused = {estate.load_balancer.public_id: Refusal(5, "weight 200 not 0-100")}
    reports = [a_report(estate, 4, refused=refused)]
    status = get_apply_status(estate.load_balancer, reports)
    assert status.state is ApplyState.REFUSED
    assert status.nodes == (NodeStatus("n1", 4, "weight 200 not 0-100"),)
    PublishHead.objects.update(wanted=6)
    assert get_apply_status(estate.load_balancer, reports).state is ApplyState.PENDING


def test_listener_fault_is_shown_once_for_its_own_load_balancer(estate, head):
    fault = ListenerFault(
        estate.load_balancer.public_id, "lsn-1", ListenerError.ADDRESS_IN_USE, "127.88.0.1:80"
    )
    other = ListenerFault("lb-other", "lsn-2", ListenerError.NOT_PERMITTED, "port 80")
    reports = [a_report(estate, 5, node, faults=(fault, other)) for node in ("n1", "n2")]
    assert get_apply_status(estate.load_balancer, reports).faults == {"lsn-1": (fault,)}


def test_reports_are_read_from_the_feed(estate, head, broker):
    broker.client.set(report_key("n1"), a_report(estate, 5).to_json())
    assert get_apply_status(estate.load_balancer).state is ApplyState.APPLIED


def test_feed_that_is_away_is_unknown_and_no_error(estate, head, broker):
    broker.stop()
    with pytest.raises(feed.FeedUnavailable):
        feed.read_reports()
    assert get_apply_status(estate.load_balancer).state is ApplyState.UNKNOWN


def test_never_published_load_balancer_has_a_status(estate, broker):
    assert get_apply_status(estate.load_balancer).wanted == 0
