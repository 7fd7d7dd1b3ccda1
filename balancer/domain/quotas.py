"""The limits in force, and the refusal when one would be passed."""

from collections.abc import Mapping

from balancer.constants import DEFAULT_LIMITS
from balancer.exceptions import QuotaExceeded

_limits = dict(DEFAULT_LIMITS)


def configure_limits(overrides: Mapping[str, int]) -> None:
    """Set the installation's own limits once, at start; unknown names raise KeyError."""
    for name, value in overrides.items():
        if name not in DEFAULT_LIMITS:
            raise KeyError(name)
        _limits[name] = value


def limit(name: str) -> int:
    """Return the limit with this name (see constants.DEFAULT_LIMITS)."""
    return _limits[name]


def check_quota(name: str, *, current: int, requested: int, what: str) -> None:
    """Raise QuotaExceeded when ``requested`` more of ``what`` would pass the limit."""
    allowed = limit(name)
    if current + requested > allowed:
        raise QuotaExceeded(
            "quota_exceeded",
            f"At most {allowed} {what}; there are {current}, {requested} more would be too many.",
            limit=allowed,
            current=current,
            requested=requested,
            quota=name,
        )
