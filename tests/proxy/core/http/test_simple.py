"""Simple messages become what the strict readers and writers make of them, or are left to those."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.framing import response_framing_line, response_length
from proxy.core.http.request_reader import RequestReader, request_memo
from proxy.core.http.response_reader import ResponseReader, response_memo
from proxy.core.http.simple import MAX_REMEMBERED, SimpleRequests, SimpleResponses
from proxy.core.http.writer import CLOSE, write_request_head, write_response_head

PEER = b"192.0.2.7"
LINES = (
    b"GET / HTTP/1.1",
    b"GET /a?b=c HTTP/1.1",
    b"GET /a b HTTP/1.1",
    b"GET http://b.example/ HTTP/1.1",
    b"GET / HTTP/1.0",
    b"HEAD / HTTP/1.1",
    b"POST / HTTP/1.1",
    b"GET /# HTTP/1.1",
    b"GET / HTTP/1.1\r",
)
FIELDS = (
    b"Host: a.example",
    b"Host: a.example",
    b"Host: b/example",
    b"Accept: */*",
    b"Connection: close",
    b"Connection: keep-alive, X-Private",
    b"X-Private: 1",
    b"Upgrade: websocket",
    b"Connection: upgrade",
    b"Content-Length: 0",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"Expect: 100-continue",
    b"X-Forwarded-For: 198.51.100.1",
    b"X-Request-Id: abc",
    b"X-Request-Id: a b",
    b"X_Forwarded_For: 1",
    b"X-A : 1",
    b" folded",
    b"X-B: \x00",
)
REQUESTS = st.builds(
    lambda line, fields, rest: b"\r\n".join([line, *fields, b"", rest]),
    st.sampled_from(LINES),
    st.lists(st.sampled_from(FIELDS), max_size=5),
    st.sampled_from([b"", b"\r\n", b"abc", b"GET / HTTP/1.1\r\n\r\n"]),
)


def strictly_forwarded(data: bytes) -> bytes | None:
    """Return what the ordinary way sends for input that is exactly one request."""
    reader = RequestReader()
    reader.receive(data)
    try:
        head = reader.next_head()
    except RemoteProtocolError:
        return None
    if head is None or reader.has_input or head.length:
        return None
    id_ = head.fields.request_id or b"new"
    return write_request_head(
        head, peer=PEER, request_id=id_, append_forwarded_for=True, default_host=b"none"
    )


def simply_forwarded(requests: SimpleRequests, data: bytes) -> bytes | None:
    simple = requests.read(data)
    if simple is None:
        return None
    line, block = simple
    id_ = block.request_id or b"new"
    return b"%b%b%b\r\nX-Request-Id: %b\r\n\r\n" % (line, block.lines, PEER, id_)


@given(st.lists(REQUESTS, max_size=8))
def test_simple_request_is_forwarded_as_a_strictly_read_one(datas):
    requests = SimpleRequests(request_memo())
    for data in [*datas, *datas]:
        simple = simply_forwarded(requests, data)
        if simple is not None:
            assert simple == strictly_forwarded(data)


@pytest.mark.parametrize("option", [b"close", b"keep-alive"])
def test_usual_request_is_simple_at_first_and_again(option):
    requests = SimpleRequests(request_memo())
    data = b"GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: %b\r\n\r\n" % option
    first = simply_forwarded(requests, data)
    assert first is not None
    assert simply_forwarded(requests, data) == first == strictly_forwarded(data)
    simple = requests.read(data)
    assert simple is not None
    assert simple[1].keep_alive == (b"keep-alive" in data)
    assert requests.head_of(data).target == b"/x"


@pytest.mark.parametrize(
    "field", [b"Connection: upgrade\r\nUpgrade: x", b"Content-Length: 3", b"Expect: x"]
)
def test_request_with_more_to_it_is_left_to_the_ordinary_way(field):
    requests = SimpleRequests(request_memo())
    for _ in range(2):
        assert requests.read(b"GET / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n") is None


def test_memory_of_requests_is_bounded():
    requests = SimpleRequests(request_memo())
    for at in range(MAX_REMEMBERED + 10):
        assert requests.read(b"GET / HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n" % at) is not None
    assert len(requests._known) <= MAX_REMEMBERED
    big = b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"x" * 4000)
    known = len(requests._known)
    assert requests.read(big) is not None
    assert len(requests._known) == known


RESPONSES = st.builds(
    lambda line, fields, body: b"\r\n".join([line, *fields, b"", body]),
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK",
            b"HTTP/1.0 200 OK",
            b"HTTP/1.1 404 ",
            b"HTTP/1.1 204 No Content",
            b"HTTP/1.1 304 Not Modified",
            b"HTTP/1.1 100 Continue",
            b"HTTP/1.1 426 Upgrade",
            b"HTTP/2 200 OK",
        ]
    ),
    st.lists(
        st.sampled_from(
            [
                b"Content-Length: 2",
                b"Content-Length: 0",
                b"Transfer-Encoding: chunked",
                b"Connection: close",
                b"Connection: keep-alive, X-Private",
                b"X-Private: 1",
                b"Upgrade: websocket",
                b"X-Request-Id: theirs",
                b"Server : x",
                b"Bad",
            ]
        ),
        max_size=4,
    ),
    st.sampled_from([b"", b"ok", b"o", b"okk"]),
)


def strictly_answered(data: bytes, connection_line: bytes) -> bytes | None:
    """Return what the ordinary way sends for input that is exactly one response."""
    reader = ResponseReader()
    reader.receive(data)
    try:
        head = reader.next_head()
    except RemoteProtocolError:
        return None
    rest = reader.take_rest()
    if head is None or not head.keep_alive:
        return None
    length = response_length(head.status, head.fields, b"GET")
    if length != len(rest):
        return None
    framing_line = response_framing_line(head.status, head.fields, length)
    return rest.join(
        [
            write_response_head(
                head, framing_line=framing_line, connection_line=connection_line, request_id=b"id"
            ),
            b"",
        ]
    )


@given(st.lists(RESPONSES, max_size=8))
def test_simple_response_is_relayed_as_a_strictly_read_one(datas):
    responses = SimpleResponses(response_memo())
    for data in [*datas, *datas]:
        simple = responses.read(data)
        if simple is not None:
            response, body = simple
            assert response.lines + b"id" + body == strictly_answered(data, b"")
            assert response.closing_lines + b"id" + body == strictly_answered(data, CLOSE)
            assert response.status >= 200


def test_usual_response_is_simple_only_when_it_came_whole():
    responses = SimpleResponses(response_memo())
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    for at in range(len(data)):
        assert responses.read(data[:at]) is None
    assert responses.read(data) is not None
    assert responses.read(data + b"x") is None
