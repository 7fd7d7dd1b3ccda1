"""The app that holds the domain; knows nothing of browsers."""

from django.apps import AppConfig


class BalancerConfig(AppConfig):
    """Registers the models and, so that eager mode and workers find them, the tasks."""

    name = "balancer"
    verbose_name = "Load balancing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the tasks: services name them without importing them (enqueue.py)."""
        import balancer.tasks  # noqa: F401  (here, because models must be ready first)
