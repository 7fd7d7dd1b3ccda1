"""The broker as the frame sees it: its address as Celery spells it, a client that never hangs."""

from functools import cache
from urllib.parse import parse_qs, urlsplit

import redis
from django.conf import settings

ANSWER_TIMEOUT_S = 1.0
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


@cache
def broker_client() -> redis.Redis:
    """Return this process's client for heartbeats, leases and probes."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=ANSWER_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
    )
