"""Moments as answers write them."""

from datetime import UTC, datetime


def moment(at: datetime) -> str:
    """Return the time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(at: datetime) -> int:
    """Return the time in milliseconds since 1970."""
    return int(at.timestamp() * 1000)
