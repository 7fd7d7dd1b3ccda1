"""``manage.py up``: every process of an installation, in the foreground, until Ctrl-C."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from console.installation import Installation


class Command(BaseCommand):
    """Start everything and stay."""

    help = "Starts every process of OpenCLB and keeps them alive until Ctrl-C or SIGTERM."
    # The start is short of time: `make check` and the tests run the checks.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer the one switch, which the Makefile uses."""
        parser.add_argument(
            "--with-parent",
            action="store_true",
            help="also stop when the parent process ends or, being make, is interrupted",
        )

    def handle(self, *args: Any, with_parent: bool, **options: Any) -> None:
        """Run the installation in the foreground."""
        raise SystemExit(asyncio.run(Installation(with_parent=with_parent).run()))
