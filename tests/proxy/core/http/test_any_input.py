"""Any bytes into the readers of HTTP, the same ones each time; ``make fuzz`` looks further."""

import pytest

from fuzz.messages import check, check_chunks, check_packed
from fuzz.mutation import SEEDS, mutations

CHUNKS = b"5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cut_of_a_good_message(seed):
    for at in range(256):
        check(bytes([at]) + seed)


@pytest.mark.parametrize("part", range(10))
def test_messages_that_are_almost_right(part):
    for data in mutations(2000, seed=part):
        check(data)


def test_chunks_that_are_almost_right():
    for at in range(len(CHUNKS)):
        for byte in b"\r\n 0;fx\x00":
            data = CHUNKS[:at] + bytes([byte]) + CHUNKS[at + 1 :]
            check_chunks(data, at)
    for data in mutations(500, seed=99):
        check_packed(data)
