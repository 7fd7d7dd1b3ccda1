"""Slow and hostile peers of a node: memory stays bounded, and everybody else is served meanwhile.

Issue 3, sections 1 and 5. The growth of a real worker is measured; what would be too much is far
from what is needed, so that the allocator's habits do not matter. What waits in the kernel belongs
to the kernel, which has its own bounds.
"""

import contextlib
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.proxy.node_scene import (
    PATIENCE_S,
    Backend,
    Estate,
    FeedWriter,
    NodeProcess,
    applied_version,
    new_address,
    wait_until,
)

MIB = 1024 * 1024
BIG = 64 * MIB
MOST_GROWTH = 24 * MIB
"""Of what one peer after another has to wait for; two big bodies alone are five times that."""
PIECE = b"x" * MIB
PUT = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BIG
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG


class HandServer:
    """A server whose connections are in the hands of a test."""

    def __init__(self) -> None:
        self.name = "hand"
        self._listening = socket.create_server((new_address(), 0))
        self._listening.settimeout(PATIENCE_S)
        self.address, self.port = self._listening.getsockname()[:2]

    def accept(self) -> socket.socket:
        sock, _ = self._listening.accept()
        sock.settimeout(PATIENCE_S)
        return sock

    def stop(self) -> None:
        self._listening.close()


class Site:
    """A node with one worker, a listener for the peers in question, and one for everybody else."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.server = HandServer()
        self.backend = Backend("other")
        self.hostile = Estate([self.server], "lb-hostile")  # type: ignore[list-item]
        self.others = Estate([self.backend], "lb-others")
        feed = FeedWriter(broker.client)
        self.node = NodeProcess(broker.url, folder, workers=1, node="node-memory").start()
        for estate in (self.hostile, self.others):
            feed.put(estate.snapshot())
            name = estate.name
            wait_until(lambda name=name: applied_version(feed, "node-memory", name), name)
        self.check_others()
        [self._worker] = self.node.workers()
        self.before = self.resident_bytes()

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self._worker}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def check_others(self) -> None:
        for _ in range(20):
            assert self.others.get()[:2] == (200, "other")

    def check(self) -> None:
        """Everybody else is served, and the worker has not grown much."""
        self.check_others()
        grown = self.resident_bytes() - self.before
        assert grown < MOST_GROWTH, f"the worker has grown by {grown / MIB:.1f} MiB"

    def stop(self) -> None:
        self.node.kill()
        self.server.stop()
        self.backend.stop()


@pytest.fixture(scope="module")
def running_site(feed_broker: Broker, tmp_path_factory) -> Iterator[Site]:
    feed_broker.start()
    feed_broker.client.flushall()
    made = Site(feed_broker, tmp_path_factory.mktemp("memory"))
    yield made
    made.stop()


@pytest.fixture
def site(running_site: Site) -> Site:
    """Return the site, what is allowed counted from here on."""
    running_site.before = running_site.resident_bytes()
    return running_site


@contextlib.contextmanager
def in_background(act: Callable[[], None]) -> Iterator[None]:
    """Let something go on beside the test; it has to be over at the end."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def push(sock: socket.socket, size: int = BIG) -> None:
    for _ in range(size // MIB):
        sock.sendall(PIECE)


def drain(sock: socket.socket, size: int, site: Site) -> None:
    """Take so many bytes, and look at the worker's memory now and then."""
    taken, looked_at = 0, 0
    while taken < size:
        part = sock.recv(MIB)
        assert part, f"cut after {taken} bytes"
        taken += len(part)
        if taken - looked_at > 16 * MIB:
            looked_at = taken
            site.check()
    assert taken == size


def read_until(sock: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        byte = sock.recv(1)
        assert byte, data
        data += byte
    return data


def test_64_mib_both_ways_at_once_between_slow_peers(site):
    """The client sends and does not read; the server answers at once and does not read either.

    The request is taken first: an answer that is over before its request ends the connection.
    """
    with site.hostile.connect("http") as client:
        client.sendall(PUT)
        with site.server.accept() as server:
            read_until(server, b"\r\n\r\n")
            server.sendall(ANSWER)
            with in_background(lambda: push(client)), in_background(lambda: push(server)):
                site.check()
                drain(server, BIG, site)
                read_until(client, b"\r\n\r\n")
                drain(client, BIG, site)
    site.check()


def test_tcp_peers_that_never_read(site):
    with site.hostile.connect("tcp") as client, site.server.accept() as server:
        for sock in (client, server):
            sock.setblocking(False)
        for sock in (client, server) * 64:
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.send(PIECE)
            site.others.get()
        site.check()


def test_clients_that_ask_on_and_never_read(site):
    """Answers of 64 KiB to thousands of requests that were sent ahead."""
    ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + bytes(65536)
    with site.hostile.connect("http") as client:
        client.setblocking(False)
        client.send(ask)
        with site.server.accept() as server:
            served = 0
            server.settimeout(0.2)  # when no request comes any more the proxy waits for its client
            with contextlib.suppress(TimeoutError):
                while served < 1000:
                    read_until(server, b"\r\n\r\n")
                    server.sendall(answer)
                    served += 1
                    with contextlib.suppress(BlockingIOError):
                        client.send(ask)
            assert served < 1000
            site.check()


def test_endless_heads(site):
    """A hundred clients go to the limit and stay there; each is refused as soon as it goes on."""
    line = b"X-Filler: yes\r\n"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(site.hostile.connect("http")) for _ in range(100)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + line * 4000)
        site.check()
        for client in clients:
            client.sendall(line * 2000)
            assert client.recv(12) == b"HTTP/1.1 431"
        site.check()


def test_two_thousand_idle_connections(site):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    room = min(4096, hard) - 256
    with contextlib.ExitStack() as clients:
        clients.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(min(2000, room)):
            clients.enter_context(site.hostile.connect("http"))
        site.check()
