"""Tasks that keep each shard of the estate in the hands of one checker."""

import threading
from typing import Any

import structlog
from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.db.utils import Error as DatabaseError
from kombu.exceptions import OperationalError

from balancer.feed import FeedUnavailable, HealthStale
from balancer.health.checker import run_shard
from balancer.health.leases import LEASE_S, find_vacant_shards
from balancer.services.health import retire_shards

STOPPING = threading.Event()
"""Set when the worker is told to end: its checkers hand their shards over at once."""

log = structlog.get_logger(__name__)


@worker_shutting_down.connect
def end_turns(**_: Any) -> None:
    """Let a warm shutdown end within seconds instead of waiting for the turns."""
    STOPPING.set()


@shared_task
def assign_shards() -> None:
    """Offer each shard without a live owner to the workers."""
    try:
        vacant = find_vacant_shards(settings.OPENCLB_HEALTH_SHARDS)
        retire_shards(above=settings.OPENCLB_HEALTH_SHARDS)
    except (FeedUnavailable, DatabaseError, HealthStale) as error:
        log.warning("shards_not_assigned", reason=str(error))
        return
    for shard, lease in vacant.items():
        _send(shard, lease)


@shared_task
def check_shard(shard: int, instead_of: str = "") -> None:
    """Check the servers of one shard for a turn, then pass it on by queueing the next turn.

    Acknowledged early: if this worker dies, the lease runs out and the shard is offered again.
    """
    shards = settings.OPENCLB_HEALTH_SHARDS
    if shard >= shards or STOPPING.is_set():
        return
    token = run_shard(shard, shards=shards, instead_of=instead_of, stopping=STOPPING)
    if token:
        _send(shard, token)


def _send(shard: int, instead_of: str) -> None:
    """Queue a turn; one that no worker takes in time is void, for the lease has run out."""
    try:
        check_shard.apply_async((shard, instead_of), expires=LEASE_S, retry=False)
    except OperationalError as error:
        log.warning("shard_not_queued", shard=shard, reason=str(error))
