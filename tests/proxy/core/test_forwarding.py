"""What goes further and what is written anew, in both directions."""

import pytest

from proxy.core.http.events import RequestHead
from proxy.core.http.request_reader import RequestReader
from proxy.core.http.response_reader import ResponseReader
from proxy.core.http.writer import (
    CLOSE,
    connection_line,
    write_interim_head,
    write_own_answer,
    write_request_head,
    write_response_head,
)


def read_request(*lines: bytes) -> RequestHead:
    reader = RequestReader()
    reader.receive(b"\r\n".join([*lines, b"", b""]))
    head = reader.next_head()
    assert head is not None
    return head


def forwarded(*lines: bytes, append: bool = True) -> list[bytes]:
    written = write_request_head(
        read_request(*lines),
        peer=b"192.0.2.7",
        request_id=b"id",
        append_forwarded_for=append,
        default_host=b"own:80",
    )
    assert written.endswith(b"\r\n\r\n")
    return written[:-4].split(b"\r\n")


def answered(*lines: bytes) -> bytes:
    reader = ResponseReader()
    reader.receive(b"\r\n".join([*lines, b"", b""]))
    head = reader.next_head()
    assert head is not None
    return write_response_head(head, framing_line=b"", connection_line=CLOSE, request_id=b"id")


def test_plain_request_goes_on_with_its_lines_as_they_were():
    assert forwarded(b"GET /x HTTP/1.1", b"hOST: a", b"X-Odd:  v ", b"Cookie: a=b") == [
        b"GET /x HTTP/1.1",
        b"Host: a",
        b"X-Odd:  v ",
        b"Cookie: a=b",
        b"X-Forwarded-For: 192.0.2.7",
        b"X-Request-Id: id",
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param([b"X-Forwarded-For: 1.1.1.1"], b"1.1.1.1, 192.0.2.7", id="one"),
        pytest.param(
            [b"X-Forwarded-For: 1.1.1.1", b"x-forwarded-for: 2.2.2.2, 3.3.3.3"],
            b"1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7",
            id="several-lines",
        ),
        pytest.param([b"X-Forwarded-For:"], b"192.0.2.7", id="empty"),
        pytest.param([b"X_Forwarded_For: 6.6.6.6"], b"192.0.2.7", id="look-alike"),
    ],
)
def test_peer_is_appended_to_forwarded_for(fields, expected):
    lines = forwarded(b"GET / HTTP/1.1", b"Host: a", *fields)
    assert [line for line in lines if line.lower().startswith((b"x-for", b"x_for"))] == [
        b"X-Forwarded-For: " + expected
    ]


def test_forwarded_for_is_left_alone_when_the_listener_says_so():
    lines = forwarded(b"GET / HTTP/1.1", b"Host: a", b"X-Forwarded-For: 1.1.1.1", append=False)
    assert b"X-Forwarded-For: 1.1.1.1" in lines
    assert not any(b"192.0.2.7" in line for line in lines)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b"Keep-Alive: timeout=5", id="keep-alive"),
        pytest.param(b"Proxy-Connection: keep-alive", id="proxy-connection"),
        pytest.param(b"TE: trailers", id="te"),
        pytest.param(b"Trailer: X", id="trailer"),
        pytest.param(b"Upgrade: h2c", id="upgrade-without-connection"),
        pytest.param(b"X-Mine: 1", id="named-in-connection"),
        pytest.param(b"x-other: 1", id="named-in-second-connection-line"),
        pytest.param(b"Connection: again", id="connection"),
        pytest.param(b"X-Request-Id: another one", id="request-id"),
    ],
)
def test_hop_by_hop_fields_end_here(field):
    connection = (b"Connection: close, X-MINE", b"Connection: X-Other")
    lines = forwarded(b"GET / HTTP/1.1", b"Host: a", *connection, field)
    assert field not in lines
    assert not any(line.lower().startswith(b"connection") for line in lines)
    response = answered(b"HTTP/1.1 200 OK", *connection, field)
    assert field not in response
    assert response.lower().count(b"connection:") == 1


