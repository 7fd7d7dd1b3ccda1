"""Clients: a number of connections, each asking again as soon as it has its whole answer."""

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

BUFFER_BYTES = 1024 * 1024
LOST_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients do. ``head`` says whether a head stands before the body of an answer."""

    request: bytes
    body_bytes: int
    has_head: bool
    connections: int
    reconnects: bool = False
    is_datagram: bool = False
    is_secure: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many answers came, in which time, and the 99th percentile of how long one took.

    An answer that came in part counts in part, so that big ones can be counted in a short time.
    """

    count: float
    seconds: float
    p99_ms: float


class _Client:
    """One connection and the answer that it waits for."""

    def __init__(self, port: int, load: Load, poll: select.epoll) -> None:
        self.port, self.load, self.poll = port, load, poll
        self.sock = self._connect()

    def _connect(self) -> socket.socket:
        if self.load.is_datagram:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.connect(("127.0.0.1", self.port))
        else:
            sock = socket.create_connection(("127.0.0.1", self.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.load.is_secure:
            sock = _encrypt(sock)
        self.poll.register(sock.fileno(), select.EPOLLIN)
        return sock

    def ask(self, now: float) -> None:
        self.begun = now
        self.left = self.load.body_bytes
        self.in_head = self.load.has_head
        self.sock.send(self.load.request)

    def receive(self, buffer: bytearray) -> bool:
        """Take what is there and return whether the answer is complete."""
        try:
            size = self.sock.recv_into(buffer)
        except ssl.SSLWantReadError:  # a session ticket, or a part of a record
            return False
        if self.in_head:
            end = buffer.find(b"\r\n\r\n", 0, size)
            if end < 0 or not buffer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"unexpected answer: {bytes(buffer[: min(size, 80)])!r}")
            self.in_head = False
            size -= end + 4
        elif size == 0:
            raise SystemExit("an answer was cut")
        self.left -= size
        return self.left <= 0

    def reconnect(self) -> None:
        self.poll.unregister(self.sock.fileno())
        self.sock.close()
        self.sock = self._connect()


def _encrypt(sock: socket.socket) -> ssl.SSLSocket:
    """Shake hands in full: no session is offered, and no certificate is checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    secure = context.wrap_socket(sock)
    secure.setblocking(False)
    return secure


def drive(port: int, load: Load, duration_s: float) -> Outcome:
    """Keep every connection busy for a while."""
    poll, clock, took = select.epoll(), time.perf_counter, []
    buffer = bytearray(BUFFER_BYTES)
    clients = [_Client(port, load, poll) for _ in range(load.connections)]
    by_fd = {client.sock.fileno(): client for client in clients}
    now = start = clock()
    for client in clients:
        client.ask(now)
    while now < start + duration_s or not took:
        events = poll.poll(LOST_AFTER_S)
        if not events:  # packets may be lost
            for client in clients:
                client.ask(clock())
        for fd, _ in events:
            client = by_fd[fd]
            if not client.receive(buffer):
                continue
            now = clock()
            took.append(now - client.begun)
            if load.reconnects:
                del by_fd[fd]
                client.reconnect()
                by_fd[client.sock.fileno()] = client
                now = clock()
            client.ask(now)
        now = clock()
    count = len(took) + sum(1 - client.left / load.body_bytes for client in clients)
    for client in clients:
        client.sock.close()
    poll.close()
    return Outcome(count, now - start, sorted(took)[int(len(took) * 0.99)] * 1000)


@contextlib.contextmanager
def idle_connections(port: int, load: Load, count: int) -> Iterator[None]:
    """Hold connections that have had one answer each and ask for nothing more."""
    poll, buffer = select.epoll(), bytearray(BUFFER_BYTES)
    clients = []
    for _ in range(count):
        client = _Client(port, load, poll)
        clients.append(client)
        client.ask(0.0)
        while not client.receive(buffer):
            pass
    try:
        yield
    finally:
        for client in clients:
            client.sock.close()
        poll.close()
