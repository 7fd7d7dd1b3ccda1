"""Bodies of requests: their one length, or a refusal (RFC 9112 sections 6 and 7)."""

from tests.proxy.net.conformance.cases import PLAIN, get, passed, post, refused

CL3 = b"Content-Length: 3"
TE = b"Transfer-Encoding: chunked"
ABC = b"3\r\nabc\r\n0\r\n\r\n"
CHUNKED = post(TE, body=ABC)

LENGTHS = [
    passed("length", post(CL3, body=b"abc")),
    passed("length-zero", post(b"Content-Length: 0")),
    passed("length-none", post()),
    passed("length-of-a-get", get(CL3) + b"abc"),
    passed("length-twice-the-same", post(CL3, CL3, body=b"abc"), post(CL3, body=b"abc")),
    passed(
        "length-list-the-same", post(b"Content-Length: 3, 3", body=b"abc"), post(CL3, body=b"abc")
    ),
    passed(
        "length-zeros-in-front", post(b"Content-Length: 003", body=b"abc"), post(CL3, body=b"abc")
    ),
    passed("length-with-tabs", post(b"content-length:\t3 \t", body=b"abc"), post(CL3, body=b"abc")),
    passed("length-without-space", post(b"CONTENT-LENGTH:3", body=b"abc"), post(CL3, body=b"abc")),
    refused("length-twice-different", post(CL3, b"Content-Length: 4", body=b"abcd")),
    refused("length-list-different", post(b"Content-Length: 3, 4", body=b"abcd")),
    refused("length-list-with-a-hole", post(b"Content-Length: 3,", body=b"abc")),
    refused("length-list-semicolon", post(b"Content-Length: 3;3", body=b"abc")),
    refused("length-plus", post(b"Content-Length: +3", body=b"abc")),
    refused("length-minus", post(b"Content-Length: -3", body=b"abc")),
    refused("length-minus-zero", post(b"Content-Length: -0", body=b"abc")),
    refused("length-hexadecimal", post(b"Content-Length: 0x3", body=b"abc")),
    refused("length-hexadecimal-digit", post(b"Content-Length: a", body=b"abc")),
    refused("length-underscore", post(b"Content-Length: 0_3", body=b"abc")),
    refused("length-fraction", post(b"Content-Length: 3.0", body=b"abc")),
    refused("length-exponent", post(b"Content-Length: 3e0", body=b"abc")),
    refused("length-space-inside", post(b"Content-Length: 3 3", body=b"abc")),
    refused("length-quoted", post(b'Content-Length: "3"', body=b"abc")),
    refused("length-empty", post(b"Content-Length:", body=b"abc")),
    refused("length-empty-and-good", post(b"Content-Length:", CL3, body=b"abc")),
    refused("length-other-digits", post(b"Content-Length: \xd9\xa3", body=b"abc")),
    refused("length-superscript", post(b"Content-Length: \xb3", body=b"abc")),
    refused("length-too-large", post(b"Content-Length: 99999999999999999999")),
    refused("length-2-to-the-64", post(b"Content-Length: 18446744073709551619", body=b"abc")),
    refused("length-vertical-tab", post(b"Content-Length:\x0b3", body=b"abc")),
    refused("length-nul", post(b"Content-Length: 3\x00", body=b"abc")),
    refused("length-space-before-colon", post(b"Content-Length : 3", body=b"abc")),
    refused("length-tab-before-colon", post(b"Content-Length\t: 3", body=b"abc")),
    refused("length-space-before-name", post(b" Content-Length: 3", body=b"abc")),
    refused("length-folded", post(b"Content-Length:", b" 3", body=b"abc")),
    passed("length-look-alike", get(b"Content_Length: 3"), PLAIN),
    passed(
        "length-named-in-connection",
        post(CL3, b"Connection: content-length", body=b"abc"),
        post(CL3, body=b"abc"),
    ),
]

