"""The app that holds the domain; knows nothing of browsers."""

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class BalancerConfig(AppConfig):
    """Registers the models and, so that eager mode and workers find them, the tasks."""

    name = "balancer"
    verbose_name = "Load balancing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the tasks: services name them without importing them (enqueue.py)."""
        import balancer.tasks  # noqa: F401  (here, because models must be ready first)
        from balancer.domain.quotas import configure_limits
        from balancer.roles import grant_role_permissions

        configure_limits(settings.OPENCLB_LIMITS)
        post_migrate.connect(grant_role_permissions, dispatch_uid="role permissions")


class RoleAdminConfig(AdminConfig):
    """The Django admin with a door of our own."""

    default_site = "balancer.admin_site.RoleAdminSite"
