"""Bodies are counted, checked and cut at their end, however their bytes arrive."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.bodies import Body, ChunkedBody, LengthBody, UntilCloseBody, body_of
from proxy.core.http.events import CHUNKED, UNTIL_CLOSE
from proxy.core.http.limits import HttpLimits

CHUNKS = b'5\r\nhello\r\n1;a="b";c\r\n \r\n00A \t;x\r\n0123456789\r\n0\r\nT: v\r\nU: w\r\n\r\n'
RELAYED = b"5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\n\r\n"
DECODED = b"hello 0123456789"


def feed(body: Body, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """Return what is relayed and what the body did not take."""
    relayed, left = b"", b""
    for piece in pieces:
        part = body.receive(memoryview(piece)) if not body.done else None
        relayed += b"".join(part.relay) if part else b""
        left += piece[part.consumed :] if part else piece
    return relayed, left


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cuts), len(data)]
    return [data[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]


def test_length_body_ends_at_its_length():
    body = LengthBody(5)
    assert feed(body, [b"abc", b"defgh"]) == (b"abcde", b"fgh")
    assert body.done
    assert LengthBody(0).done


def test_until_close_body_takes_all():
    body = UntilCloseBody()
    assert feed(body, [b"abc", b"def"]) == (b"abcdef", b"")
    assert not body.done


@pytest.mark.parametrize(("decode", "expected"), [(False, RELAYED), (True, DECODED)])
def test_extensions_and_trailers_are_left_out(decode, expected):
    body = ChunkedBody(decode=decode)
    assert feed(body, [CHUNKS + b"GET"]) == (expected, b"GET")
    assert body.done


@pytest.mark.parametrize(("decode", "expected"), [(False, RELAYED), (True, DECODED)])
def test_byte_by_byte_is_the_same(decode, expected):
    data = CHUNKS + b"GET"
    pieces = [data[at : at + 1] for at in range(len(data))]
    assert feed(ChunkedBody(decode=decode), pieces) == (expected, b"GET")


@given(st.lists(st.integers(0, len(CHUNKS)), max_size=10), st.booleans())
def test_random_splits_are_the_same(cuts, decode):
    relayed, left = feed(ChunkedBody(decode=decode), split(CHUNKS, cuts))
    assert (relayed, left) == (DECODED if decode else RELAYED, b"")


def test_plain_chunks_are_relayed_as_one_piece():
    data = b"5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"
    part = ChunkedBody().receive(memoryview(data))
    assert len(part.relay) == 1
    assert bytes(part.relay[0]) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\r\n", id="empty-size"),
        pytest.param(b"x\r\n", id="no-digit"),
        pytest.param(b"0x5\r\n", id="prefix"),
        pytest.param(b"+5\r\n", id="plus"),
        pytest.param(b"-5\r\n", id="minus"),
        pytest.param(b"5_0\r\n", id="underscore"),
        pytest.param(b" 5\r\n", id="space-before"),
        pytest.param(b"5 \r\n", id="space-after"),
        pytest.param(b"5\n", id="bare-lf"),
        pytest.param(b"5;a\nb\r\n", id="bare-lf-in-extension"),
        pytest.param(b"5;a\rb\r\n", id="bare-cr-in-extension"),
        pytest.param(b"5;\x00\r\n", id="nul-in-extension"),
        pytest.param(b"5 a\r\n", id="extension-without-semicolon"),
        pytest.param(b"1" * 16 + b"\r\n", id="size-too-large"),
        pytest.param(b"1;" + b"a" * 2000 + b"\r\n", id="extension-too-long"),
        pytest.param(b"1;" + b"a" * 2000, id="extension-without-end"),
        pytest.param(b"3\r\nabcd\r\n", id="data-longer-than-size"),
        pytest.param(b"3\r\nabc\n", id="bare-lf-after-data"),
        pytest.param(b"3\r\nabc\r\r", id="cr-after-data"),
        pytest.param(b"0\r\nA : b\r\n\r\n", id="bad-trailer"),
        pytest.param(b"0\r\nA: b\n\r\n", id="bare-lf-in-trailer"),
        pytest.param(b"0\r\n A: b\r\n\r\n", id="folded-trailer"),
        pytest.param(b"0\r\n" + b"A: b\r\n" * 4000, id="endless-trailers"),
        pytest.param(b"0\r\nA: " + b"b" * 20000, id="trailer-without-end"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_bad_chunks_are_refused(data, step):
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    with pytest.raises(RemoteProtocolError):
        feed(ChunkedBody(), pieces)


def test_bad_rest_does_not_let_the_end_through():
    body = ChunkedBody()
    with pytest.raises(RemoteProtocolError):
        body.receive(memoryview(b"3\r\nabc\r\nzz\r\n0\r\n\r\n"))
    assert not body.done


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(0, 400)))
def test_every_chunked_body_decodes_to_its_data(chunks, cuts):
    data = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    pieces = split(data, [min(cut, len(data)) for cut in cuts])
    assert feed(ChunkedBody(decode=True), pieces) == (b"".join(chunks), b"")
    assert feed(ChunkedBody(), pieces) == (data, b"")


@given(st.binary(max_size=100))
def test_garbage_is_taken_or_refused_but_never_crashes(data):
    body = ChunkedBody(limits=HttpLimits(max_chunk_line_bytes=16, max_trailer_bytes=32))
    with contextlib.suppress(RemoteProtocolError):
        feed(body, [data])


def test_body_of_knows_the_three_kinds():
    assert isinstance(body_of(CHUNKED), ChunkedBody)
    assert isinstance(body_of(UNTIL_CLOSE), UntilCloseBody)
    assert isinstance(body_of(3), LengthBody)
