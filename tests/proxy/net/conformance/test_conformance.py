"""HTTP strictness as a table: raw bytes of one side, and exactly what the other side gets.

What is ambiguous is refused or normalised, so that a server sees well-formed requests only and a
client well-formed responses only; after every case that leaves a connection open a further request
shows that both sides agree where messages begin.
"""

import contextlib

import pytest

from tests.proxy.net.conformance import framing, heads, responses
from tests.proxy.net.conformance.cases import OK, PLAIN, RequestCase, ResponseCase
from tests.proxy.net.conformance.wire import Message, read_request, read_response
from tests.proxy.net.http_scene import Peer, Scene

REQUESTS = framing.CASES + heads.CASES
RESPONSES = responses.CASES
PROBE = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
OURS_IN_REQUESTS = (b"x-forwarded-for", b"x-request-id")
OURS_IN_RESPONSES = (b"date", b"x-request-id")


class Backend:
    """The server of a scene: reads whole requests and answers each as it is told."""

    def __init__(self, scene: Scene) -> None:
        self._server = scene.server
        self.seen: list[tuple[int, Message]] = []
        self.answers: list[tuple[bytes, bool]] = []

    def turn(self) -> None:
        self._server.try_accept()
        for at, peer in enumerate(self._server.accepted):
            if peer.sock.fileno() >= 0:
                self._serve(at, peer)

    def _serve(self, at: int, peer: Peer) -> None:
        if not peer.is_at_end:
            peer.take()
        while (read := read_request(bytes(peer.received))) is not None:
            message, rest = read
            self.seen.append((at, message))
            peer.received[:] = rest
            data, closes = self.answers.pop(0) if self.answers else (OK, False)
            with contextlib.suppress(OSError):
                peer.send(data)
            if closes:
                peer.close()
                return

    def requests(self) -> list[bytes]:
        """Return what came, without the fields that every request gets."""
        for _, message in self.seen:
            for name in OURS_IN_REQUESTS:
                assert len(message.values(name)) == 1, message
        return [message.raw(OURS_IN_REQUESTS) for _, message in self.seen]


class Client:
    """A client that reads whole responses."""

    def __init__(self, scene: Scene, backend: Backend) -> None:
        self._scene = scene
        self._backend = backend
        self.peer = scene.connect()

    def send(self, data: bytes) -> None:
        # A client that is refused early cannot send all it wanted.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.peer.send(data)

    def responses(self, count: int, method: bytes = b"GET") -> list[Message]:
        """Wait for so many final responses; return them with the interim ones before them."""
        found: list[Message] = []

        def have_come() -> bool:
            self._backend.turn()
            if not self.peer.is_at_end:
                self.peer.take()
            while sum(each.status >= 200 for each in found) < count:
                read = read_response(bytes(self.peer.received), method, at_end=self.peer.is_at_end)
                if read is None:
                    return False
                found.append(read[0])
                self.peer.received[:] = read[1]
            return True

        self._scene.wait(have_come, lambda: f"{count} responses, not {found}")
        return found

    def wait_for_end(self) -> None:
        def has_ended() -> bool:
            self._backend.turn()
            if not self.peer.is_at_end:
                self.peer.take()
            return self.peer.is_at_end

        self._scene.wait(has_ended, lambda: f"the end after {self.peer.received[-300:]!r}")


def check_ours(answers: list[Message]) -> None:
    """Every final answer has one date and one id; an own one says why (contract.md)."""
    for each in answers:
        if each.status >= 200:
            assert len(each.values(b"x-request-id")) == 1
            assert len(each.values(b"date")) == 1


@pytest.mark.parametrize("case", [pytest.param(each, id=each.id) for each in REQUESTS])
def test_request(case: RequestCase):
    with Scene(**case.options) as scene:
        backend = Backend(scene)
        client = Client(scene, backend)
        client.send(case.sends)
        answers = client.responses(len(case.statuses))
        if case.stays:
            client.send(PROBE)
            answers += client.responses(1)
        else:
            client.wait_for_end()
            assert client.peer.received == b""
        scene.settle()
        backend.turn()
    assert [each.status for each in answers] == [*case.statuses, *([200] if case.stays else [])]
    assert backend.requests() == [*case.seen, *([PROBE] if case.stays else [])]
    check_ours(answers)
    for each in answers[: len(case.statuses)]:
        if not case.seen:
            assert each.values(b"x-openclb-reason")
    assert bool(answers[-1].values(b"connection") == [b"close"]) is not case.stays


@pytest.mark.parametrize("case", [pytest.param(each, id=each.id) for each in RESPONSES])
def test_response(case: ResponseCase):
    with Scene() as scene:
        backend = Backend(scene)
        backend.answers = [(case.answers, case.closes)]
        client = Client(scene, backend)
        client.send(case.request)
        if case.is_cut:
            client.wait_for_end()
            assert client.peer.was_reset
            assert bytes(client.peer.received).endswith(case.gets or b"")
            return
        method = case.request.partition(b" ")[0]
        answers = client.responses(1, method)
        if case.stays:
            client.send(PROBE)
            client.responses(1)
            (_, first), (_, second) = backend.seen
            assert (first.line, second.line) == (_sent_on(case.request), b"GET /probe HTTP/1.1")
            assert (backend.seen[0][0] == backend.seen[1][0]) is case.is_reused
        else:
            client.wait_for_end()
            assert client.peer.received == b""
    check_ours(answers)
    if case.gets is None:
        assert answers[-1].status == 502
        assert answers[-1].values(b"x-openclb-reason")[0] in {b"bad_response", b"upstream_closed"}
    else:
        assert b"".join(each.raw(OURS_IN_RESPONSES) for each in answers) == case.gets


def _sent_on(sends: bytes) -> bytes:
    """Return the request line as servers get it."""
    return sends.partition(b"\r\n")[0].replace(b"HTTP/1.0", b"HTTP/1.1")


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(
    "case", [pytest.param(each, id=each.id) for each in REQUESTS[::4] if len(each.sends) < 1000]
)
def test_request_in_small_pieces(case: RequestCase, size: int):
    """Where bytes are cut changes nothing."""
    with Scene() as scene:
        backend = Backend(scene)
        client = Client(scene, backend)
        for at in range(0, len(case.sends), size):
            client.send(case.sends[at : at + size])
        answers = client.responses(len(case.statuses))
        scene.settle()
        backend.turn()
    assert tuple(each.status for each in answers) == case.statuses
    assert backend.requests() == [*case.seen]


def test_suite_is_as_large_as_it_says():
    ids = [each.id for each in REQUESTS], [each.id for each in RESPONSES]
    assert all(len(each) == len(set(each)) for each in ids)
    assert len(REQUESTS) + len(RESPONSES) >= 250
    assert PLAIN in {each.sends for each in REQUESTS}
