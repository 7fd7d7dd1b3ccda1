"""A load generator with a closed ledger: every request is numbered and accounted for."""

import collections
import contextlib
import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

LEDGER_HEADER = "X-Ledger-Number"
_PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: when it was sent and what came back (server empty: none answered well)."""

    number: int
    sent_at: float
    status: int
    server: str
    error: str = ""

    @property
    def is_good(self) -> bool:
        """Tell whether a backend server answered this very request."""
        return self.status == 200 and not self.error


@dataclass(slots=True)
class Ledger:
    """All requests of one run."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def failed(self) -> list[Entry]:
        """Return what did not get its own good answer."""
        return [entry for entry in self.entries if not entry.is_good]

    def shares(self, since: float = 0.0) -> dict[str, float]:
        """Return each server's share of the good answers to requests sent since then, in %."""
        servers = [each.server for each in self.entries if each.is_good and each.sent_at >= since]
        return {
            name: 100 * count / len(servers) for name, count in collections.Counter(servers).items()
        }

    def sent_to(self, server: str, since: float) -> list[Entry]:
        """Return what the server answered of the requests sent since then."""
        return [each for each in self.entries if each.server == server and each.sent_at >= since]


class Client:
    """One keep-alive client connection; opens a new one when the old one ended."""

    def __init__(self, address: str, port: int) -> None:
        self._address = (address, port)
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, number: int, path: str = "/") -> Entry:
        """Send one request and return what became of it."""
        sent_at = time.monotonic()
        try:
            status, body = self._exchange(number, path)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Entry(number, sent_at, 0, "", repr(error))
        if status != 200:
            return Entry(number, sent_at, status, "", f"status {status}")
        answer = json.loads(body)
        fields = {name.lower(): value for name, value in answer["headers"]}
        if fields.get(LEDGER_HEADER.lower()) != str(number):
            return Entry(number, sent_at, status, answer["server_name"], "somebody else's answer")
        return Entry(number, sent_at, status, answer["server_name"])

    def _exchange(self, number: int, path: str) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=_PATIENCE_S)
        self._connection.request("GET", path, headers={LEDGER_HEADER: str(number)})
        response = self._connection.getresponse()
        body = response.read()
        if response.will_close:
            self.close()
        return response.status, body

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def send(address: str, port: int, count: int, *, keep_alive: bool = True) -> Ledger:
    """Send that many requests one after the other."""
    ledger, client = Ledger(), Client(address, port)
    for number in range(count):
        ledger.entries.append(client.ask(number))
        if not keep_alive:
            client.close()
    client.close()
    return ledger


@contextlib.contextmanager
def load(address: str, port: int, *, per_second: int, clients: int = 8) -> Iterator[Ledger]:
    """Send requests at a steady rate from several clients while the block runs."""
    ledger, numbers, ended = Ledger(), itertools.count(), threading.Event()
    gap_s = clients / per_second

    def run() -> None:
        client, due = Client(address, port), time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            ledger.entries.append(client.ask(next(numbers)))
            due += gap_s
        client.close()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield ledger
    finally:
        ended.set()
        for thread in threads:
            thread.join(_PATIENCE_S)
