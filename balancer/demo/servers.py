"""Real little backend servers: HTTP that says who it is, and TCP and UDP echo.

One process serves every machine of the demo. A machine that is stopped closes its sockets and
cuts what is open, as a machine that loses its power would.
"""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from typing import cast

from balancer.demo.inventory import ECHO_PORT, HTTP_PORT
from balancer.demo.machines import DemoMachine

logger = logging.getLogger(__name__)

_MAX_HEAD_BYTES = 64 * 1024
_COPY_BYTES = 64 * 1024


class BadRequest(Exception):
    """The peer does not speak HTTP."""


class MachineServer:
    """Everything one machine serves; ``start`` and ``stop`` may alternate."""

    def __init__(self, machine: DemoMachine) -> None:
        self.machine = machine
        self._servers: list[asyncio.Server] = []
        self._echoes: list[asyncio.DatagramTransport] = []
        self._conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Open every port of every address."""
        loop = asyncio.get_running_loop()
        for address in self.machine.addresses:
            self._servers.append(
                await asyncio.start_server(
                    self._serve_http, address, HTTP_PORT, limit=_MAX_HEAD_BYTES, backlog=512
                )
            )
            self._servers.append(
                await asyncio.start_server(self._serve_echo, address, ECHO_PORT, backlog=512)
            )
            transport, _ = await loop.create_datagram_endpoint(
                DatagramEcho, local_addr=(address, ECHO_PORT), family=socket.AF_INET
            )
            self._echoes.append(transport)
        logger.info("demo server started: server=%s", self.machine.name)

    async def stop(self) -> None:
        """Close the ports, cut every open connection and wait for the ends."""
        for server in self._servers:
            server.close()
        for echo in self._echoes:
            echo.close()
        for writer in self._conversations.values():
            writer.transport.abort()
        await asyncio.gather(*self._conversations)
        self._servers.clear()
        self._echoes.clear()
        logger.info("demo server stopped: server=%s", self.machine.name)

    @contextlib.asynccontextmanager
    async def _tracked(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        conversation = asyncio.current_task()
        assert conversation is not None, "the stream server runs each handler in a task"
        self._conversations[conversation] = writer
        try:
            yield
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the peer went away, or never spoke HTTP: nothing to tell it
        finally:
            del self._conversations[conversation]
            writer.close()

    async def _serve_echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._tracked(writer):
            while data := await reader.read(_COPY_BYTES):
                writer.write(data)
                await writer.drain()

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._tracked(writer):
            while await self._answer_one(reader, writer):
                pass

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer the next request; tell whether another may follow."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, version, headers = _parse_head(head)
            body_bytes = await _drain_body(reader, dict(_lowered(headers)))
        except BadRequest:
            writer.write(_response(HTTPStatus.BAD_REQUEST, b"", keep=False, with_body=True))
            return False
        keep = version == "HTTP/1.1" and dict(_lowered(headers)).get("connection") != "close"
        body = self._body(method, path, headers, body_bytes)
        writer.write(_response(HTTPStatus.OK, body, keep=keep, with_body=method != "HEAD"))
        await writer.drain()
        return keep

    def _body(
        self, method: str, path: str, headers: list[tuple[str, str]], body_bytes: int
    ) -> bytes:
        if path.partition("?")[0] == "/health":
            return b'{"status": "ok"}\n'
        answer = {
            "server_id": self.machine.machine_id,
            "server_name": self.machine.name,
            "method": method,
            "path": path,
            "headers": headers,
            "body_bytes": body_bytes,
        }
        return json.dumps(answer).encode() + b"\n"


class DatagramEcho(asyncio.DatagramProtocol):
    """Sends each packet back to where it came from."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one packet."""
        self._transport.sendto(data, addr)


def _parse_head(head: bytes) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Return method, path, version and the header fields in their order."""
    try:
        request_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, path, version = request_line.split(" ")
        fields = [line.split(":", 1) for line in lines]
        return method, path, version, [(name, value.strip()) for name, value in fields]
    except ValueError as error:
        raise BadRequest from error


def _lowered(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((name.lower(), value.lower()) for name, value in headers)


async def _drain_body(reader: asyncio.StreamReader, fields: dict[str, str]) -> int:
    """Read the request's body away and return its length in bytes."""
    if fields.get("transfer-encoding") == "chunked":
        total = 0
        while size := _chunk_size(await reader.readuntil(b"\r\n")):
            total += await _discard(reader, size)
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers
        return total
    length = fields.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise BadRequest
    return await _discard(reader, int(length))


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise BadRequest from error


async def _discard(reader: asyncio.StreamReader, size: int) -> int:
    left = size
    while left:
        data = await reader.read(min(left, _COPY_BYTES))
        if not data:
            raise ConnectionResetError
        left -= len(data)
    return size


def _response(status: HTTPStatus, body: bytes, *, keep: bool, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
