"""``manage.py apply -f estate.yaml``: makes the estate as a file says, after showing how."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.declarative.carrying_out import carry_out, check_no_ambiguity
from balancer.declarative.describing import describe_load_balancer
from balancer.declarative.document import read_document
from balancer.declarative.planning import Act, Entry, Step, balancer_key, plan_estate
from balancer.exceptions import BalancerError, Invalid
from balancer.models import LoadBalancer

_SIGNS = {Act.CREATE: "+", Act.CHANGE: "~", Act.DELETE: "-"}


class Command(BaseCommand):
    """Show the plan, ask, and carry it out whole or not at all."""

    help = "Makes load balancers, listeners, groups and servers as a file says."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the file and how much may happen without asking."""
        parser.add_argument("-f", "--file", required=True, help="the file; - for standard input")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--plan", action="store_true", help="show the plan and change nothing")
        parser.add_argument(
            "--prune", action="store_true", help="delete instances that the file does not name"
        )

    def handle(
        self, *args: Any, file: str, yes: bool, plan: bool, prune: bool, **options: Any
    ) -> None:
        """Carry the file out; a refusal ends with status 1 and changes nothing."""
        try:
            wanted = read_document(_read(file))
            steps = self._plan(wanted, prunes=prune)
            if not steps:
                self.stdout.write("No change: everything is as the file says.")
                return
            _try_out(wanted, prunes=prune)
            self._show(steps)
            if plan or not (yes or self._agrees()):
                self.stdout.write("Nothing was changed.")
                return
            carry_out(actor=_actor(), wanted=wanted, prunes=prune)
        except BalancerError as error:
            raise CommandError(_words(error)) from error
        self.stdout.write(f"Done: {_counted(steps)}.")

    def _plan(self, wanted: Sequence[Entry], *, prunes: bool) -> list[Step]:
        rows = list(
            LoadBalancer.objects.select_related(
                "region", "primary_zone", "backup_zone", "vpc", "vswitch"
            ).order_by("pk")
        )
        check_no_ambiguity(rows, wanted)
        keys = {balancer_key(entry) for entry in wanted}
        current = [
            describe_load_balancer(row)
            for row in rows
            if prunes or (row.region.public_id, row.name) in keys
        ]
        return plan_estate(current, wanted, prunes=prunes)

    def _show(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self.stdout.write(f"{_SIGNS[step.act]} {step.act} {step.what} · {step.of}")
            for change in step.changes:
                if step.act is Act.CREATE:
                    self.stdout.write(f"    {change.name}: {_shown(change.after)}")
                else:
                    values = f"{_shown(change.before)} → {_shown(change.after)}"
                    self.stdout.write(f"    {change.name}: {values}")
        self.stdout.write(f"Plan: {_counted(steps)}.")

    def _agrees(self) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("Nobody is here to ask: say --yes, or --plan to look only.")
        self.stdout.write("Carry this out? Type yes: ", ending="")
        self.stdout.flush()
        return sys.stdin.readline().strip() == "yes"


def _try_out(wanted: Sequence[Entry], *, prunes: bool) -> None:
    """Validate the whole file by carrying it out and undoing it."""
    with transaction.atomic():
        carry_out(actor=_actor(), wanted=wanted, prunes=prunes)
        transaction.set_rollback(True)


def _actor() -> Actor:
    return Actor("apply", Entrance.COMMAND)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error


def _words(error: BalancerError) -> str:
    lines = [error.message]
    if isinstance(error, Invalid):
        lines += [
            f"  {path}: {' '.join(texts)}"
            for path, texts in error.fields.items()
            if " ".join(texts) not in error.message
        ]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value in (None, "", []):
        return "empty"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _counted(steps: Sequence[Step]) -> str:
    counts = [(act, sum(step.act is act for step in steps)) for act in Act]
    return ", ".join(f"{number} to {act}" for act, number in counts if number)
