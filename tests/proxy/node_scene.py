"""A scene for tests of whole nodes: the feed's writer, named backend servers, a node process."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import redis

from proxy.snapshot import (
    FEED_CHANNEL,
    FEED_HEALTH_INDEX_KEY,
    FEED_INDEX_KEY,
    ApplyReport,
    GroupKind,
    HealthCheck,
    HealthDelta,
    HealthStatus,
    HealthTable,
    IndexEntry,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    Snapshot,
    counters_key,
    health_key,
    report_key,
    snapshot_key,
)

PATIENCE_S = 60.0
PROJECT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

_addresses = itertools.count(1)


def wait_until(condition: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Return the first true value of the condition; fail when it never comes."""
    until = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.005)
    return value


def new_address() -> str:
    """Return a loopback address that no other test of this run uses."""
    number = next(_addresses)
    return f"127.{100 + os.getpid() % 100}.{number // 250}.{1 + number % 250}"


def free_port(address: str) -> int:
    with socket.create_server((address, 0)) as probe:
        return probe.getsockname()[1]


class FeedWriter:
    """Writes documents as the control plane does."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def put(self, snapshot: Snapshot, *, notify: bool = True) -> None:
        self.put_text(
            snapshot.load_balancer,
            snapshot.version,
            snapshot.to_json(),
            snapshot.content_hash,
            notify=notify,
        )

    def put_text(
        self, name: str, version: int, text: str, digest: str = "0", *, notify: bool = True
    ) -> None:
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.set(snapshot_key(name), text)
            pipeline.hset(FEED_INDEX_KEY, name, IndexEntry(version, digest).to_json())
            if notify:
                pipeline.publish(FEED_CHANNEL, f"snapshot {name}")
            pipeline.execute()

    def delete(self, name: str, version: int) -> None:
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.delete(snapshot_key(name))
            pipeline.hset(FEED_INDEX_KEY, name, IndexEntry(version, "", deleted=True).to_json())
            pipeline.publish(FEED_CHANNEL, f"snapshot {name}")
            pipeline.execute()

    def put_table(self, table: HealthTable) -> None:
        """Replace a shard's table without a word; who follows finds it at its next look."""
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.delete(health_key(table.shard))
            if table.statuses:
                pipeline.hset(health_key(table.shard), mapping=dict(table.statuses))
            pipeline.hset(FEED_HEALTH_INDEX_KEY, str(table.shard), str(table.version))
            pipeline.execute()

    def put_delta(self, delta: HealthDelta) -> None:
        with self.client.pipeline(transaction=True) as pipeline:
            if delta.statuses:
                pipeline.hset(health_key(delta.shard), mapping=dict(delta.statuses))
            if delta.forgotten:
                pipeline.hdel(health_key(delta.shard), *delta.forgotten)
            pipeline.hset(FEED_HEALTH_INDEX_KEY, str(delta.shard), str(delta.version))
            pipeline.publish(FEED_CHANNEL, f"health {delta.to_json()}")
            pipeline.execute()

    def report(self, node: str) -> ApplyReport | None:
        text = self.client.get(report_key(node))
        return ApplyReport.from_json(text) if text else None

    def counters(self, node: str) -> dict:
        return json.loads(self.client.get(counters_key(node)) or '{"listeners": {}}')


class _Handler(socketserver.StreamRequestHandler):
    """Answers HTTP requests with the server's name; anything else is echoed after the name."""

    server: "Backend"

    def handle(self) -> None:
        self.server.open.add(self.connection)
        with contextlib.suppress(OSError):
            line = self.rfile.readline()
            if b"HTTP/1.1" in line:
                self._serve_http(line)
            else:
                self._serve_echo(line)
        self.server.open.discard(self.connection)

    def _serve_http(self, line: bytes) -> None:
        while line:
            while self.rfile.readline().strip():
                pass
            self.server.requests += 1
            if b"/slow" in line:
                self.server.gate.wait(PATIENCE_S)
            body = self.server.name.encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            line = self.rfile.readline()

    def _serve_echo(self, line: bytes) -> None:
        while line:
            self.server.requests += 1
            self.wfile.write(self.server.name.encode() + b" " + line)
            line = self.rfile.readline()


