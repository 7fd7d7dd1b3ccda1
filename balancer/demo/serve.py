"""Runs the demo's backends and follows the inventory and the list of stopped ones."""

import asyncio
import logging
import signal

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections

from balancer.demo.machines import DemoMachine, list_machines
from balancer.demo.servers import MachineServer
from balancer.demo.stopped import read_stopped

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2
_INVENTORY_EVERY_S = 5.0


class Estate:
    """All machine servers by id; ``reconcile`` starts and stops what differs."""

    def __init__(self) -> None:
        self._servers: dict[str, MachineServer] = {}
        self._refused: set[DemoMachine] = set()

    def forgive(self) -> None:
        """Try again what could not start, such as an address that somebody else had."""
        self._refused.clear()

    async def reconcile(self, machines: list[DemoMachine], stopped: frozenset[str]) -> None:
        """Make exactly the machines answer that exist and are not stopped."""
        wanted = {each.machine_id: each for each in machines if each.machine_id not in stopped}
        for machine_id, server in list(self._servers.items()):
            if wanted.get(machine_id) != server.machine:
                await server.stop()
                del self._servers[machine_id]
        for machine_id in wanted.keys() - self._servers.keys():
            if wanted[machine_id] not in self._refused:
                await self._start(MachineServer(wanted[machine_id]))

    async def _start(self, server: MachineServer) -> None:
        try:
            await server.start()
        except OSError as error:
            await server.stop()
            self._refused.add(server.machine)
            logger.error("demo server cannot start: server=%s %s", server.machine.name, error)
        else:
            self._servers[server.machine.machine_id] = server

    async def stop(self) -> None:
        """Stop every machine."""
        for server in self._servers.values():
            await server.stop()


async def _look_again(known: list[DemoMachine]) -> list[DemoMachine]:
    """Return the machines of the inventory, those already known when it cannot be read now."""
    try:
        return await sync_to_async(_read_inventory)()
    except DatabaseError as error:
        logger.warning("demo inventory not read: %s", error)
        return known


def _read_inventory() -> list[DemoMachine]:
    close_old_connections()  # one that broke is opened anew
    return list_machines()


async def serve_until_stopped() -> None:
    """Serve the demo until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    estate = Estate()
    machines: list[DemoMachine] = []
    next_inventory = loop.time()
    while not ended.is_set():
        if loop.time() >= next_inventory:
            machines = await _look_again(machines)
            estate.forgive()
            next_inventory = loop.time() + _INVENTORY_EVERY_S
        await estate.reconcile(machines, read_stopped())
        try:
            await asyncio.wait_for(ended.wait(), _LOOK_EVERY_S)
        except TimeoutError:
            continue
    await estate.stop()
