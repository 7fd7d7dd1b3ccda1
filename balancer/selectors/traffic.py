"""What the proxies say of the present: which group has its turn."""

from collections.abc import Iterable

from balancer.feed import FeedUnavailable, read_counters
from balancer.models import Listener


def list_failed_over(listeners: Iterable[Listener]) -> frozenset[str]:
    """Return the ids of those whose secondary group serves on some proxy node now."""
    wanted = {each.public_id for each in listeners if each.failover_enabled and each.is_running}
    if not wanted:
        return frozenset()
    try:
        nodes = read_counters().values()
    except FeedUnavailable:
        return frozenset()
    return frozenset(
        listener
        for counted in nodes
        for listener, numbers in counted.get("listeners", {}).items()
        if listener in wanted and numbers.get("failed_over")
    )
