"""Each scheduler through real sockets: who gets the connections and requests of real clients."""

import collections
import socket

import pytest

from proxy.snapshot import Protocol, SchedulerName
from tests.proxy.net.http_scene import Peer, Scene

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
# The connection to the server is not kept, so each request is a new one to see.
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.fixture
def new_scene():
    scenes: list[Scene] = []

    def make(servers: int = 3, **options: object) -> Scene:
        scenes.append(Scene(servers=servers, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.__exit__(None, None, None)


def find_accepted(scene: Scene) -> tuple[int, Peer]:
    """Wait for the proxy's next connection to any server; return which, and its end of it."""
    found: list[tuple[int, Peer]] = []

    def has_come() -> bool:
        for at, server in enumerate(scene.servers):
            is_closed = server.listening.fileno() < 0
            if not is_closed and (peer := server.try_accept()) is not None:
                found.append((at, peer))
        return bool(found)

    scene.wait(has_come, lambda: "a connection to some server")
    return found[0]


def active(scene: Scene) -> list[int]:
    """Return how much each server has open."""
    servers = scene.service.report()["servers"]
    names = [f"i-{at}" for at in range(len(scene.servers))]
    return [servers[name]["active"] if name in servers else 0 for name in names]


def open_connections(scene: Scene, count: int, source: str | None = None) -> list[int]:
    """Return who got each of so many connections, which stay open."""
    return [
        (scene.connect((source, 0) if source else None), find_accepted(scene)[0])[1]
        for _ in range(count)
    ]


def test_round_robin_ignores_weights_but_not_zero(new_scene):
    scene = new_scene(4, protocol=Protocol.TCP, scheduler=SchedulerName.ROUND_ROBIN)
    scene.adopt_weights([100, 1, 0, 50])
    counts = collections.Counter(open_connections(scene, 30))
    assert counts == {0: 10, 1: 10, 3: 10}


def test_round_robin_serves_requests(new_scene):
    scene = new_scene(scheduler=SchedulerName.ROUND_ROBIN)
    scene.adopt_weights([100, 1, 50])
    seen = [serve_one(scene, scene.connect())[0] for _ in range(6)]
    assert sorted(seen) == [0, 0, 1, 1, 2, 2]


def test_least_connections_fills_up_whoever_has_least_open(new_scene):
    """Connections that end count no more: the next ones go where they ended."""
    scene = new_scene(protocol=Protocol.TCP, scheduler=SchedulerName.WEIGHTED_LEAST_CONNECTIONS)
    scene.adopt_weights([50, 30, 20])
    opened = []
    for _ in range(20):
        client = scene.connect()
        opened.append((client, *find_accepted(scene)))
    assert active(scene) == [10, 6, 4]
    for client, at, server in opened:
        if at == 1:
            client.close()
            server.close()
    scene.wait(lambda: active(scene) == [10, 0, 4], lambda: "the connections to end")
    assert open_connections(scene, 6) == [1] * 6


def test_least_connections_counts_requests_not_idle_connections(new_scene):
    """A client that waits for a slow server's answer keeps the others away from that server."""
    scene = new_scene(2, scheduler=SchedulerName.WEIGHTED_LEAST_CONNECTIONS)
    slow = scene.connect()
    slow.send(REQUEST)
    waiting, peer = find_accepted(scene)
    for _ in range(5):
        at, _ = serve_one(scene, scene.connect())
        assert at == 1 - waiting
    peer.wait_for_head()
    peer.send(RESPONSE)
    slow.wait_for_response()
    assert active(scene) == [0, 0]
    assert {serve_one(scene, scene.connect())[0] for _ in range(2)} == {0, 1}


def test_least_connections_survives_a_server_that_refuses_and_one_that_is_removed(new_scene):
    """Whatever way work ends, it is counted off once."""
    scene = new_scene(protocol=Protocol.TCP, scheduler=SchedulerName.WEIGHTED_LEAST_CONNECTIONS)
    scene.servers[0].close()
    assert set(open_connections(scene, 6)) == {1, 2}
    assert active(scene) == [0, 3, 3]
    scene.removed.add(1)
    scene.adopt_weights([0, 100, 100])
    scene.wait(lambda: len(scene.service.connections) == 3, lambda: "the connections to be cut")
    scene.removed.clear()
    scene.adopt_weights([0, 100, 100])
    assert open_connections(scene, 3) == [1, 1, 1]


def test_source_hash_keeps_an_address_at_its_server_until_that_fails(new_scene):
    scene = new_scene(protocol=Protocol.TCP, scheduler=SchedulerName.SOURCE_HASH)
    homes = {}
    for number in range(2, 14):
        source = f"127.0.0.{number}"
        (homes[source],) = set(open_connections(scene, 3, source))
    assert set(homes.values()) == {0, 1, 2}
    scene.servers[0].close()
    for source, home in homes.items():
        (now,) = set(open_connections(scene, 2, source))
        assert now == home or home == 0
        assert now != 0


def test_clients_wait_until_the_first_table_is_made_and_others_are_served_meanwhile(new_scene):
    """No turn of the loop makes the whole table, however soon the first client comes."""
    scene = new_scene(protocol=Protocol.TCP, scheduler=SchedulerName.SOURCE_HASH)
    client = socket.create_connection(scene._address)
    scene.settle()
    assert scene.service.counters.accepted == 0
    scene.wait(lambda: scene.service.counters.accepted == 1, lambda: "the accept")
    assert scene.service.plan.is_ready
    client.close()


def test_source_hash_agrees_between_proxies(new_scene):
    """Two proxies that share nothing send an address to the same server."""
    options = {"protocol": Protocol.TCP, "scheduler": SchedulerName.SOURCE_HASH}
    choices = []
    for _ in range(2):
        scene = new_scene(**options)
        choices.append([open_connections(scene, 1, f"127.0.0.{number}") for number in range(2, 10)])
    assert choices[0] == choices[1]


def test_tuple_hash_spreads_the_connections_of_one_address(new_scene):
    scene = new_scene(protocol=Protocol.TCP, scheduler=SchedulerName.TUPLE_HASH)
    scene.adopt_weights([50, 50, 0])
    counts = collections.Counter(open_connections(scene, 40, "127.0.0.5"))
    assert counts[2] == 0
    assert min(counts[0], counts[1]) >= 5


@pytest.mark.parametrize(
    "scheduler",
    [name for name in SchedulerName if name is not SchedulerName.CONNECTION_ID_HASH],
)
def test_all_weights_zero_closes_at_once(new_scene, scheduler):
    scene = new_scene(protocol=Protocol.TCP, scheduler=scheduler)
    scene.adopt_weights([0, 0, 0])
    assert scene.connect().wait_for_end() == b""


@pytest.mark.parametrize(
    "scheduler", [SchedulerName.ROUND_ROBIN, SchedulerName.WEIGHTED_LEAST_CONNECTIONS]
)
def test_all_weights_zero_answers_503_with_the_reason(new_scene, scheduler):
    scene = new_scene(scheduler=scheduler)
    scene.adopt_weights([0, 0, 0])
    client = scene.connect()
    client.send(REQUEST)
    head = client.wait_for_head()
    assert b" 503 " in head
    assert b"X-OpenCLB-Reason: no_weight" in head


def serve_one(scene: Scene, client: Peer) -> tuple[int, bytes]:
    """Let one request be served; return by whom, and the head of the answer."""
    client.send(REQUEST)
    at, server = find_accepted(scene)
    server.wait_for_head()
    server.send(RESPONSE)
    head, _ = client.wait_for_response()
    return at, head
