"""The Celery application: its queues, its routes and the whole beat schedule in one table."""

import logging.config
import os
from typing import Any, NamedTuple

import kombu
from celery import Celery, signals
from celery.app.amqp import AMQP
from django.conf import settings
from kombu import Queue

from console.broker import HEARTBEAT_TTL_S, celery_broker_url

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

# publish: an operator waits for it. health: a shard checker holds its slot for tens of seconds.
PUBLISH, HEALTH, DEFAULT, HOUSEKEEPING = "publish", "health", "default", "housekeeping"
WORKER_QUEUES = (PUBLISH, DEFAULT, HOUSEKEEPING)
HEALTH_QUEUES = (HEALTH,)

VISIBILITY_TIMEOUT_S = 60
"""How long the broker keeps a late-acknowledged task of a killed worker before it comes again."""
RECONNECT_GAPS = {"interval_start": 0.1, "interval_step": 0.2, "interval_max": 1.0}
"""Seconds between two tries to reach a broker that is away."""


class Periodic(NamedTuple):
    """One line of the beat schedule."""

    every_s: float
    task: str
    queue: str = DEFAULT
    arguments: tuple[str, ...] = ()

    @property
    def expires_s(self) -> float:
        """What no worker took in this time is dropped, so that nothing piles up behind a fault."""
        return min(max(self.every_s, HEARTBEAT_TTL_S / 2), VISIBILITY_TIMEOUT_S)


SCHEDULE = {
    "assign-shards": Periodic(1, "balancer.tasks.health.assign_shards"),
    "reconcile-feed": Periodic(2, "balancer.tasks.publishing.reconcile_feed"),
    "record-metrics": Periodic(10, "balancer.tasks.metrics.record_metrics", HOUSEKEEPING),
    "expire-records": Periodic(300, "balancer.tasks.housekeeping.expire_records", HOUSEKEEPING),
    **{
        f"heartbeat-{queue}": Periodic(2, "console.tasks.record_heartbeat", queue, (queue,))
        for queue in (*WORKER_QUEUES, *HEALTH_QUEUES)
    },
}


class SteadyConnection(kombu.Connection):
    """Tries again each second for as long as it takes; the stock gaps grow to half a minute."""

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        return super()._ensure_connection(*args, **options | RECONNECT_GAPS)


class SteadyAMQP(AMQP):
    """Celery's view of the broker over steady connections."""

    Connection = SteadyConnection
    BrokerConnection = SteadyConnection


def configuration() -> dict[str, Any]:
    """Return Celery's settings; asked for at the first use, when Django's are complete."""
    return {
        "broker_url": celery_broker_url(settings.REDIS_URL),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "socket_connect_timeout": 1,
            "socket_timeout": 2,
            "socket_keepalive": True,
            "global_keyprefix": "openclb:celery:",
            # Sending a task fails at once, not after six seconds inside somebody's request; workers
            # and beat have their own patience (SteadyConnection, the next tick).
            "max_retries": 0,
        },
        # A committed change never waits for the broker: reconcile makes up for a lost message.
        "task_publish_retry": False,
        "task_default_queue": DEFAULT,
        "task_queues": [Queue(name) for name in (*WORKER_QUEUES, *HEALTH_QUEUES)],
        "task_routes": {
            "balancer.tasks.publishing.publish_snapshot": {"queue": PUBLISH},
            "balancer.tasks.health.check_shard": {"queue": HEALTH},
            "balancer.tasks.housekeeping.*": {"queue": HOUSEKEEPING},
            "balancer.tasks.metrics.*": {"queue": HOUSEKEEPING},
        },
        "task_annotations": {
            # A publication is idempotent, so it may come twice; a shard is recovered by its lease.
            "balancer.tasks.publishing.publish_snapshot": {
                "acks_late": True,
                "reject_on_worker_lost": True,
            },
        },
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "beat_scheduler": "console.beat:LeaseScheduler",
        "beat_max_loop_interval": 1,
        "timezone": "UTC",
    }


app = Celery("openclb", amqp=SteadyAMQP)
app.add_defaults(configuration)
app.autodiscover_tasks()


@signals.setup_logging.connect
def _use_our_log(**_: Any) -> None:
    """Keep Celery from installing its own log format."""
    logging.config.dictConfig(settings.LOGGING)
