"""Responses of servers are read strictly, and their bodies have one length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.events import CHUNKED, UNTIL_CLOSE, ResponseHead
from proxy.core.http.framing import response_framing_line, response_length
from proxy.core.http.limits import HttpLimits
from proxy.core.http.response_reader import ResponseReader

STREAM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\n"


def read_all(pieces: list[bytes]) -> list[ResponseHead]:
    reader, heads = ResponseReader(), []
    for piece in pieces:
        reader.receive(piece)
        while (head := reader.next_head()) is not None:
            heads.append(head)
    return heads


def read_one(data: bytes) -> ResponseHead:
    (head,) = read_all([data])
    return head


def test_interim_and_final_are_read_in_order():
    heads = read_all([STREAM])
    assert [head.status for head in heads] == [100, 200]
    assert heads[1].status_text == b"200 OK"
    assert heads == read_all([STREAM[at : at + 1] for at in range(len(STREAM))])


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_random_splits_read_the_same(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]
    assert read_all(pieces) == read_all([STREAM])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"hello", id="no-status-line"),
        pytest.param(b"HTTP/2.0 200 OK\r\n\r\n", id="version-2"),
        pytest.param(b"HTTP/1.1 20 OK\r\n\r\n", id="two-digits"),
        pytest.param(b"HTTP/1.1 099 No\r\n\r\n", id="status-below-100"),
        pytest.param(b"HTTP/1.1  200 OK\r\n\r\n", id="two-spaces"),
        pytest.param(b"HTTP/1.1 200 O\x00\r\n\r\n", id="nul-in-phrase"),
        pytest.param(b"HTTP/1.1 200 OK\nA: b\n\n", id="bare-lf"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", id="nul-in-value"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", id="folded-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", id="no-colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="length-no-number"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="differ"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            id="both-lengths",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", id="other-coding"),
    ],
)
def test_bad_response_is_refused(data):
    with pytest.raises(RemoteProtocolError):
        read_one(data)


def test_endless_head_is_refused():
    reader = ResponseReader(limits=HttpLimits(max_header_bytes=100))
    reader.receive(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100)
    with pytest.raises(RemoteProtocolError):
        reader.next_head()


def test_space_before_colon_is_removed():
    head = read_one(b"HTTP/1.1 200 OK\r\nA \t: b\r\nContent-Length : 3\r\n\r\n")
    assert head.fields.lines == b"A: b\r\n"
    assert head.fields.content_length == 3


@pytest.mark.parametrize(
    ("method", "status", "field", "length", "framing_line"),
    [
        pytest.param(b"GET", 200, b"Content-Length: 3", 3, b"Content-Length: 3\r\n", id="length"),
        pytest.param(
            b"GET",
            200,
            b"Transfer-Encoding: chunked",
            CHUNKED,
            b"Transfer-Encoding: chunked\r\n",
            id="chunked",
        ),
        pytest.param(b"GET", 200, b"A: b", UNTIL_CLOSE, b"", id="until-close"),
        pytest.param(b"HEAD", 200, b"Content-Length: 3", 0, b"Content-Length: 3\r\n", id="head"),
        pytest.param(b"HEAD", 200, b"Transfer-Encoding: chunked", 0, b"", id="head-chunked"),
        pytest.param(b"GET", 204, b"Content-Length: 3", 0, b"", id="204"),
        pytest.param(b"GET", 304, b"Content-Length: 3", 0, b"Content-Length: 3\r\n", id="304"),
    ],
)
def test_body_length(method, status, field, length, framing_line):
    head = read_one(b"HTTP/1.1 %d X\r\n%b\r\n\r\n" % (status, field))
    assert response_length(head.status, head.fields, method) == length
    assert response_framing_line(head.status, head.fields, length) == framing_line


@pytest.mark.parametrize(
    ("data", "keep_alive"),
    [
        pytest.param(b"HTTP/1.1 200\r\n\r\n", True, id="1.1-without-phrase"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", False, id="1.1-close"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n", False, id="1.0"),
        pytest.param(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", True, id="1.0-keep"),
    ],
)
def test_keep_alive(data, keep_alive):
    assert read_one(data).keep_alive is keep_alive
