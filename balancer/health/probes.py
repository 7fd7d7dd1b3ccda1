"""Asks one server whether it works, over the network and nothing else.

A probe answers with its evidence: words that an operator understands. What stops the probe on
our own side (no descriptor left, no local port) says nothing of the server: ``ProbeImpossible``.
"""

import asyncio
import errno
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from proxy.snapshot import CheckKind, HealthCheck

USER_AGENT = "KeepAliveClient"
"""The name by which operators know health checks in their logs (S173)."""
MAX_ANSWER_BYTES = 8192
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")
_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EACCES: "connection not permitted",
    errno.EPERM: "connection not permitted",
}
_OUR_OWN_FAULT = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)


class ProbeImpossible(Exception):
    """The probe could not be sent; the reason is on our side."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether the server passed, and what it did in a few words."""

    succeeded: bool
    detail: str


async def probe(address: str, port: int, check: HealthCheck) -> ProbeResult:
    """Return how the server answered one check, at the latest after the check's timeout."""
    ask = PROBES[check.kind]
    try:
        async with asyncio.timeout(check.timeout_s):
            return await ask(address, port, check)
    except TimeoutError as error:
        if check.kind is CheckKind.UDP and not check.expected_answer:
            return ProbeResult(True, f"no refusal within {check.timeout_s} s")
        # The kernel's own ETIMEDOUT comes as a TimeoutError too; both mean that nobody answered.
        waited = "" if error.errno else f" within {check.timeout_s} s"
        return ProbeResult(False, f"no answer{waited}")
    except OSError as error:
        if error.errno in _OUR_OWN_FAULT:
            raise ProbeImpossible(str(error)) from error
        if check.kind is CheckKind.UDP and error.errno == errno.ECONNREFUSED:
            return ProbeResult(False, "port unreachable")
        detail = _WORDS.get(error.errno or 0) or (error.strerror or str(error)).lower()
        return ProbeResult(False, detail)


async def probe_tcp(address: str, port: int, check: HealthCheck) -> ProbeResult:
    """Open a connection and reset it: the server never sees an empty session to serve."""
    with _new_socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        await _connect(sock, address, port)
    return ProbeResult(True, "connected")


async def probe_http(address: str, port: int, check: HealthCheck) -> ProbeResult:
    """Send one HTTP/1.0 request and judge the status code (S173, slb-rpc-api 5.4)."""
    with _new_socket() as sock:
        await _connect(sock, address, port)
        await asyncio.get_running_loop().sock_sendall(sock, _request(address, check))
        answer = await _read_head(sock)
    status_line = _STATUS_LINE.match(answer)
    if status_line is None:
        return ProbeResult(False, "no HTTP answer" if answer else "closed without an answer")
    code = int(status_line[1])
    return ProbeResult(code // 100 in check.expected_classes, f"answered {code}")


async def probe_udp(address: str, port: int, check: HealthCheck) -> ProbeResult:
    """Send one packet: the expected answer passes, or any and even none where none is expected.

    A server that is down says so by an ICMP message, which the connected socket brings as an error.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((address, port))
        await loop.sock_sendall(sock, check.request.encode())
        answer = await loop.sock_recv(sock, MAX_ANSWER_BYTES)
    if not check.expected_answer or answer.strip() == check.expected_answer.encode():
        return ProbeResult(True, "answered")
    return ProbeResult(False, "another answer than expected")


PROBES: Mapping[CheckKind, Callable[[str, int, HealthCheck], Awaitable[ProbeResult]]] = {
    CheckKind.TCP: probe_tcp,
    CheckKind.HTTP: probe_http,
    CheckKind.UDP: probe_udp,
}


def _new_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    return sock


async def _connect(sock: socket.socket, address: str, port: int) -> None:
    await asyncio.get_running_loop().sock_connect(sock, (address, port))
    if sock.getsockname() == sock.getpeername():
        # A port without a listener can be met by our own outgoing one: TCP connects to itself.
        raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")


def _request(address: str, check: HealthCheck) -> bytes:
    lines = (
        f"{check.method} {check.path} HTTP/1.0",
        f"Host: {check.host or address}",
        f"User-Agent: {USER_AGENT}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace")


async def _read_head(sock: socket.socket) -> bytes:
    """Return what the server says up to the end of its header, or the first 8 KB of it."""
    answer = b""
    while len(answer) < MAX_ANSWER_BYTES and b"\r\n\r\n" not in answer:
        try:
            received = await asyncio.get_running_loop().sock_recv(sock, MAX_ANSWER_BYTES)
        except ConnectionResetError:
            if not answer:
                raise
            break
        if not received:
            break
        answer += received
    return answer
