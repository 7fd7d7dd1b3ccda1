"""The task that proves the way from beat over the broker to a worker: it leaves a heartbeat."""

import time

from celery import shared_task

from balancer import feed
from console.broker import HEARTBEAT_TTL_S, heartbeat_key


@shared_task
def record_heartbeat(queue: str) -> None:
    """Say that tasks of the queue are being taken."""
    feed.client().set(heartbeat_key(queue), f"{time.time():.3f}", ex=HEARTBEAT_TTL_S)
