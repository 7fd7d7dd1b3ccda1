"""``manage.py demo``: run the demo's backends, and stop or start one to watch failover."""

import contextlib
import socket
import time
from argparse import ArgumentParser
from asyncio import run
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from balancer.demo.inventory import HTTP_PORT
from balancer.demo.machines import DemoMachine, find_machine, list_machines
from balancer.demo.serve import serve_until_stopped
from balancer.demo.stopped import read_stopped, write_stopped
from balancer.exceptions import NotFound

_PATIENCE_S = 5.0
_LOOK_EVERY_S = 0.05


class Command(BaseCommand):
    """Run, stop, start or list the demo's backends."""

    help = "Runs the demo's backend servers; stops or starts one of them to watch failover."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the four acts."""
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("serve", help="run every backend server of the demo")
        acts.add_parser("list", help="list the servers with their addresses")
        for act in ("stop", "start"):
            chosen = acts.add_parser(act, help=f"{act} one server; it stays so over restarts")
            chosen.add_argument("server", help="ID or name, such as web-1")

    def handle(self, *args: Any, act: str, server: str = "", **options: Any) -> None:
        """Carry out one act."""
        if act == "serve":
            run(serve_until_stopped())
        elif act == "list":
            self._list()
        else:
            self._switch(_find(server), stop=act == "stop")

    def _list(self) -> None:
        stopped = read_stopped()
        for machine in list_machines():
            state = "stopped" if machine.machine_id in stopped else "started"
            addresses = ", ".join(machine.addresses)
            self.stdout.write(f"{machine.name:18} {state:8} {machine.machine_id}  {addresses}")

    def _switch(self, machine: DemoMachine, *, stop: bool) -> None:
        stopped = read_stopped()
        change = {machine.machine_id}
        write_stopped(stopped | change if stop else stopped - change)
        word = "stopped" if stop else "started"
        if not _wait_until(machine, answering=not stop):
            raise CommandError(
                f"{machine.name} is marked {word}, but its port does not show it after "
                f"{_PATIENCE_S:.0f} s: is the demo running (make run)?"
            )
        self.stdout.write(f"{machine.name} ({machine.machine_id}) {word}.")


def _find(name_or_id: str) -> DemoMachine:
    try:
        return find_machine(name_or_id)
    except NotFound as error:
        names = ", ".join(each.name for each in list_machines())
        raise CommandError(f"{error.message} It has: {names}.") from error


def _wait_until(machine: DemoMachine, *, answering: bool) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if _answers(machine.addresses[0]) is answering:
            return True
        time.sleep(_LOOK_EVERY_S)
    return False


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, HTTP_PORT), 1):
        return True
    return False
