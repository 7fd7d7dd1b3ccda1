"""HTTP keep-alive requests through the proxy, beside HAProxy and nginx in the same run.

One core carries the proxy under test, another one carries load and backend. The peers are those of
the distribution; what is not installed is left out. CPU per request is the steadier number: the
load generator is Python too, so on two cores a fast proxy may have to wait for it.
"""

import argparse
import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUEST = (
    b"GET /items?page=2 HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench/1.0\r\n"
    b"Accept: */*\r\nAccept-Encoding: gzip\r\nCookie: session=0123456789abcdef\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 128\r\n\r\n"
    + b"x" * 128
)
HAPROXY = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    option forwardfor
    http-reuse always
    unique-id-format %{{+X}}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
    unique-id-header X-Request-Id
    timeout client 30s
    timeout server 30s
    timeout connect 5s
listen bench
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{backend}
"""
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    upstream bench {{
        server 127.0.0.1:{backend};
        keepalive 128;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Request-Id $request_id;
        }}
    }}
}}
"""


@dataclass(slots=True)
class Contender:
    """One proxy under test and what was measured of it."""

    name: str
    command: Callable[[int, int, pathlib.Path], list[str]]
    requests_per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)


def own_command(port: int, backend: int, folder: pathlib.Path) -> list[str]:
    return [sys.executable, __file__, "--serve", str(port), str(backend)]


def haproxy_command(port: int, backend: int, folder: pathlib.Path) -> list[str]:
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, backend=backend))
    return ["haproxy", "-db", "-f", str(config)]


def nginx_command(port: int, backend: int, folder: pathlib.Path) -> list[str]:
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(port=port, backend=backend, folder=folder))
    return ["nginx", "-c", str(config), "-e", str(folder / "error.log")]


def contenders() -> list[Contender]:
    """Return the proxy and every peer that is installed."""
    found = [Contender("openclb", own_command)]
    for name, command in (("haproxy", haproxy_command), ("nginx", nginx_command)):
        if shutil.which(name):
            found.append(Contender(name, command))
        else:
            print(f"{name}: not installed, skipped")
    return found


def serve(port: int, backend: int) -> None:
    """Run one worker's data path: the listener, the reactor and nothing else."""
    import asyncio

    sys.path.insert(0, str(ROOT))
    from proxy.core.generation import build_generation
    from proxy.core.health import Availability
    from proxy.net.http_client import HttpClient
    from proxy.net.listeners import DescriptorGuard, ListenerService
    from proxy.net.reactor import Reactor
    from proxy.net.upstream import UpstreamPool
    from proxy.snapshot import (
        GroupKind,
        Listener,
        Protocol,
        SchedulerName,
        Server,
        ServerGroup,
        Snapshot,
    )

    listener = Listener(
        id="lsn-bench",
        protocol=Protocol.HTTP,
        port=port,
        group="rsp-bench",
        backend_port=None,
        scheduler=SchedulerName.WEIGHTED_ROUND_ROBIN,
        health_check=None,
        connect_timeout_s=5,
        idle_timeout_s=15,
        request_timeout_s=60,
    )
    group = ServerGroup(
        "rsp-bench", GroupKind.DEFAULT, (Server("i-bench", "127.0.0.1", backend, 100),)
    )
    snapshot = Snapshot("lb-bench", 1, "127.0.0.1", (listener,), (group,))
    plan = build_generation(snapshot, None).listeners["lsn-bench"]

    async def run() -> None:
        reactor = Reactor()
        pool = UpstreamPool(reactor)
        guard = DescriptorGuard()
        service = ListenerService(reactor, plan, Availability(), pool, HttpClient, guard)
        service.open(socket.create_server(("127.0.0.1", port), backlog=1024))
        reactor.attach(asyncio.get_running_loop())
        await asyncio.Event().wait()

    asyncio.run(run())


