"""The ring between a worker and the writer of its access log: nothing mixed up, nothing overrun."""

import os
import random
from collections.abc import Iterator

import pytest

from proxy.net.log_ring import REOPEN, RING_BYTES, LogRing, create_ring


@pytest.fixture
def ends() -> Iterator[tuple[LogRing, LogRing]]:
    descriptor = create_ring()
    yield LogRing(descriptor), LogRing(descriptor)
    os.close(descriptor)


def taken(writer: LogRing) -> list[tuple[int, bytes]]:
    return [(lines, bytes(text)) for _, lines, text in writer.take()]


def test_parts_come_out_as_they_went_in(ends):
    worker, writer = ends
    assert worker.put(b"one\n", 1)
    assert worker.put(b"two\nthree\n", 2)
    assert taken(writer) == [(1, b"one\n"), (2, b"two\nthree\n")]
    assert taken(writer) == []


def test_reopening_keeps_its_place_among_the_lines(ends):
    worker, writer = ends
    worker.put(b"one\n", 1)
    worker.put_reopen()
    worker.put(b"two\n", 1)
    assert [length == REOPEN for length, _, _ in writer.take()] == [False, True, False]


def test_part_that_has_no_room_is_refused_and_changes_nothing(ends):
    worker, writer = ends
    part = b"x" * 99_999 + b"\n"
    count = 0
    while worker.put(part, 1):
        count += 1
    assert RING_BYTES // len(part) - 2 <= count < RING_BYTES // len(part) + 1
    assert not worker.put(b"x" * RING_BYTES, 1), "it never has room"
    assert taken(writer) == [(1, part)] * count
    assert worker.put(part, 1)


def test_a_part_stays_until_its_turn_is_over(ends):
    worker, writer = ends
    worker.put(b"one\n", 1)
    parts = writer.take()
    next(parts)  # the writer dies here
    assert [bytes(text) for _, _, text in writer.take()] == [b"one\n"]


def test_any_sizes_in_any_order_of_putting_and_taking(ends):
    """Many times round the ring."""
    worker, writer = ends
    dice = random.Random(20261125)
    put: list[bytes] = []
    found: list[bytes] = []
    for number in range(3000):
        part = b"%d:%b\n" % (number, b"x" * dice.randrange(40_000))
        if worker.put(part, 1):
            put.append(part)
        if dice.random() < 0.1:
            found += [text for _, text in taken(writer)]
    found += [text for _, text in taken(writer)]
    assert found == put
    assert sum(map(len, put)) > 5 * RING_BYTES


def test_counts_are_seen_by_the_worker(ends):
    worker, writer = ends
    writer.tell(5, 2, 28)
    assert (worker.written, worker.lost, worker.error) == (5, 2, 28)
    writer.tell(1, 0, 0)
    assert (worker.written, worker.lost, worker.error) == (6, 2, 0)
