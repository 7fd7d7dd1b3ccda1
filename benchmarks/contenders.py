"""The proxy and its peers, each started on one core with one worker and one listener."""

import contextlib
import importlib.util
import os
import pathlib
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.certificate import write_certificate

ROOT = pathlib.Path(__file__).resolve().parent.parent
NGINX_STREAM = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
LOGGED = "-log"
"""Ends the modes in which the proxy is compared with itself, its access log being on."""
PLAIN = "http-plain"
"""Is the mode in which the proxy is compared with one made of an HTTP library's parts."""
HAPROXY = """
global
    nbthread 1
    maxconn 4096
defaults
    mode {mode}
    timeout client 30s
    timeout server 30s
    timeout connect 5s
    option splice-auto
listen bench
    bind 127.0.0.1:{port} backlog 4096 {tls}
{options}
    server one 127.0.0.1:{backend}
"""
HAPROXY_HTTP = """
    option forwardfor
    http-reuse always
    unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
    unique-id-header X-Request-Id
"""
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
{body}
"""
NGINX_HTTP = """
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    proxy_max_temp_file_size 0;
    upstream bench {{
        server 127.0.0.1:{backend};
        keepalive 128;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
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
NGINX_STREAMS = """
load_module {module};
events {{ worker_connections 8192; }}
stream {{
    server {{
        listen 127.0.0.1:{port} {listen};
        proxy_pass 127.0.0.1:{backend};
    }}
}}
"""

Command = Callable[[str, int, int, pathlib.Path], list[str]]


@dataclass(frozen=True, slots=True)
class Contender:
    """One proxy under test."""

    name: str
    command: Command
    modes: tuple[str, ...]


def own_command(mode: str, port: int, backend: int, folder: pathlib.Path) -> list[str]:
    protocol = mode.partition("-")[0]
    command = [sys.executable, "-m", "benchmarks.own", protocol, str(port), str(backend)]
    return [*command, str(_certificate(folder))] if mode == "https" else command


def logged_command(mode: str, port: int, backend: int, folder: pathlib.Path) -> list[str]:
    return [*own_command(mode, port, backend, folder), str(folder / "access.log")]


def aiohttp_command(mode: str, port: int, backend: int, folder: pathlib.Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.plain", str(port), str(backend)]


def haproxy_command(mode: str, port: int, backend: int, folder: pathlib.Path) -> list[str]:
    config = folder / "haproxy.cfg"
    values = {
        "mode": mode.rstrip("s"),
        "options": HAPROXY_HTTP if mode.startswith("http") else "",
        "tls": f"ssl crt {_certificate(folder)}" if mode == "https" else "",
    }
    config.write_text(HAPROXY.format(port=port, backend=backend, **values))
    return ["haproxy", "-db", "-f", str(config)]


def nginx_command(mode: str, port: int, backend: int, folder: pathlib.Path) -> list[str]:
    body = (NGINX_HTTP if mode == "http" else NGINX_STREAMS).format(
        port=port,
        backend=backend,
        folder=folder,
        module=NGINX_STREAM,
        listen="udp" if mode == "udp" else "backlog=4096",
    )
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, body=body))
    return ["nginx", "-c", str(config), "-e", str(folder / "error.log")]


def _certificate(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "bench.pem"
    write_certificate(path)
    return path


def installed() -> list[Contender]:
    """Return the proxy and every peer that is installed; say what is not."""
    found = [
        Contender(
            "openclb",
            own_command,
            ("http", "https", "tcp", "udp", "http" + LOGGED, "tcp" + LOGGED, PLAIN),
        ),
        Contender("with-log", logged_command, ("http" + LOGGED, "tcp" + LOGGED)),
    ]
    if importlib.util.find_spec("aiohttp"):
        found.append(Contender("aiohttp", aiohttp_command, (PLAIN,)))
    else:
        print("aiohttp: not installed, skipped")
    if shutil.which("haproxy"):
        found.append(Contender("haproxy", haproxy_command, ("http", "https", "tcp")))
    else:
        print("haproxy: not installed, skipped")
    if shutil.which("nginx"):
        modes = ("http", "tcp", "udp") if NGINX_STREAM.exists() else ("http",)
        found.append(Contender("nginx", nginx_command, modes))
        if "tcp" not in modes:
            print("nginx: its stream module is not installed, skipped for TCP and UDP")
    else:
        print("nginx: not installed, skipped")
    return found


@contextlib.contextmanager
def running(contender: Contender, mode: str, backend: int, core: int) -> Iterator[tuple[int, int]]:
    """Run a contender on its own core; give its process and port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            contender.command(mode, port, backend, pathlib.Path(folder)),
            cwd=ROOT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_until_open(contender, child, lambda: _answers(mode, port))
            yield child.pid, port
        finally:
            child.kill()
            child.wait()


def _answers(mode: str, port: int) -> None:
    """Raise OSError unless the contender can be reached."""
    if mode != "udp":
        socket.create_connection(("127.0.0.1", port)).close()
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        sock.connect(("127.0.0.1", port))
        sock.send(b"x")
        sock.recv(1)


def _wait_until_open(
    contender: Contender, child: subprocess.Popen[bytes], answers: Callable[[], None]
) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            answers()
        except OSError:
            if child.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{contender.name} does not start") from None
            select.select([], [], [], 0.02)
        else:
            return
