"""Answers of servers: what the client gets of them, and which are no answers at all."""

from tests.proxy.net.conformance.cases import OK, bad, cut, delivered, get, request

HEAD = request(b"HEAD", b"/")
OLD = get(version=b"HTTP/1.0")
OLD_KEPT = get(b"Connection: keep-alive", version=b"HTTP/1.0")
ABC = b"3\r\nabc\r\n0\r\n\r\n"
TE = b"Transfer-Encoding: chunked"
CL2 = b"Content-Length: 2"


def answer(
    *lines: bytes, body: bytes = b"", status: bytes = b"200 OK", version: bytes = b"HTTP/1.1"
) -> bytes:
    fields = b"".join(each + b"\r\n" for each in lines)
    return b"%b %b\r\n%b\r\n%b" % (version, status, fields, body)


def no_body(id: str, status: bytes, *lines: bytes, gets: tuple[bytes, ...] = ()):
    return delivered(id, answer(*lines, status=status), answer(*gets, status=status))


CLOSED = b"Connection: close"

FRAMING = [
    delivered("length", OK),
    delivered("length-zero", answer(b"Content-Length: 0")),
    delivered("length-twice", answer(CL2, CL2, body=b"ok"), OK),
    delivered("length-list", answer(b"Content-Length: 2, 2", body=b"ok"), OK),
    delivered("chunked", answer(TE, body=ABC)),
    delivered(
        "chunked-extension", answer(TE, body=b"3;x=y\r\nabc\r\n0;z\r\n\r\n"), answer(TE, body=ABC)
    ),
    delivered(
        "chunked-trailer", answer(TE, body=b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"), answer(TE, body=ABC)
    ),
    delivered(
        "chunked-large", answer(b"transfer-encoding: CHUNKED", body=ABC), answer(TE, body=ABC)
    ),
    delivered(
        "until-close",
        answer(body=b"abc"),
        answer(CLOSED, body=b"abc"),
        closes=True,
        stays=False,
        is_reused=False,
    ),
    delivered(
        "until-close-empty", answer(), answer(CLOSED), closes=True, stays=False, is_reused=False
    ),
    delivered("close-with-length", answer(CL2, CLOSED, body=b"ok"), OK, is_reused=False),
    delivered(
        "close-with-chunks", answer(TE, CLOSED, body=ABC), answer(TE, body=ABC), is_reused=False
    ),
    delivered("length-and-more", OK + b"evil", OK, is_reused=False),
    delivered("two-answers", OK + OK, OK, is_reused=False),
    delivered(
        "chunked-and-more", answer(TE, body=ABC + b"x"), answer(TE, body=ABC), is_reused=False
    ),
    bad("length-differs", answer(CL2, b"Content-Length: 3", body=b"ok")),
    bad("length-list-differs", answer(b"Content-Length: 2, 3", body=b"ok")),
    bad("length-minus", answer(b"Content-Length: -2", body=b"ok")),
    bad("length-plus", answer(b"Content-Length: +2", body=b"ok")),
    bad("length-junk", answer(b"Content-Length: 2x", body=b"ok")),
    bad("length-empty", answer(b"Content-Length:", body=b"ok")),
    bad("length-too-large", answer(b"Content-Length: 99999999999999999999", body=b"ok")),
    bad("length-and-chunked", answer(CL2, TE, body=ABC)),
    bad("coding-gzip", answer(b"Transfer-Encoding: gzip", body=b"x")),
    bad("coding-gzip-chunked", answer(b"Transfer-Encoding: gzip, chunked", body=ABC)),
    bad("coding-twice", answer(TE, TE, body=ABC)),
    bad("coding-chunked-first", answer(b"Transfer-Encoding: chunked, gzip", body=ABC)),
    bad("chunk-size", answer(TE, body=b"x\r\nabc\r\n")),
    bad("chunk-bare-lf", answer(TE, body=b"3\nabc\n0\n\n")),
    bad("chunk-too-long", answer(TE, body=b"2\r\nabc\r\n0\r\n\r\n")),
    bad("chunk-2-to-the-64", answer(TE, body=b"10000000000000003\r\nabc\r\n")),
]

HEADS = [
    delivered("status-without-phrase", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"),
    delivered(
        "status-without-space",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    ),
    delivered("status-unknown", answer(CL2, body=b"ok", status=b"299 Odd Phrase!")),
    delivered("status-8-bit-phrase", answer(CL2, body=b"ok", status=b"200 \xe9")),
    delivered("status-404", answer(CL2, body=b"no", status=b"404 Not Found")),
    delivered("status-500", answer(CL2, body=b"no", status=b"500 Oh")),
    delivered(
        "fields-kept", answer(b"X-Odd:  v ", b"Set-Cookie: a", b"Set-Cookie: b", CL2, body=b"ok")
    ),
    delivered("fields-8-bit", answer(b"X: \xff", CL2, body=b"ok")),
    delivered(
        "space-before-colon",
        answer(b"X \t: y", b"Content-Length : 2", body=b"ok"),
        answer(b"X: y", CL2, body=b"ok"),
    ),
    delivered(
        "hop-by-hop",
        answer(
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: x",
            b"Trailer: y",
            b"TE: z",
            b"Upgrade: u",
            b"Proxy-Authenticate: p",
            CL2,
            body=b"ok",
        ),
        OK,
    ),
    delivered(
        "connection-named",
        answer(
            b"Connection: X-Foo, x-bar", b"X-Foo: 1", b"X-Bar: 2", b"X-Kept: 3", CL2, body=b"ok"
        ),
        answer(b"X-Kept: 3", CL2, body=b"ok"),
    ),
    delivered("connection-keep-alive", answer(b"Connection: keep-alive", CL2, body=b"ok"), OK),
    bad("no-status-line", b"hello\r\n\r\n"),
    bad("html", b"<html>hello</html>"),
    bad("version-2", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    bad("version-0.9", b"HTTP/0.9 200 OK\r\n\r\n"),
    bad("version-small", b"http/1.1 200 OK\r\n\r\n"),
    bad("status-two-digits", b"HTTP/1.1 20 OK\r\n\r\n"),
    bad("status-four-digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
    bad("status-letters", b"HTTP/1.1 abc OK\r\n\r\n"),
    bad("status-below-100", b"HTTP/1.1 099 OK\r\n\r\n"),
    bad("status-minus", b"HTTP/1.1 -20 OK\r\n\r\n"),
    bad("status-two-spaces", b"HTTP/1.1  200 OK\r\n\r\n"),
    bad("status-nul", b"HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n"),
    bad("status-bare-cr", b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n"),
    bad("empty-line-in-front", b"\r\n" + OK),
    bad("bare-lf", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    bad("field-nul", answer(b"X: a\x00", CL2, body=b"ok")),
    bad("field-bare-cr", answer(b"X: a\rSet-Cookie: evil", CL2, body=b"ok")),
    bad("field-bare-lf", answer(b"X: a\nSet-Cookie: evil", CL2, body=b"ok")),
    bad("field-folded", answer(b"X: a", b" b", CL2, body=b"ok")),
    bad("field-no-colon", answer(b"X", CL2, body=b"ok")),
    bad("field-empty-name", answer(b": x", CL2, body=b"ok")),
    bad("field-bad-name", answer(b"X Y: z", CL2, body=b"ok")),
    bad("field-8-bit-name", answer(b"\xe9: z", CL2, body=b"ok")),
    bad("fields-too-many", answer(*[b"X-%d: y" % at for at in range(200)], CL2, body=b"ok")),
    bad("fields-too-long", answer(b"X: " + b"y" * 70_000, CL2, body=b"ok")),
    bad("fields-endless", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000),
    bad("closed-at-once", b"", closes=True),
    bad("closed-in-the-head", b"HTTP/1.1 200 OK\r\nContent-Le", closes=True),
    bad("closed-in-the-status-line", b"HTTP/1.", closes=True),
]

BODILESS = [
    no_body("204", b"204 No Content"),
    no_body("204-length", b"204 No Content", b"Content-Length: 0"),
    no_body("204-coding", b"204 No Content", TE),
    no_body("304", b"304 Not Modified", b'ETag: "x"', gets=(b'ETag: "x"',)),
    no_body(
        "304-length", b"304 Not Modified", b"Content-Length: 500", gets=(b"Content-Length: 500",)
    ),
    no_body("304-coding", b"304 Not Modified", TE),
    delivered(
        "204-with-a-body",
        answer(b"Content-Length: 4", body=b"evil", status=b"204 No Content"),
        answer(status=b"204 No Content"),
        is_reused=False,
    ),
    delivered(
        "304-with-a-body",
        answer(b"Content-Length: 4", body=b"evil", status=b"304 Not Modified"),
        answer(b"Content-Length: 4", status=b"304 Not Modified"),
        is_reused=False,
    ),
    delivered("head", answer(b"Content-Length: 500"), request=HEAD),
    delivered("head-coding", answer(TE), answer(), request=HEAD),
    delivered("head-without-length", answer(b"X: y"), request=HEAD),
    delivered(
        "head-with-a-body",
        answer(b"Content-Length: 4", body=b"evil"),
        answer(b"Content-Length: 4"),
        request=HEAD,
        is_reused=False,
    ),
    delivered(
        "head-close",
        answer(b"Content-Length: 5", CLOSED),
        answer(b"Content-Length: 5"),
        request=HEAD,
        is_reused=False,
    ),
    delivered("205", answer(b"Content-Length: 0", status=b"205 Reset Content")),
    bad("204-bad-length", answer(b"Content-Length: x", status=b"204 No Content")),
    bad("head-bad-length", answer(b"Content-Length: 1, 2"), request=HEAD),
]

INTERIM = [
    delivered("continue-unasked", answer(status=b"100 Continue") + OK),
    delivered("hints", answer(b"Link: </x>", status=b"103 Early Hints") + OK),
    delivered("several", answer(status=b"102 Processing") * 3 + OK),
    delivered(
        "length-in-interim",
        answer(b"Content-Length: 0", status=b"103 Hints") + OK,
        answer(status=b"103 Hints") + OK,
    ),
    delivered(
        "hops-in-interim",
        answer(b"Connection: X-A", b"X-A: b", status=b"103 Hints") + OK,
        answer(status=b"103 Hints") + OK,
    ),
    delivered(
        "to-http-10",
        answer(status=b"100 Continue") + OK,
        answer(CL2, CLOSED, body=b"ok"),
        request=OLD,
        stays=False,
    ),
    bad("101-unasked", answer(CLOSED, b"Upgrade: x", status=b"101 Switching Protocols")),
    bad(
        "101-to-http-10",
        answer(b"Upgrade: x", status=b"101 Switching Protocols"),
        request=get(b"Connection: Upgrade, keep-alive", b"Upgrade: x", version=b"HTTP/1.0"),
    ),
    bad(
        "101-to-another",
        answer(b"Connection: Upgrade", b"Upgrade: y", status=b"101 Switching Protocols"),
        request=get(b"Connection: Upgrade", b"Upgrade: x"),
    ),
    delivered("upgrade-declined", OK, request=get(b"Connection: Upgrade", b"Upgrade: websocket")),
    delivered(
        "upgrade-required",
        answer(
            b"Connection: Upgrade", b"Upgrade: x", CL2, body=b"no", status=b"426 Upgrade Required"
        ),
        answer(
            CL2, b"Connection: Upgrade", b"Upgrade: x", body=b"no", status=b"426 Upgrade Required"
        ),
    ),
]

VERSIONS = [
    delivered("http-10-length", answer(CL2, body=b"ok", version=b"HTTP/1.0"), OK, is_reused=False),
    delivered(
        "http-10-keep-alive",
        answer(CL2, b"Connection: keep-alive", body=b"ok", version=b"HTTP/1.0"),
        OK,
    ),
    delivered(
        "http-10-until-close",
        answer(body=b"abc", version=b"HTTP/1.0"),
        answer(CLOSED, body=b"abc"),
        closes=True,
        stays=False,
        is_reused=False,
    ),
    delivered(
        "http-10-chunked",
        answer(TE, body=ABC, version=b"HTTP/1.0"),
        answer(TE, body=ABC),
        is_reused=False,
    ),
    delivered(
        "http-10-chunked-keep-alive",
        answer(TE, b"Connection: keep-alive", body=ABC, version=b"HTTP/1.0"),
        answer(TE, body=ABC),
        is_reused=False,
    ),
    delivered("to-http-10-length", OK, answer(CL2, CLOSED, body=b"ok"), request=OLD, stays=False),
    delivered(
        "to-http-10-chunked",
        answer(TE, body=ABC),
        answer(CLOSED, body=b"abc"),
        request=OLD,
        stays=False,
    ),
    delivered(
        "to-http-10-kept", OK, answer(CL2, b"Connection: keep-alive", body=b"ok"), request=OLD_KEPT
    ),
    delivered(
        "to-http-10-kept-chunked",
        answer(TE, body=ABC),
        answer(CLOSED, body=b"abc"),
        request=OLD_KEPT,
        stays=False,
    ),
]

CUTS = [
    cut("length", answer(b"Content-Length: 10", body=b"abc"), b"abc"),
    cut("length-nothing", answer(b"Content-Length: 10"), b"\r\n\r\n"),
    cut("chunk", answer(TE, body=b"a\r\nabc"), b"abc"),
    cut("before-last-chunk", answer(TE, body=b"3\r\nabc\r\n"), b"3\r\nabc\r\n"),
    cut("in-the-trailers", answer(TE, body=b"3\r\nabc\r\n0\r\nX: y\r\n"), b"3\r\nabc\r\n"),
    cut("in-the-last-chunk", answer(TE, body=b"3\r\nabc\r\n0\r\n"), b"3\r\nabc\r\n"),
]

CASES = FRAMING + HEADS + BODILESS + INTERIM + VERSIONS + CUTS
