"""Numbered requests against an estate, with a ledger that has to close."""

import contextlib
import http.client
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.certificates import authority
from tests.proxy.node_scene import PATIENCE_S, Estate, wait_until

PAUSE_S = 0.01
"""Between the requests of one client, so that a few clients make a steady load and no more."""


@dataclass
class Ledger:
    """What one client asked and what became of it."""

    name: str
    sent: int = 0
    good: int = 0
    wrong: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Asks over and over: over one connection as long as it is kept, or over a new one each time.

    Each request carries its number in its path, and the answer must be one of the servers' names.
    """

    def __init__(self, estate: Estate, name: str, protocol: str, *, keeps_alive: bool) -> None:
        super().__init__(daemon=True)
        self.ledger = Ledger(name)
        self._estate = estate
        self._protocol = protocol
        self._keeps_alive = keeps_alive
        self._stopping = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self._stopping.is_set():
            self.ledger.sent += 1
            try:
                self._ask(f"/{self.ledger.name}/{self.ledger.sent}")
            except (OSError, http.client.HTTPException) as error:
                self.ledger.wrong.append(f"request {self.ledger.sent}: {error!r}")
                self._hang_up()
            self._stopping.wait(PAUSE_S)
        self._hang_up()

    def stop(self) -> Ledger:
        self._stopping.set()
        self.join(PATIENCE_S)
        return self.ledger

    def _ask(self, path: str) -> None:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        body = response.read().decode()
        if response.status == 200 and body in {each.name for each in self._estate.backends}:
            self.ledger.good += 1
        else:
            self.ledger.wrong.append(f"request {self.ledger.sent}: {response.status} {body!r}")
        if not self._keeps_alive or response.will_close:
            self._hang_up()

    def _connect(self) -> http.client.HTTPConnection:
        place = (self._estate.address, self._estate.ports[self._protocol])
        if self._protocol == "http":
            return http.client.HTTPConnection(*place, timeout=PATIENCE_S)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authority().pem)
        context.check_hostname = False
        return http.client.HTTPSConnection(*place, timeout=PATIENCE_S, context=context)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextlib.contextmanager
def load(estate: Estate, clients: int = 3, may_lose: int = 0) -> Iterator[list[Ledger]]:
    """Keep the estate busy, half over kept connections; the ledgers close at the end.

    ``may_lose`` is how many requests each client, which has one in flight at most, may lose.
    """
    running = [
        Client(estate, f"{kind}-{protocol}-{number}", protocol, keeps_alive=kind == "kept")
        for kind in ("kept", "new")
        for protocol in ("http", "https")
        if protocol in estate.ports
        for number in range(clients)
    ]
    ledgers = [each.ledger for each in running]
    for each in running:
        each.start()
    try:
        wait_for_requests(ledgers, 10)
        yield ledgers
        wait_for_requests(ledgers, 10)
    finally:
        for each in running:
            each.stop()
    for ledger in ledgers:
        lost = len(ledger.wrong)
        assert lost <= may_lose, f"{ledger.name}: {lost} wrong: {ledger.wrong[:5]}"
        assert ledger.sent == ledger.good + lost


def wait_for_requests(ledgers: list[Ledger], count: int) -> None:
    """Wait until every client has asked so many more times."""
    wanted = [each.sent + count for each in ledgers]
    wait_until(
        lambda: all(each.sent >= enough for each, enough in zip(ledgers, wanted, strict=True)),
        "the clients to be answered",
    )
