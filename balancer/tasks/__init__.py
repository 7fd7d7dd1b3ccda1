"""Background work: thin, repeatable calls into the services."""

from balancer.tasks import health, housekeeping, metrics, publishing  # noqa: F401  (registers them)
