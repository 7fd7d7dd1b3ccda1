"""``manage.py setup``: what must be done once before the processes of a new release start."""

from typing import Any

from django.core.management.base import BaseCommand

from console.preparation import prepare_installation


class Command(BaseCommand):
    """Migrate, load the demo where it is wanted, write the credentials of the first users."""

    help = "Migrates the database; on the first start writes the first users and, if on, the demo."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the installation that the environment describes."""
        prepare_installation()
