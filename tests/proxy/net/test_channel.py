"""Messages with descriptors between parent and worker: whole, in order, and ended by either."""

import asyncio
import os
import socket

import pytest

from proxy.net.channel import MAX_DESCRIPTORS, Channel


class End:
    """One end of a channel, and what has come out of it."""

    def __init__(self, sock: socket.socket) -> None:
        self.messages: list[tuple[str, dict]] = []
        self.descriptors: list[int] = []
        self.news = asyncio.Event()
        self.closed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.channel = Channel(loop, sock, self._on_message, self.closed.set)

    def _on_message(self, kind: str, body: dict, descriptors: list[int]) -> None:
        self.messages.append((kind, body))
        self.descriptors += descriptors
        self.news.set()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.messages) < count:
                self.news.clear()
                await self.news.wait()


def with_ends(scene):
    """Run the coroutine with both ends of a channel."""

    async def run() -> None:
        first, second = (End(each) for each in socket.socketpair())
        try:
            await scene(first, second)
        finally:
            first.channel.close()
            second.channel.close()
            for each in (*first.descriptors, *second.descriptors):
                os.close(each)
            await asyncio.gather(first.closed.wait(), second.closed.wait())

    asyncio.run(run())


def test_messages_of_every_size_arrive_whole_and_in_order():
    sizes = [0, 1, 70_000, 5, 3_000_000, 2]

    async def scene(first: End, second: End) -> None:
        for size in sizes:
            first.channel.send("text", {"text": "x" * size})
        second.channel.send("answer", {})
        await second.wait_for(len(sizes))
        await first.wait_for(1)
        assert [len(body["text"]) for _, body in second.messages] == sizes

    with_ends(scene)


def test_descriptors_arrive_with_their_message():
    async def scene(first: End, second: End) -> None:
        pipes = [os.pipe() for _ in range(MAX_DESCRIPTORS // 2)]
        large = {"text": "x" * 1_000_000}
        first.channel.send("first", large, [reading for reading, _ in pipes])
        first.channel.send("second", large, [writing for _, writing in pipes])
        for pair in pipes:
            for each in pair:
                os.close(each)
        await second.wait_for(2)
        half = len(pipes)
        assert len(second.descriptors) == 2 * half
        for at, writing in enumerate(second.descriptors[half:]):
            os.write(writing, b"%d" % at)
        for at, reading in enumerate(second.descriptors[:half]):
            assert os.read(reading, 10) == b"%d" % at

    with_ends(scene)


@pytest.mark.parametrize("ends", ["first", "second"])
def test_end_of_one_side_is_told_to_both_once(ends):
    async def scene(first: End, second: End) -> None:
        (first if ends == "first" else second).channel.close()
        async with asyncio.timeout(10):
            await asyncio.gather(first.closed.wait(), second.closed.wait())
        first.channel.send("too late", {})
        assert second.messages == []

    with_ends(scene)
