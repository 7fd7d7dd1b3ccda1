"""Background work: thin, repeatable calls into the services."""

from balancer.tasks import health, metrics, publishing  # noqa: F401  (registers the tasks)
