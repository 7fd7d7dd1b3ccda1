"""The demo's backends: real HTTP, TCP and UDP on real sockets, and what stopping one means."""

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import AsyncIterator

import pytest

from balancer.demo.inventory import ECHO_PORT, HTTP_PORT
from balancer.demo.machines import DemoMachine
from balancer.demo.serve import Estate
from balancer.demo.servers import MachineServer

ADDRESS = "127.76.1.1"
MACHINE = DemoMachine("i-demo1", "web-1", (ADDRESS,))
DEADLINE_S = 10


@contextlib.asynccontextmanager
async def running(machine: DemoMachine = MACHINE) -> AsyncIterator[MachineServer]:
    server = MachineServer(machine)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **kwargs):
    connection.request(method, path, **kwargs)
    response = connection.getresponse()
    return response, response.read()


def test_http_tells_who_answered_and_what_was_asked():
    async def scenario():
        async with running():
            return await asyncio.to_thread(conversation)

    def conversation():
        connection = http.client.HTTPConnection(ADDRESS, HTTP_PORT, timeout=DEADLINE_S)
        with contextlib.closing(connection):
            first = ask(connection, "POST", "/a?b=1", body=b"12345", headers={"X-Test": "yes"})
            second = ask(connection, "GET", "/health")
            third = ask(connection, "HEAD", "/health")
        return first, second, third

    (response, body), (health, _), (head, head_body) = asyncio.run(scenario())
    answer = json.loads(body)
    assert response.status == 200
    assert answer["server_id"] == "i-demo1"
    assert answer["server_name"] == "web-1"
    assert answer["path"] == "/a?b=1"
    assert answer["body_bytes"] == 5
    assert ["X-Test", "yes"] in answer["headers"]
    assert health.status == 200
    assert (head.status, head_body) == (200, b"")


def test_chunked_request_is_read_to_its_end_and_the_connection_goes_on():
    async def scenario():
        async with running():
            reader, writer = await asyncio.open_connection(ADDRESS, HTTP_PORT)
            writer.write(
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            answers = await asyncio.wait_for(reader.read(), DEADLINE_S)
            writer.close()
            await writer.wait_closed()
            return answers

    answers = asyncio.run(scenario())
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert b'"body_bytes": 5' in answers


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x16\x03\x01hello\r\n\r\n", id="not-http"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="bad-length"),
        pytest.param(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad-chunk"),
    ],
)
def test_garbage_is_answered_with_400_and_closed(garbage):
    async def scenario():
        async with running():
            reader, writer = await asyncio.open_connection(ADDRESS, HTTP_PORT)
            writer.write(garbage)
            answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
            writer.close()
            await writer.wait_closed()
            return answer

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 400 ")


def test_tcp_and_udp_echo():
    async def scenario():
        async with running():
            return await asyncio.to_thread(conversation)

    def conversation():
        with socket.create_connection((ADDRESS, ECHO_PORT), DEADLINE_S) as stream:
            stream.sendall(b"hello")
            received = stream.recv(5, socket.MSG_WAITALL)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.settimeout(DEADLINE_S)
            packets.sendto(b"packet", (ADDRESS, ECHO_PORT))
            return received, packets.recv(100)

    assert asyncio.run(scenario()) == (b"hello", b"packet")


def test_a_stopped_machine_refuses_and_cuts_what_is_open():
    async def scenario():
        async with running() as server:
            reader, writer = await asyncio.open_connection(ADDRESS, ECHO_PORT)
            writer.write(b"x")
            assert await asyncio.wait_for(reader.read(1), DEADLINE_S) == b"x"
            await server.stop()
            assert await asyncio.wait_for(reader.read(1), DEADLINE_S) == b""
            writer.close()
            await writer.wait_closed()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(ADDRESS, HTTP_PORT)

    asyncio.run(scenario())


def test_the_estate_follows_what_is_stopped_and_what_exists():
    other = DemoMachine("i-demo2", "web-2", ("127.76.1.2",))

    async def answers(address):
        try:
            _, writer = await asyncio.open_connection(address, HTTP_PORT)
        except ConnectionRefusedError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def scenario():
        estate = Estate()
        try:
            await estate.reconcile([MACHINE, other], frozenset())
            seen = [(await answers(ADDRESS), await answers("127.76.1.2"))]
            await estate.reconcile([MACHINE, other], frozenset({"i-demo2"}))
            seen.append((await answers(ADDRESS), await answers("127.76.1.2")))
            await estate.reconcile([other], frozenset())
            seen.append((await answers(ADDRESS), await answers("127.76.1.2")))
        finally:
            await estate.stop()
        return seen

    assert asyncio.run(scenario()) == [(True, True), (True, False), (False, True)]
