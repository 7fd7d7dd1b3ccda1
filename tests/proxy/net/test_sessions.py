"""Session persistence through real sockets: who gets the next request of a client with a cookie."""

import re

import pytest

from proxy.snapshot import Sticky, StickyKind
from tests.proxy.net.answering import ask, find_request
from tests.proxy.net.http_scene import Peer, Scene

INSERT = Sticky(StickyKind.INSERT, cookie_timeout_s=3600)
REWRITE = Sticky(StickyKind.REWRITE, cookie_name="sid")
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture
def scene():
    with Scene(servers=3, sticky=INSERT) as made:
        yield made


def cookie_in(answer: bytes) -> bytes | None:
    """Return the cookie that an answer sets, as a client sends it back."""
    match = re.search(rb"Set-Cookie: ([^;\r]+)", answer)
    return match.group(1) if match else None


def begin(scene: Scene, client: Peer, response_lines: bytes = b"") -> tuple[int, bytes]:
    """Begin a session; return its server and its cookie."""
    at, _, answer = ask(scene, client, GET, response_lines)
    cookie = cookie_in(answer)
    assert cookie is not None
    return at, cookie


def go_on(scene: Scene, client: Peer, cookie: bytes) -> tuple[int, bytes, bytes]:
    return ask(scene, client, GET + b"Cookie: a=1; " + cookie + b"\r\n")


def test_session_stays_with_its_server_over_connections(scene):
    at, cookie = begin(scene, scene.connect())
    for _ in range(5):
        client = scene.connect()
        again, seen, answer = go_on(scene, client, cookie)
        assert again == at
        assert b"SERVERID" not in seen
        assert b"Cookie: a=1\r\n" in seen
        assert cookie_in(answer) is None
        client.close()


def test_clients_without_a_cookie_are_spread(scene):
    client = scene.connect()
    assert sorted(begin(scene, client)[0] for _ in range(6)) == [0, 0, 1, 1, 2, 2]


def test_two_proxies_agree_whatever_the_order_of_events():
    """Nothing is shared but the snapshot: a cookie of one proxy is good at every other."""
    with Scene(servers=3, sticky=INSERT) as one, Scene(servers=3, sticky=INSERT) as two:
        for _ in range(4):
            at, cookie = begin(one, one.connect())
            assert go_on(two, two.connect(), cookie)[0] == at


def test_session_of_a_server_that_refuses_moves_in_one_hop(scene):
    client = scene.connect()
    at, cookie = begin(scene, client)
    scene.servers[at].close()
    for peer in scene.servers[at].accepted:
        peer.close()
    moved, _, answer = go_on(scene, client, cookie)
    assert moved != at
    new_cookie = cookie_in(answer)
    assert new_cookie is not None
    assert go_on(scene, client, new_cookie)[0] == moved


def test_weight_zero_takes_no_more_requests_of_its_sessions(scene):
    """C3: a request is new work, even that of a known client, so the server can be emptied."""
    client = scene.connect()
    at, cookie = begin(scene, client)
    scene.adopt_weights([0 if each == at else 100 for each in range(3)])
    moved, _, answer = go_on(scene, client, cookie)
    assert moved != at
    assert cookie_in(answer) is not None


def test_session_of_a_removed_server_moves(scene):
    client = scene.connect()
    at, cookie = begin(scene, client)
    scene.removed = {at}
    scene.adopt_weights([100] * 3)
    assert go_on(scene, client, cookie)[0] != at


@pytest.mark.parametrize(
    "cookie", [b"SERVERID=", b"SERVERID=" + b"A" * 40, b"SERVERID=" + b"x" * 5000]
)
def test_forged_cookie_is_answered_by_a_new_one(scene, cookie):
    _, seen, answer = go_on(scene, scene.connect(), cookie)
    assert b"SERVERID" not in seen
    new_cookie = cookie_in(answer)
    assert new_cookie is not None
    assert len(new_cookie) == len(b"SERVERID=") + 40


def test_mark_of_the_application_s_cookie_is_unknown_to_the_server():
    with Scene(servers=3, sticky=REWRITE) as scene:
        at, cookie = begin(scene, scene.connect(), b"Set-Cookie: sid=abc; HttpOnly\r\n")
        assert re.fullmatch(rb"sid=~[A-Za-z0-9_-]{40}~abc", cookie)
        for _ in range(4):
            again, seen, answer = go_on(scene, scene.connect(), cookie)
            assert again == at
            assert b"Cookie: a=1; sid=abc\r\n" in seen
            assert cookie_in(answer) is None


def test_session_of_the_application_moves_in_one_hop():
    with Scene(servers=3, sticky=REWRITE) as scene:
        client = scene.connect()
        at, cookie = begin(scene, client, b"Set-Cookie: sid=abc\r\n")
        scene.adopt_weights([0 if each == at else 100 for each in range(3)])
        moved, seen, answer = go_on(scene, client, cookie)
        assert moved != at
        assert b"sid=abc\r\n" in seen
        new_cookie = cookie_in(answer)
        assert new_cookie is not None
        assert go_on(scene, client, new_cookie)[0] == moved


def test_persistence_that_is_switched_on_and_off_needs_no_new_connection():
    with Scene(servers=2) as scene:
        client = scene.connect()
        assert cookie_in(ask(scene, client, GET)[2]) is None
        scene.adopt_weights([100] * 2, sticky=INSERT)
        at, cookie = begin(scene, client)
        assert {go_on(scene, client, cookie)[0] for _ in range(4)} == {at}
        scene.adopt_weights([100] * 2, sticky=None)
        assert {go_on(scene, client, cookie)[0] for _ in range(4)} == {0, 1}


def test_upgraded_connection_gets_its_cookie_too(scene):
    client = scene.connect()
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    client.send(GET + upgrade + b"\r\n")
    _, server, _ = find_request(scene)
    server.send(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\n")
    answer = client.wait_for_head()
    assert cookie_in(answer) is not None
