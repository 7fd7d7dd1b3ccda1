"""One worker's data path for the benchmarks: the listener, the reactor and nothing else."""

import asyncio
import gc
import socket
import sys
from pathlib import Path

from proxy.net.access_log import FLUSH_INTERVAL_S, AccessLog
from proxy.net.log_file import LogFile
from proxy.net.reactor import Reactor
from proxy.net.server import ProxyServer
from proxy.snapshot import (
    Certificate,
    GroupKind,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    Snapshot,
    Tls,
    TlsPolicy,
)


def snapshot(protocol: Protocol, port: int, backend: int, pem: str) -> Snapshot:
    listener = Listener(
        id="lsn-bench",
        protocol=protocol,
        port=port,
        group="rsp-bench",
        backend_port=None,
        scheduler=SchedulerName.WEIGHTED_ROUND_ROBIN,
        health_check=None,
        connect_timeout_s=5,
        idle_timeout_s=30,
        request_timeout_s=60,
        tls=Tls(TlsPolicy.TLS_1_2_STRICT_WITH_1_3, "bench") if pem else None,
    )
    server = Server("i-bench", "127.0.0.1", backend, 100)
    group = ServerGroup("rsp-bench", GroupKind.DEFAULT, (server,))
    certificates = (Certificate("bench", pem, pem),) if pem else ()
    return Snapshot("lb-bench", 1, "127.0.0.1", (listener,), (group,), certificates)


def bind(mode: str, port: int) -> socket.socket:
    if mode == Protocol.UDP:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", port))
        return sock
    sock = socket.create_server(("127.0.0.1", port), backlog=4096)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


async def serve(mode: str, port: int, backend: int, access_log: AccessLog | None, pem: str) -> None:
    listening = bind(mode, port)
    reactor = Reactor()
    server = ProxyServer(reactor, access_log=access_log)
    server.adopt(snapshot(Protocol(mode), port, backend, pem))
    server.listen("lb-bench", "lsn-bench", listening)
    reactor.attach(asyncio.get_running_loop())
    while access_log is not None:
        await asyncio.sleep(FLUSH_INTERVAL_S)
        access_log.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    mode, port, backend, *files = sys.argv[1:]
    gc.freeze()
    is_https = mode == Protocol.HTTPS
    log = AccessLog(LogFile(Path(files[0]))) if files and not is_https else None
    pem = Path(files[0]).read_text() if is_https else ""
    asyncio.run(serve(mode, int(port), int(backend), log, pem))
