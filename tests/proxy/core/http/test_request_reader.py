"""Requests are read in one way only, however their bytes arrive (R: RFC 9110, RFC 9112)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.events import CHUNKED, RequestHead
from proxy.core.http.headers import BlockMemo
from proxy.core.http.limits import HttpLimits
from proxy.core.http.request_reader import RequestReader, request_memo

STREAM = (
    b"GET /a?b=c HTTP/1.1\r\nHost: one.example\r\nAccept: */*\r\n\r\n"
    b"\r\nHEAD http://two.example:81/x HTTP/1.1\r\nHost: ignored\r\nConnection: close\r\n\r\n"
    b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    b"GET / HTTP/1.0\r\n\r\n"
)


def read_all(reader: RequestReader, pieces: list[bytes]) -> list[RequestHead]:
    heads = []
    for piece in pieces:
        reader.receive(piece)
        while (head := reader.next_head()) is not None:
            heads.append(head)
    return heads


def read_one(data: bytes, limits: HttpLimits | None = None) -> RequestHead | None:
    reader = RequestReader(limits=limits) if limits else RequestReader()
    reader.receive(data)
    return reader.next_head()


def request(line: bytes = b"GET / HTTP/1.1", *fields: bytes) -> bytes:
    return b"\r\n".join([line, b"Host: a.example", *fields, b"", b""])


def test_several_requests_are_read_in_order():
    heads = read_all(RequestReader(), [STREAM])
    assert [(head.method, head.target, head.is_http_11, head.keep_alive) for head in heads] == [
        (b"GET", b"/a?b=c", True, True),
        (b"HEAD", b"/x", True, False),
        (b"OPTIONS", b"*", False, True),
        (b"GET", b"/", False, False),
    ]
    assert [head.authority for head in heads] == [None, b"two.example:81", None, None]


def test_byte_by_byte_reads_the_same():
    pieces = [STREAM[at : at + 1] for at in range(len(STREAM))]
    assert read_all(RequestReader(), pieces) == read_all(RequestReader(), [STREAM])


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_random_splits_read_the_same(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]
    assert read_all(RequestReader(), pieces) == read_all(RequestReader(), [STREAM])


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET /\r\n\r\n", 400, id="no-version"),
        pytest.param(b"GET /\r\n", 400, id="no-version-and-no-end"),
        pytest.param(request(b"GET  / HTTP/1.1"), 400, id="two-spaces"),
        pytest.param(request(b" GET / HTTP/1.1"), 400, id="space-before-method"),
        pytest.param(request(b"GET\t/ HTTP/1.1"), 400, id="tab-in-line"),
        pytest.param(request(b"GET / HTTP/1.1 "), 400, id="space-after-version"),
        pytest.param(request(b"GET / x HTTP/1.1"), 400, id="space-in-target"),
        pytest.param(request(b"GET / http/1.1"), 400, id="version-in-small-letters"),
        pytest.param(request(b"GET / HTTP/1.10"), 400, id="version-with-three-digits"),
        pytest.param(request(b"GET / HTTP/2.0"), 505, id="version-2"),
        pytest.param(request(b"GET / HTTP/0.9"), 505, id="version-0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, id="http2-preface"),
        pytest.param(request(b"G(T / HTTP/1.1"), 400, id="method-is-no-token"),
        pytest.param(request(b"GET a HTTP/1.1"), 400, id="target-without-slash"),
        pytest.param(request(b"GET /#a HTTP/1.1"), 400, id="fragment"),
        pytest.param(request(b"GET /\xff HTTP/1.1"), 400, id="target-not-ascii"),
        pytest.param(request(b"GET /\x00 HTTP/1.1"), 400, id="target-with-nul"),
        pytest.param(request(b"GET * HTTP/1.1"), 400, id="asterisk-for-get"),
        pytest.param(request(b"GET ftp://a/ HTTP/1.1"), 400, id="other-scheme"),
        pytest.param(request(b"GET http://u@a/ HTTP/1.1"), 400, id="user-in-target"),
        pytest.param(request(b"GET http:///x HTTP/1.1"), 400, id="absolute-without-host"),
        pytest.param(request(b"CONNECT a:443 HTTP/1.1"), 501, id="connect"),
        pytest.param(b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, id="no-host"),
        pytest.param(request(b"GET / HTTP/1.1", b"Host: a.example"), 400, id="two-hosts"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, id="two-hosts-on-1.0"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, id="space-in-host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, id="slash-in-host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, id="list-of-hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", 400, id="port-is-no-number"),
        pytest.param(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, id="space-before-first-field"),
        pytest.param(request(b"GET / HTTP/1.1", b"A: b", b" c"), 400, id="folded-line"),
        pytest.param(request(b"GET / HTTP/1.1", b"A: b", b"\tc"), 400, id="folded-with-tab"),
        pytest.param(request(b"GET / HTTP/1.1", b"A : b"), 400, id="space-before-colon"),
        pytest.param(request(b"GET / HTTP/1.1", b"A\t: b"), 400, id="tab-before-colon"),
        pytest.param(request(b"GET / HTTP/1.1", b": b"), 400, id="empty-name"),
        pytest.param(request(b"GET / HTTP/1.1", b"A b"), 400, id="no-colon"),
        pytest.param(request(b"GET / HTTP/1.1", b"A(: b"), 400, id="name-is-no-token"),
        pytest.param(request(b"GET / HTTP/1.1", b"\xc3\xa4: b"), 400, id="name-not-ascii"),
        pytest.param(request(b"GET / HTTP/1.1", b"A: \x00"), 400, id="nul-in-value"),
        pytest.param(request(b"GET / HTTP/1.1", b"A: \x0b"), 400, id="control-in-value"),
        pytest.param(request(b"GET / HTTP/1.1", b"A: b\rc"), 400, id="bare-cr"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\n\n", 400, id="bare-lf-everywhere"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n", 400, id="bare-lf-between-fields"),
        pytest.param(b"\nGET / HTTP/1.1\r\n", 400, id="bare-lf-before"),
        pytest.param(b"\x16\x03\x01\x02\x00", 400, id="tls-hello"),
        pytest.param(b"(", 400, id="garbage-without-end"),
        pytest.param(request(b"GET / HTTP/1.1", b"Content-Length: +5"), 400, id="plus-length"),
        pytest.param(request(b"GET / HTTP/1.1", b"Content-Length: -5"), 400, id="minus-length"),
        pytest.param(request(b"GET / HTTP/1.1", b"Content-Length: 0_5"), 400, id="underscored"),
        pytest.param(request(b"GET / HTTP/1.1", b"Content-Length: 0x5"), 400, id="hexadecimal"),
        pytest.param(request(b"GET / HTTP/1.1", b"Content-Length: 5 5"), 400, id="spaced-length"),
        pytest.param(request(b"GET / HTTP/1.1", b"Content-Length:"), 400, id="empty-length"),
        pytest.param(request(b"GET / HTTP/1.1", b"Content-Length: 5,"), 400, id="length-and-comma"),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Content-Length: " + b"9" * 30), 400, id="huge-length"
        ),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 6"),
            400,
            id="lengths-differ",
        ),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Content-Length: 5, 6"), 400, id="listed-lengths-differ"
        ),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
            400,
            id="both-lengths",
        ),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Transfer-Encoding: gzip, chunked"), 501, id="gzip-chunked"
        ),
        pytest.param(request(b"GET / HTTP/1.1", b"Transfer-Encoding: gzip"), 501, id="gzip"),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Transfer-Encoding: identity"), 501, id="identity"
        ),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Transfer-Encoding: xchunked"), 501, id="xchunked"
        ),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Transfer-Encoding: chunked, gzip"), 400, id="chunked-first"
        ),
        pytest.param(
            request(b"GET / HTTP/1.1", b"Transfer-Encoding: chunked, chunked"),
            400,
            id="chunked-twice",
        ),
        pytest.param(
            request(
                b"GET / HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"
            ),
            400,
            id="chunked-in-two-lines",
        ),
        pytest.param(request(b"GET / HTTP/1.1", b"Transfer-Encoding:"), 400, id="empty-coding"),
        pytest.param(
            request(b"GET / HTTP/1.1", b'Transfer-Encoding: "chunked"'), 400, id="quoted-coding"
        ),
        pytest.param(
            request(b"GET / HTTP/1.0", b"Transfer-Encoding: chunked"), 400, id="chunked-on-1.0"
        ),
    ],
)
def test_bad_request_is_refused(data, status):
    with pytest.raises(RemoteProtocolError) as caught:
        read_one(data)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET /" + b"a" * 100, 414, id="line-without-end"),
        pytest.param(request(b"GET /" + b"a" * 100 + b" HTTP/1.1"), 414, id="line-with-end"),
        pytest.param(request()[:-2] + b"A: " + b"b" * 300, 431, id="block-without-end"),
        pytest.param(request(b"GET / HTTP/1.1", b"A: " + b"b" * 300), 431, id="block-with-end"),
        pytest.param(request(b"GET / HTTP/1.1", *[b"A: b"] * 5), 431, id="too-many-fields"),
    ],
)
def test_long_heads_are_refused(data, status):
    limits = HttpLimits(max_request_line_bytes=64, max_header_bytes=200, max_header_fields=5)
    with pytest.raises(RemoteProtocolError) as caught:
        read_one(data, limits)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([b"Content-Length: 0"], 0, id="zero"),
        pytest.param([b"Content-Length: 42"], 42, id="length"),
        pytest.param([b"Content-Length: 42", b"content-length: 42"], 42, id="same-length-twice"),
        pytest.param([b"Content-Length: 42, 42"], 42, id="same-length-listed"),
        pytest.param([b"Transfer-Encoding: chunked"], CHUNKED, id="chunked"),
        pytest.param([b"transfer-encoding:\tCHUNKED "], CHUNKED, id="chunked-in-capitals"),
    ],
)
def test_body_length(fields, length):
    head = read_one(request(b"POST / HTTP/1.1", *fields))
    assert head is not None
    assert head.length == length
    assert head.fields.framing_line.count(b"\r\n") == (1 if fields else 0)


@pytest.mark.parametrize(
    ("version", "field", "keep_alive"),
    [
        pytest.param(b"1.1", b"A: b", True, id="1.1"),
        pytest.param(b"1.1", b"Connection: close", False, id="1.1-close"),
        pytest.param(b"1.1", b"Connection: x, CLOSE", False, id="1.1-close-in-list"),
        pytest.param(b"1.0", b"A: b", False, id="1.0"),
        pytest.param(b"1.0", b"Connection: Keep-Alive", True, id="1.0-keep-alive"),
        pytest.param(b"1.0", b"Connection: keep-alive, close", False, id="1.0-both"),
        pytest.param(b"1.7", b"A: b", True, id="later-1.x-is-1.1"),
    ],
)
def test_keep_alive(version, field, keep_alive):
    head = read_one(request(b"GET / HTTP/" + version, field))
    assert head is not None
    assert head.keep_alive is keep_alive


@pytest.mark.parametrize(
    ("target", "read"),
    [
        pytest.param(b"http://h/p?q", (b"/p?q", b"h"), id="path-and-query"),
        pytest.param(b"HTTP://h:80", (b"/", b"h:80"), id="nothing-after-host"),
        pytest.param(b"http://h?q", (b"/?q", b"h"), id="query-only"),
        pytest.param(b"http://[::1]:8/", (b"/", b"[::1]:8"), id="ipv6"),
    ],
)
def test_absolute_target_becomes_origin_form(target, read):
    head = read_one(request(b"GET " + target + b" HTTP/1.1"))
    assert head is not None
    assert (head.target, head.authority) == read


def test_bytes_after_a_head_are_kept_for_the_body():
    reader = RequestReader()
    reader.receive(request(b"POST / HTTP/1.1", b"Content-Length: 3") + b"abcGET")
    assert reader.next_head() is not None
    assert reader.take_rest() == b"abcGET"
    assert not reader.has_input


def test_memo_holds_only_good_blocks_and_stays_bounded():
    memo = request_memo()
    reader = RequestReader(memo)
    reader.receive(request(b"GET / HTTP/1.1", b"A : b"))
    with pytest.raises(RemoteProtocolError):
        reader.next_head()
    assert len(memo) == 0
    small = BlockMemo(len, max_blocks=3, max_block_bytes=4)
    for block in (b"a", b"b", b"c", b"d", b"too long"):
        assert small.look_up(block) == len(block)
    assert len(small) <= 3


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused_but_never_crashes(data):
    reader = RequestReader()
    with contextlib.suppress(RemoteProtocolError):
        read_all(reader, [data])
