"""The only door from services to Celery: tasks are named, not imported."""

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def after_commit(task_name: str, *arguments: str | int) -> None:
    """Send the task once the transaction is committed.

    A broker that is away never turns a committed change into an error: the outbox row
    (PublishHead) stays behind and reconcile sends what is missing.
    """
    signature = current_app.signature(task_name, args=arguments)

    def send() -> None:
        try:
            signature.apply_async(retry=False)
        except OperationalError as error:
            log.warning("task_not_sent", task=task_name, reason=str(error))

    transaction.on_commit(send, robust=True)
