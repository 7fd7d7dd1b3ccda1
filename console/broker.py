"""The broker as the frame sees it: its address as Celery spells it, the keys of signs of life."""

from urllib.parse import parse_qs, urlsplit

HEARTBEAT_TTL_S = 10
BEAT_LEASE_KEY = "openclb:beat"
"""Held by the one active beat; its presence says that there is one."""


def heartbeat_key(queue: str) -> str:
    """Return the key that a worker of the queue refreshes while it takes tasks from it."""
    return f"openclb:heartbeat:{queue}"


def celery_broker_url(redis_url: str) -> str:
    """Return the broker URL as Celery wants it; it has its own scheme and query for sockets."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"
