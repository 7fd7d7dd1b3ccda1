"""The only door from services to Celery: tasks are named, not imported."""

from functools import partial

from celery import current_app
from django.db import transaction


def after_commit(task_name: str, *arguments: str | int) -> None:
    """Send the task once the transaction is committed.

    A broker that is away never turns a committed change into an error: the outbox row
    (PublishHead) stays behind and reconcile sends what is missing.
    """
    signature = current_app.signature(task_name, args=arguments)
    transaction.on_commit(partial(signature.apply_async, retry=False), robust=True)