def test_connection_cannot_take_away_host_or_framing():
    lines = forwarded(
        b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 3", b"Connection: host, content-length"
    )
    assert b"Host: a" in lines
    assert b"Content-Length: 3" in lines


def test_same_lengths_are_written_once():
    lines = forwarded(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 3", b"Content-Length: 3")
    assert lines.count(b"Content-Length: 3") == 1


def test_absolute_target_replaces_host():
    lines = forwarded(b"GET http://b:81/x HTTP/1.1", b"Host: a", b"Expect: 100-continue")
    assert lines[:2] == [b"GET /x HTTP/1.1", b"Host: b:81"]
    assert not any(line == b"Host: a" for line in lines)
    assert b"Expect: 100-continue" in lines


def test_http_10_request_goes_on_as_11_with_a_host_and_without_expectation():
    lines = forwarded(b"GET / HTTP/1.0", b"Expect: 100-continue", b"Accept: */*")
    assert lines[:3] == [b"GET / HTTP/1.1", b"Host: own:80", b"Accept: */*"]
    assert not any(line.startswith(b"Expect") for line in lines)


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        pytest.param([b"Connection: Upgrade", b"Upgrade: websocket"], b"websocket", id="websocket"),
        pytest.param([b"Connection: upgrade, http2-settings", b"Upgrade: h2c"], b"", id="h2c"),
        pytest.param([b"Upgrade: websocket"], b"", id="not-named-in-connection"),
        pytest.param(
            [b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 3"], b"", id="body"
        ),
    ],
)
def test_upgrade_is_offered_only_when_it_can_work(fields, offered):
    head = read_request(b"GET / HTTP/1.1", b"Host: a", *fields)
    assert head.fields.upgrade == offered
    lines = forwarded(b"GET / HTTP/1.1", b"Host: a", *fields)
    assert (b"Upgrade: websocket" in lines) is bool(offered)
    assert (b"Connection: Upgrade" in lines) is bool(offered)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(b"0123456789abcdef0123456789abcdef", True, id="hex"),
        pytest.param(b"req-1.a_b:c", True, id="other-characters"),
        pytest.param(b"a b", False, id="space"),
        pytest.param(b'a"b', False, id="quote"),
        pytest.param(b"a" * 129, False, id="too-long"),
        pytest.param(b"", False, id="empty"),
    ],
)
def test_request_id_of_the_client(value, kept):
    head = read_request(b"GET / HTTP/1.1", b"Host: a", b"X-Request-Id: " + value)
    assert head.fields.request_id == (value if kept else None)


def test_response_carries_exactly_our_request_id():
    response = answered(b"HTTP/1.0 200 Fine", b"X-Request-Id: theirs", b"A: b")
    assert response == (
        b"HTTP/1.1 200 Fine\r\nA: b\r\nConnection: close\r\nX-Request-Id: id\r\n\r\n"
    )


def test_interim_response_has_no_framing():
    reader = ResponseReader()
    reader.receive(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 3\r\n\r\n")
    head = reader.next_head()
    assert head is not None
    assert write_interim_head(head) == b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"


@pytest.mark.parametrize(
    ("keep_alive", "is_http_11", "line"),
    [
        (True, True, b""),
        (False, True, b"Connection: close\r\n"),
        (True, False, b"Connection: keep-alive\r\n"),
        (False, False, b"Connection: close\r\n"),
    ],
)
def test_connection_line(keep_alive, is_http_11, line):
    assert connection_line(keep_alive=keep_alive, is_http_11=is_http_11) == line


def test_own_answer_names_reason_and_request():
    answer = write_own_answer(503, reason="no_weight", request_id=b"abc", connection=CLOSE)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"X-OpenCLB-Reason: no_weight" in head
    assert b"X-Request-Id: abc" in head
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert b"no_weight" in body
    assert b"abc" in body
    bodiless = write_own_answer(
        503, reason="no_weight", request_id=b"abc", connection=CLOSE, has_body=False
    )
    assert bodiless == head + b"\r\n\r\n"
