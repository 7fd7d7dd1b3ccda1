"""``manage.py process NAME``: one process of the table alone, for containers and other hosts."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from console.processes import control_processes


class Command(BaseCommand):
    """Become one of web, worker, worker-health and beat."""

    help = "Runs one process of the control plane in the foreground."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the process."""
        parser.add_argument("name", choices=[spec.name for spec in control_processes()])

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        """Give this process's place to the chosen one: signals reach it directly."""
        spec = next(spec for spec in control_processes() if spec.name == name)
        os.execve(spec.command[0], spec.command, dict(spec.environment))