CODINGS = [
    passed("chunked", CHUNKED),
    passed("chunked-large-letters", post(b"TRANSFER-ENCODING: CHUNKED", body=ABC), CHUNKED),
    passed("chunked-empty", post(TE, body=b"0\r\n\r\n")),
    passed("chunked-get", get(TE) + ABC),
    passed("chunked-spaces-around", post(b"Transfer-Encoding: \t chunked \t ", body=ABC), CHUNKED),
    passed("chunked-empty-members", post(b"Transfer-Encoding: , chunked,", body=ABC), CHUNKED),
    passed(
        "chunked-named-in-connection", post(TE, b"Connection: transfer-encoding", body=ABC), CHUNKED
    ),
    passed(
        "coding-look-alike",
        post(CL3, b"Transfer_Encoding: chunked", body=b"abc"),
        post(CL3, body=b"abc"),
    ),
    refused("cl-te", post(CL3, TE, body=ABC)),
    refused("te-cl", post(TE, CL3, body=ABC)),
    refused("te-cl-zero", post(TE, b"Content-Length: 0", body=ABC)),
    refused("te-bad-cl", post(TE, b"Content-Length: x", body=ABC)),
    refused("te-cl-http-10", post(TE, CL3, body=ABC).replace(b"HTTP/1.1", b"HTTP/1.0")),
    refused("te-http-10", CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0")),
    refused("te-twice", post(TE, TE, body=ABC)),
    refused("te-chunked-chunked", post(b"Transfer-Encoding: chunked, chunked", body=ABC)),
    refused("te-chunked-first", post(b"Transfer-Encoding: chunked, gzip", body=ABC)),
    refused("te-chunked-identity", post(b"Transfer-Encoding: chunked, identity", body=ABC)),
    refused("te-gzip-chunked", post(b"Transfer-Encoding: gzip, chunked", body=ABC), 501),
    refused("te-gzip", post(b"Transfer-Encoding: gzip", body=b"abc"), 501),
    refused("te-identity", post(b"Transfer-Encoding: identity", body=b"abc"), 501),
    refused("te-identity-cl", post(b"Transfer-Encoding: identity", CL3, body=b"abc")),
    refused("te-xchunked", post(b"Transfer-Encoding: xchunked", body=ABC), 501),
    refused("te-chunkedx-cl", post(b"Transfer-Encoding: chunkedx", CL3, body=b"abc")),
    refused("te-quoted", post(b'Transfer-Encoding: "chunked"', body=ABC)),
    refused("te-parameter", post(b"Transfer-Encoding: chunked;q=1", body=ABC)),
    refused("te-two-words", post(b"Transfer-Encoding: chunked chunked", body=ABC)),
    refused("te-empty", post(b"Transfer-Encoding:", body=ABC)),
    refused("te-empty-cl", post(b"Transfer-Encoding:", CL3, body=b"abc")),
    refused("te-vertical-tab", post(b"Transfer-Encoding:\x0bchunked", body=ABC)),
    refused("te-form-feed", post(b"Transfer-Encoding: chunked\x0c", body=ABC)),
    refused("te-nul", post(b"Transfer-Encoding: chunked\x00", body=ABC)),
    refused("te-latin-space", post(b"Transfer-Encoding: \xa0chunked", body=ABC)),
    refused("te-space-before-colon", post(b"Transfer-Encoding : chunked", CL3, body=b"abc")),
    refused("te-folded", post(b"Transfer-Encoding:", b" chunked", body=ABC)),
    refused("te-folded-tab", post(b"Transfer-Encoding:", b"\tchunked", CL3, body=ABC)),
    refused("te-behind-bare-lf", post(b"X: y\nTransfer-Encoding: chunked", CL3, body=b"abc")),
    refused("te-behind-bare-cr", post(b"X: y\rTransfer-Encoding: chunked", CL3, body=b"abc")),
]


def chunks(id: str, body: bytes, seen: bytes):
    return passed(f"chunk-{id}", post(TE, body=body), post(TE, body=seen))


def bad_chunks(id: str, body: bytes, status: int = 400):
    return refused(f"chunk-{id}", post(TE, body=body), status)


END = b"0\r\n\r\n"
CHUNKS = [
    chunks("several", b"1\r\na\r\n2\r\nbc\r\n" + END, b"1\r\na\r\n2\r\nbc\r\n" + END),
    chunks("large-letters", b"A\r\n0123456789\r\n" + END, b"A\r\n0123456789\r\n" + END),
    chunks("zeros-in-front", b"0003\r\nabc\r\n000\r\n\r\n", b"0003\r\nabc\r\n" + END),
    chunks(
        "many-zeros", b"0" * 40 + b"3\r\nabc\r\n" + b"0" * 40 + b"\r\n\r\n", b"3\r\nabc\r\n" + END
    ),
    chunks("data-like-an-end", b"5\r\n0\r\n\r\n\r\n" + END, b"5\r\n0\r\n\r\n\r\n" + END),
    chunks("extension", b"3;a=b\r\nabc\r\n0;c\r\n\r\n", ABC),
    chunks("extension-quoted", b'3;a="b;c\\"d"\r\nabc\r\n' + END, ABC),
    chunks("extension-spaces", b"3 ; a = b\r\nabc\r\n" + END, ABC),
    chunks("extension-empty", b"3;\r\nabc\r\n" + END, ABC),
    chunks("extension-8-bit", b"3;a=\xe9\r\nabc\r\n" + END, ABC),
    chunks("trailer", b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", ABC),
    chunks("trailers", b"3\r\nabc\r\n0\r\nX: y\r\nZ: 1\r\n\r\n", ABC),
    chunks("trailer-length", b"3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n", ABC),
    chunks("trailer-coding", b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", ABC),
    chunks("trailer-host", b"3\r\nabc\r\n0\r\nHost: evil\r\n\r\n", ABC),
    bad_chunks("prefix", b"0x3\r\nabc\r\n" + END),
    bad_chunks("plus", b"+3\r\nabc\r\n" + END),
    bad_chunks("minus", b"-3\r\nabc\r\n" + END),
    bad_chunks("underscore", b"0_3\r\nabc\r\n" + END),
    bad_chunks("no-digits", b"\r\nabc\r\n" + END),
    bad_chunks("only-extension", b";a=b\r\nabc\r\n" + END),
    bad_chunks("letters", b"xyz\r\nabc\r\n" + END),
    bad_chunks("hexadecimal-h", b"3h\r\nabc\r\n" + END),
    bad_chunks("space-in-front", b" 3\r\nabc\r\n" + END),
    bad_chunks("space-behind", b"3 \r\nabc\r\n" + END),
    bad_chunks("tab-behind", b"3\t\r\nabc\r\n" + END),
    bad_chunks("comma", b"3,3\r\nabc\r\n" + END),
    bad_chunks("size-bare-lf", b"3\nabc\r\n" + END),
    bad_chunks("size-bare-cr", b"3\rabc\r\n" + END),
    bad_chunks("size-cr-cr-lf", b"3\r\r\nabc\r\n" + END),
    bad_chunks("size-nul", b"3\x00\r\nabc\r\n" + END),
    bad_chunks("data-too-long", b"3\r\nabcd\r\n" + END),
    bad_chunks("data-too-short", b"4\r\nabc\r\n" + END),
    bad_chunks("data-bare-lf", b"3\r\nabc\n" + END),
    bad_chunks("data-bare-cr", b"3\r\nabc\r0\r\n\r\n"),
    bad_chunks("data-without-end", b"3\r\nabc0\r\n\r\n"),
    bad_chunks("2-to-the-64", b"10000000000000003\r\nabc\r\n" + END),
    bad_chunks("16-digits", b"ffffffffffffffff\r\nabc\r\n"),
    bad_chunks("minus-one", b"FFFFFFFFFFFFFFFF\r\n\r\n"),
    bad_chunks("extension-bare-lf", b"3;a\nabc\r\n" + END),
    bad_chunks("extension-bare-cr", b"3;a\rb\r\nabc\r\n" + END),
    bad_chunks("extension-nul", b"3;a\x00\r\nabc\r\n" + END),
    bad_chunks("extension-endless", b"3;" + b"a" * 5000 + b"\r\nabc\r\n" + END),
    bad_chunks("last-bare-lf", b"3\r\nabc\r\n0\n\n"),
    bad_chunks("end-bare-lf", b"3\r\nabc\r\n0\r\n\n"),
    bad_chunks("end-bare-cr", b"3\r\nabc\r\n0\r\n\rX"),
    bad_chunks("trailer-no-colon", b"3\r\nabc\r\n0\r\nGET / HTTP/1.1\r\n\r\n"),
    bad_chunks("trailer-space-before-colon", b"3\r\nabc\r\n0\r\nX : y\r\n\r\n"),
    bad_chunks("trailer-folded", b"3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n"),
    bad_chunks("trailer-bare-lf", b"3\r\nabc\r\n0\r\nX: y\n\r\n"),
    bad_chunks("trailer-nul", b"3\r\nabc\r\n0\r\nX: \x00\r\n\r\n"),
    bad_chunks("trailers-endless", b"3\r\nabc\r\n0\r\n" + b"X: yyyyyyyyyyyyyy\r\n" * 2000, 431),
    bad_chunks("trailer-endless", b"3\r\nabc\r\n0\r\nX: " + b"y" * 20000),
]

SMUGGLING = [
    passed("body-like-a-request", post(b"Content-Length: %d" % len(PLAIN), body=PLAIN)),
    passed("chunk-like-a-request", post(TE, body=b"%x\r\n%b\r\n%b" % (len(PLAIN), PLAIN, END))),
    passed("post-and-get", post(CL3, body=b"abc") + PLAIN, post(CL3, body=b"abc"), PLAIN),
    passed("chunked-and-get", CHUNKED + PLAIN, CHUNKED, PLAIN),
    passed("two-chunked", CHUNKED + CHUNKED, CHUNKED, CHUNKED),
    passed(
        "empty-post-and-get", post(b"Content-Length: 0") + PLAIN, post(b"Content-Length: 0"), PLAIN
    ),
    passed("no-length-and-get", post() + PLAIN, post(), PLAIN),
    passed("empty-lines-between", PLAIN + b"\r\n\r\n" + PLAIN, PLAIN, PLAIN),
    passed(
        "crlf-behind-a-body",
        post(CL3, body=b"abc") + b"\r\n" + PLAIN,
        post(CL3, body=b"abc"),
        PLAIN,
    ),
]

CASES = LENGTHS + CODINGS + CHUNKS + SMUGGLING
