"""How far a load balancer's latest change has come on its way to the proxies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from balancer.feed import FeedUnavailable, read_reports
from balancer.models import LoadBalancer, PublishHead
from proxy.snapshot import ApplyReport, ListenerFault


class ApplyState(StrEnum):
    """What can be said of all proxies together."""

    APPLIED = "applied"
    PENDING = "pending"
    REFUSED = "refused"
    NO_PROXY = "no_proxy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What one proxy node has in force; ``error`` says why it refused a later version."""

    node: str
    version: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class ApplyStatus:
    """Wanted against applied, with the reason where they differ."""

    wanted: int
    published: int
    state: ApplyState
    nodes: tuple[NodeStatus, ...] = ()
    faults: Mapping[str, tuple[ListenerFault, ...]] = field(default_factory=dict)


def list_reports() -> Sequence[ApplyReport] | None:
    """Return the live proxies' reports, None when the feed cannot be asked."""
    try:
        return read_reports()
    except FeedUnavailable:
        return None


def wanted_versions() -> Mapping[str, int]:
    """Return which version every load balancer that is there should be served at."""
    heads = PublishHead.objects.filter(deleted=False, wanted__gt=0)
    return dict(heads.values_list("load_balancer_public_id", "wanted"))


def get_apply_status(
    load_balancer: LoadBalancer, reports: Sequence[ApplyReport] | None = None
) -> ApplyStatus:
    """Return how far the load balancer's latest version is; never fails for want of the feed.

    Give ``reports`` (from ``list_reports``) when asking for several load balancers.
    """
    public_id = load_balancer.public_id
    head = PublishHead.objects.filter(load_balancer_public_id=public_id).first() or PublishHead()
    if reports is None:
        reports = list_reports()
    if reports is None:
        return ApplyStatus(head.wanted, head.published, ApplyState.UNKNOWN)
    nodes = tuple(_node_status(report, public_id) for report in reports)
    return ApplyStatus(
        wanted=head.wanted,
        published=head.published,
        state=_state(head.wanted, nodes, reports, public_id),
        nodes=nodes,
        faults=_faults(reports, public_id),
    )


def _node_status(report: ApplyReport, public_id: str) -> NodeStatus:
    applied, refused = report.applied.get(public_id), report.refused.get(public_id)
    version = applied.version if applied else 0
    is_refused = refused is not None and refused.version > version
    return NodeStatus(report.node, version, refused.error if refused and is_refused else "")


def _state(
    wanted: int, nodes: Sequence[NodeStatus], reports: Sequence[ApplyReport], public_id: str
) -> ApplyState:
    if not nodes:
        return ApplyState.NO_PROXY
    refusals = [report.refused.get(public_id) for report in reports]
    if any(refusal is not None and refusal.version >= wanted for refusal in refusals):
        return ApplyState.REFUSED
    is_everywhere = all(node.version >= wanted for node in nodes)
    return ApplyState.APPLIED if is_everywhere else ApplyState.PENDING


def _faults(
    reports: Sequence[ApplyReport], public_id: str
) -> Mapping[str, tuple[ListenerFault, ...]]:
    """Return the faults by listener, each distinct one once, however many nodes have it."""
    faults: dict[str, dict[ListenerFault, None]] = {}
    for report in reports:
        for fault in report.faults:
            if fault.load_balancer == public_id:
                faults.setdefault(fault.listener, {})[fault] = None
    return {listener: tuple(each) for listener, each in faults.items()}