class Backend(socketserver.ThreadingTCPServer):
    """A real little server with a name."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests = 0
        self.open: set[socket.socket] = set()
        self.gate = threading.Event()
        super().__init__((new_address(), 0), _Handler)
        self.address, self.port = self.server_address[:2]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.gate.set()
        self.shutdown()
        self.server_close()
        for each in list(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._thread.join()


class Estate:
    """One load balancer as an operator would see it; ``snapshot`` is its next version."""

    def __init__(self, backends: list[Backend], name: str = "lb-1") -> None:
        self.name = name
        self.address = new_address()
        self.ports = {protocol: free_port(self.address) for protocol in ("http", "tcp")}
        self.backends = backends
        self.weights = {backend.name: 100 for backend in backends}
        self.check: HealthCheck | None = None
        self.version = 0

    def listener(self, protocol: str) -> Listener:
        return Listener(
            id=f"lsn-{self.name}-{protocol}",
            protocol=Protocol(protocol),
            port=self.ports[protocol],
            group="rsp-1",
            backend_port=None,
            scheduler=SchedulerName.WEIGHTED_ROUND_ROBIN,
            health_check=self.check,
            connect_timeout_s=2,
            idle_timeout_s=30,
            request_timeout_s=30,
        )

    def snapshot(self, weights: Mapping[str, int] | None = None, **changes: object) -> Snapshot:
        self.version += 1
        self.weights |= weights or {}
        servers = tuple(
            Server(backend.name, backend.address, backend.port, self.weights[backend.name])
            for backend in self.backends
        )
        snapshot = Snapshot(
            self.name,
            self.version,
            self.address,
            tuple(self.listener(protocol) for protocol in self.ports),
            (ServerGroup("rsp-1", GroupKind.DEFAULT, servers),),
        )
        return replace(snapshot, **changes)  # type: ignore[arg-type]

    def get(self, path: str = "/", timeout_s: float = PATIENCE_S) -> tuple[int, str, str | None]:
        """Return status, body and reason of one request over a connection of its own."""
        client = http.client.HTTPConnection(self.address, self.ports["http"], timeout=timeout_s)
        try:
            client.request("GET", path)
            response = client.getresponse()
            body = response.read().decode()
            return response.status, body, response.getheader("X-OpenCLB-Reason")
        finally:
            client.close()

    def who(self) -> str | None:
        """Return which server answers, or None when nobody is there."""
        try:
            status, body, _ = self.get(timeout_s=10)
        except (OSError, http.client.HTTPException):
            return None
        return body if status == 200 else None

    def connect(self, protocol: str = "tcp") -> socket.socket:
        return socket.create_connection((self.address, self.ports[protocol]), timeout=PATIENCE_S)


class NodeProcess:
    """``python -m proxy`` as an operator starts it."""

    def __init__(
        self,
        url: str,
        data_dir: Path,
        workers: int = 2,
        node: str = "node-1",
        program: Path = PROJECT,
    ) -> None:
        self.node = node
        self.program = program
        self.data_dir = data_dir
        self.log = data_dir / "proxy.log"
        self._environment = {
            **{key: value for key, value in os.environ.items() if "OPENCLB" not in key},
            "REDIS_URL": url,
            "OPENCLB_DATA_DIR": str(data_dir),
            "OPENCLB_PROXY_WORKERS": str(workers),
            "OPENCLB_PROXY_NODE": node,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> "NodeProcess":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy"],
                cwd=self.program,
                env=self._environment | environment,
                stderr=log,
            )
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def workers(self) -> set[int]:
        """Return the process ids of the workers; a node has other children for a moment."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return {int(each) for each in children.split() if _is_worker(each)}

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop as an operator does; return the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def log_text(self) -> str:
        return self.log.read_text()


def is_running(pid: int) -> bool:
    """A process that has ended and that its new parent has not yet asked about is not running."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it ended while it was read
        return False


def _is_worker(pid: str) -> bool:
    try:
        return b"proxy.worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid: int) -> None:
    """End a process at once; until the kernel has done so, it may still take a connection."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), f"process {pid} to be gone")


def applied_version(feed: FeedWriter, node: str, load_balancer: str) -> int:
    """Return which version the node reports as in force."""
    report = feed.report(node)
    applied = report.applied.get(load_balancer) if report else None
    return applied.version if applied else 0


def statuses(snapshot: Snapshot, **by_server: HealthStatus) -> dict[str, HealthStatus]:
    """Return the probe statuses of named servers, as the checker would publish them."""
    from proxy.core.generation import build_generation

    plans = build_generation(snapshot, None).listeners.values()
    return {
        target.probe: by_server[target.server_id]
        for plan in plans
        for target in plan.targets
        if target.probe and target.server_id in by_server
    }


@contextlib.contextmanager
def running(*backends: Backend) -> Iterator[None]:
    """Stop the backends at the end."""
    try:
        yield
    finally:
        for backend in backends:
            backend.stop()
