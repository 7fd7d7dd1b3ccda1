"""``manage.py export``: the estate as one file, to keep, compare and apply."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from balancer.declarative.describing import describe_estate
from balancer.declarative.document import write_document
from balancer.exceptions import BalancerError
from balancer.models import LoadBalancer


class Command(BaseCommand):
    """Write load balancers with listeners, rules, groups and servers as YAML."""

    help = "Writes load balancers with all that stands in them as YAML, for `apply`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name what is written, and where to."""
        parser.add_argument("names", nargs="*", help="names of instances; none: all of them")
        parser.add_argument("-o", "--output", type=Path, help="a file; none: standard output")

    def handle(
        self, *args: Any, names: list[str], output: Path | None = None, **options: Any
    ) -> None:
        """Write the document."""
        rows = LoadBalancer.objects.select_related(
            "region", "primary_zone", "backup_zone", "vpc", "vswitch"
        )
        if names:
            rows = rows.filter(name__in=names)
            missing = set(names) - set(rows.values_list("name", flat=True))
            if missing:
                raise CommandError(f"There is no instance named {', '.join(sorted(missing))}.")
        try:
            text = write_document(describe_estate(rows))
        except BalancerError as error:
            raise CommandError(error.message) from error
        if output is None:
            self.stdout.write(text, ending="")
        else:
            output.write_text(text)