def backend_process() -> tuple[int, int]:
    """Start a server that answers everything at once; return its process and port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listening.getsockname()[1]
    child = os.fork()
    if child:
        listening.close()
        return child, port
    with contextlib.suppress(KeyboardInterrupt):
        _answer(listening)
    os._exit(0)


def _answer(listening: socket.socket) -> None:
    poll, sockets = select.epoll(), {}
    poll.register(listening.fileno(), select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == listening.fileno():
                sock, _ = listening.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sockets[sock.fileno()] = sock
                poll.register(sock.fileno(), select.EPOLLIN)
                continue
            try:
                request = sockets[fd].recv(65536)
                if request:
                    sockets[fd].send(RESPONSE)
            except ConnectionError:
                request = b""
            if not request:
                sockets.pop(fd).close()


def drive(port: int, connections: int, duration_s: float) -> tuple[int, float, float]:
    """Send one request after the other on each connection; return count, seconds and p99 in ms."""
    poll, sockets, begun = select.epoll(), {}, {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
    clock, took = time.perf_counter, []
    start = clock()
    for fd, sock in sockets.items():
        begun[fd] = clock()
        sock.send(REQUEST)
    end, now = start + duration_s, start
    while now < end:
        for fd, _ in poll.poll():
            data = sockets[fd].recv(65536)
            if not data.startswith(b"HTTP/1.1 200") or not data.endswith(b"xxxx"):
                raise SystemExit(f"unexpected answer: {data[:80]!r}")
            now = clock()
            took.append(now - begun[fd])
            begun[fd] = now
            sockets[fd].send(REQUEST)
    for sock in sockets.values():
        sock.close()
    poll.close()
    return len(took), now - start, sorted(took)[int(len(took) * 0.99)] * 1000


def cpu_seconds(process: int) -> float:
    values = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(contender: Contender, backend: int, core: int) -> Iterator[tuple[int, int]]:
    """Run a contender on its own core; give its process and port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = contender.command(port, backend, pathlib.Path(folder))
        child = subprocess.Popen(
            command, preexec_fn=lambda: os.sched_setaffinity(0, {core}), stderr=subprocess.DEVNULL
        )
        try:
            wait_until_open(port)
            yield child.pid, port
        finally:
            child.terminate()
            child.wait()


def wait_until_open(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            select.select([], [], [], 0.02)
        else:
            return


def measure(contender: Contender, backend: int, core: int, options: argparse.Namespace) -> None:
    with running(contender, backend, core) as (process, port):
        drive(port, options.connections, options.seconds / 4)
        before = cpu_seconds(process)
        count, seconds, p99_ms = drive(port, options.connections, options.seconds)
        contender.cpu_us.append((cpu_seconds(process) - before) / count * 1e6)
        contender.requests_per_s.append(count / seconds)
        contender.p99_ms.append(p99_ms)


def report(found: list[Contender]) -> None:
    own = found[0]
    print(f"{'':10}{'requests/s':>12}{'CPU us/request':>16}{'p99 ms':>9}")
    for each in found:
        median = [statistics.median(v) for v in (each.requests_per_s, each.cpu_us, each.p99_ms)]
        print(f"{each.name:10}{median[0]:12.0f}{median[1]:16.1f}{median[2]:9.2f}")
    for each in found[1:]:
        speed = statistics.median(own.requests_per_s) / statistics.median(each.requests_per_s)
        cpu = statistics.median(own.cpu_us) / statistics.median(each.cpu_us)
        p99 = statistics.median(own.p99_ms) / statistics.median(each.p99_ms)
        print(f"openclb/{each.name}: requests/s {speed:.2f}, CPU {cpu:.2f}, p99 {p99:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=2, type=int, metavar=("PORT", "BACKEND"))
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    cores = sorted(os.sched_getaffinity(0))
    found = contenders()
    os.sched_setaffinity(0, set(cores[1:]) or set(cores))
    backend, backend_port = backend_process()
    try:
        for _ in range(options.rounds):
            for contender in found:
                measure(contender, backend_port, cores[0], options)
    finally:
        os.kill(backend, signal.SIGTERM)
        os.waitpid(backend, 0)
    report(found)


if __name__ == "__main__":
    main()
