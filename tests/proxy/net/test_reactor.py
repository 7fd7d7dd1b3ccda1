"""The reactor: events reach their owner, and never a newcomer with an old descriptor number."""

import asyncio
import socket

import pytest

from proxy.net.reactor import READ, WRITE, Reactor


@pytest.fixture
def reactor():
    made = Reactor()
    yield made
    made.close()


@pytest.fixture
def pair():
    first, second = socket.socketpair()
    with first, second:
        yield first, second


def test_reports_what_is_asked_for(reactor, pair):
    first, second = pair
    seen = []
    reactor.register(first.fileno(), READ, seen.append)
    reactor.drain()
    assert seen == []
    second.send(b"x")
    reactor.drain()
    assert seen == [READ]
    reactor.modify(first.fileno(), WRITE)
    reactor.drain()
    assert seen == [READ, WRITE]


def test_unregister_is_idempotent_and_tolerates_a_closed_descriptor(reactor, pair):
    first, _ = pair
    fd = first.fileno()
    reactor.register(fd, READ, lambda mask: None)
    first.close()
    reactor.unregister(fd)
    reactor.unregister(fd)


def test_event_of_a_closed_descriptor_is_not_given_to_its_successor(reactor):
    """Within one batch the first handler closes the second socket and reuses its number."""
    pairs = [socket.socketpair() for _ in range(2)]
    seen, fresh = [], []

    def replace_other(own: int) -> None:
        other = pairs[1 - own][0]
        fd = other.fileno()
        if fd < 0:
            return
        reactor.unregister(fd)
        other.close()
        fresh.extend(socket.socketpair())
        assert fd in {each.fileno() for each in fresh}
        reactor.register(fd, WRITE, lambda mask: seen.append("successor"))

    for own, (ours, theirs) in enumerate(pairs):
        reactor.register(ours.fileno(), READ, lambda mask, own=own: replace_other(own))
        theirs.send(b"x")
    reactor.drain()
    assert seen == []
    reactor.drain()
    assert seen == ["successor"]
    for each in [*fresh, *(sock for pair in pairs for sock in pair)]:
        each.close()


def test_failing_handler_costs_its_own_connection_only(reactor, pair, caplog):
    class Owner:
        aborted = False

        def on_event(self, mask: int) -> None:
            raise RuntimeError("a bug")

        def abort(self) -> None:
            self.aborted = True

    first, second = pair
    owner, seen = Owner(), []
    reactor.register(first.fileno(), WRITE, owner.on_event)
    reactor.register(second.fileno(), WRITE, seen.append)
    reactor.drain()
    reactor.drain()
    assert owner.aborted
    assert seen == [WRITE, WRITE]
    assert caplog.text.count("a connection failed") == 1


def test_loop_drives_events_and_deadlines(pair):
    first, second = pair

    async def run() -> list[str]:
        reactor, seen, done = Reactor(), [], asyncio.Event()
        reactor.attach(asyncio.get_running_loop())
        reactor.register(first.fileno(), READ, lambda mask: (first.recv(10), seen.append("read")))
        reactor.deadlines.schedule(0.3, lambda: (seen.append("deadline"), done.set()))
        second.send(b"x")
        await asyncio.wait_for(done.wait(), 10)
        reactor.close()
        return seen

    assert asyncio.run(run()) == ["read", "deadline"]
