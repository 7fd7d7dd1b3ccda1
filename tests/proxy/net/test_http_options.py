"""What HTTP listeners add to requests, compress and redirect, seen from both ends."""

import gzip
import zlib

import pytest

from tests.proxy.net.http_scene import Peer, Scene
from tests.proxy.net.test_http_client import GET, OK, field

SPOOFS = (
    b"X-Forwarded-Proto: https\r\nx-forwarded-port: 443\r\nX-Forwarded-Client-Srcport: 1\r\n"
    b"SLB-IP: 10.0.0.1\r\nSlb-Id: evil\r\nSLB_ID: evil\r\nX-Kept: yes\r\nX_Forwarded_Proto: x\r\n"
)
ALL_FIELDS = {
    "forwarded_proto": True,
    "forwarded_port": True,
    "forwarded_client_port": True,
    "forwarded_instance_address": True,
    "forwarded_instance_id": True,
}
TEXT = b"".join(b"line %d of a page that shrinks well\n" % at for at in range(2000))


def with_fields(lines: bytes, request: bytes = GET) -> bytes:
    return request[:-2] + lines + b"\r\n"


def answer(*lines: bytes, body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    head = b"".join(b"%b\r\n" % line for line in lines)
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, head, len(body), body)


def ask(scene: Scene, client: Peer, request: bytes, response: bytes) -> bytes:
    """Carry one request and return the head that its server saw."""
    client.send(request)
    servers = scene.server.accepted
    server = servers[-1] if servers and not servers[-1].is_at_end else scene.server.accept()
    seen = server.wait_for_head()
    server.send(response)
    return seen


# --- added fields --------------------------------------------------------------------------------


@pytest.mark.parametrize("repeats", [1, 3], ids=["fresh", "kept"])
def test_every_field_is_ours_whatever_the_client_sent(repeats):
    """slb-rpc-api.md 5.6: the names; a client cannot pose as the load balancer."""
    with Scene(**ALL_FIELDS) as scene:
        client = scene.connect()
        for _ in range(repeats):
            seen = ask(scene, client, with_fields(SPOOFS), OK)
            client.wait_for_response()
        port = b"%d" % client.sock.getsockname()[1]
    lines = [line.lower() for line in seen.split(b"\r\n")]
    assert field(seen, b"X-Forwarded-Proto") == b"http"
    assert field(seen, b"X-Forwarded-Port") == b"80"
    assert field(seen, b"X-Forwarded-Client-srcport") == port
    assert field(seen, b"SLB-IP") == b"127.0.0.1"
    assert field(seen, b"SLB-ID") == b"lb-1"
    assert field(seen, b"X-Kept") == b"yes"
    assert field(seen, b"X-Forwarded-For") == b"127.0.0.1"
    for name in (b"x-forwarded-p", b"x-forwarded-client", b"slb-i"):
        expected = 1 if name == b"x-forwarded-client" else 2
        assert sum(line.startswith(name) for line in lines) == expected
    assert not any(b"_" in line.partition(b":")[0] for line in lines)
    assert b"evil" not in seen


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("forwarded_proto", b"X-Forwarded-Proto"),
        ("forwarded_port", b"X-Forwarded-Port"),
        ("forwarded_client_port", b"X-Forwarded-Client-srcport"),
        ("forwarded_instance_address", b"SLB-IP"),
        ("forwarded_instance_id", b"SLB-ID"),
    ],
)
def test_each_field_is_added_alone(option, name):
    names = {name for name in SPOOFS.replace(b": ", b"\r\n").split(b"\r\n")[::2] if name}
    with Scene(**{option: True}) as scene:
        client = scene.connect()
        seen = ask(scene, client, GET, OK)
        client.wait_for_response()
    assert field(seen, name) is not None
    others = {each for each in names if each.lower() != name.lower()}
    assert not [each for each in others if field(seen, each) is not None]


def test_without_options_nothing_is_added_and_nothing_taken():
    with Scene() as scene:
        client = scene.connect()
        seen = ask(scene, client, with_fields(b"X-Forwarded-Proto: https\r\nSLB-ID: x\r\n"), OK)
        client.wait_for_response()
    assert field(seen, b"X-Forwarded-Proto") == b"https"
    assert field(seen, b"SLB-ID") == b"x"
    assert field(seen, b"SLB-IP") is None


def test_option_that_is_turned_on_counts_from_the_next_request_of_a_connection():
    with Scene() as scene:
        client = scene.connect()
        for _ in range(2):
            assert field(ask(scene, client, GET, OK), b"SLB-ID") is None
            client.wait_for_response()
        scene._options = {"forwarded_instance_id": True}
        scene.adopt_weights([100])
        assert field(ask(scene, client, GET, OK), b"SLB-ID") == b"lb-1"
        client.wait_for_response()


# --- redirection ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_bytes", "port", "location"),
    [
        pytest.param(GET, 443, b"https://a.example/x", id="plain"),
        pytest.param(GET, 8443, b"https://a.example:8443/x", id="other-port"),
        pytest.param(
            b"GET /p?q=%20 HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
            443,
            b"https://a.example/p?q=%20",
            id="port-of-the-host-goes",
        ),
        pytest.param(
            b"GET //evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n", 443, b"https://a//evil.example/"
        ),
        pytest.param(
            b"GET http://b:8080/y HTTP/1.1\r\nHost: a\r\n\r\n", 443, b"https://b/y", id="absolute"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 443, b"https://[::1]/"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", 8443, b"https://[::1]:8443/"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 443, b"https://a/", id="asterisk"),
        pytest.param(b"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n", 443, b"https://a/x", id="delete"),
    ],
)
def test_every_request_is_redirected_and_no_server_hears_of_it(request_bytes, port, location):
    """slb-rpc-api.md 5.6: 301 for every request."""
    with Scene(redirect_port=port) as scene:
        client = scene.connect()
        for _ in range(2):
            client.send(request_bytes)
            head, body = client.wait_for_response()
            assert head.startswith(b"HTTP/1.1 301 Moved Permanently\r\n")
            assert field(head, b"Location") == location
            assert field(head, b"X-OpenCLB-Reason") == b"redirect"
            assert field(head, b"X-Request-Id") is not None
            assert b"redirect" in body
        assert scene.server.try_accept() is None


def test_redirected_body_is_not_taken_for_a_request():
    with Scene(redirect_port=443) as scene:
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(GET), GET))
        answers = client.wait_for_end()
    assert answers.count(b"HTTP/1.1 301 ") == 1
    assert field(answers, b"Connection") == b"close"


def test_redirected_head_has_no_body_and_http_10_needs_no_host():
    with Scene(redirect_port=443) as scene:
        client = scene.connect()
        client.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.wait_for_end().endswith(b"\r\n\r\n")
        old = scene.connect()
        old.send(b"GET /x HTTP/1.0\r\n\r\n")
        location = field(old.wait_for_end(), b"Location")
    assert location == b"https://127.0.0.1/x"


def test_redirecting_listener_refuses_what_every_listener_refuses():
    with Scene(redirect_port=443) as scene:
        client = scene.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert client.wait_for_end().startswith(b"HTTP/1.1 400 ")


# --- gzip ----------------------------------------------------------------------------------------


PLAIN = (b"Content-Type: text/plain; charset=utf-8",)
ACCEPTS = b"Accept-Encoding: gzip\r\n"


def fetch(
    response: bytes, accepts: bytes = ACCEPTS, request: bytes = GET, end: bool = False
) -> tuple[bytes, bytes]:
    """Return head and body of one response of a compressing listener."""
    with Scene(gzip=True) as scene:
        client = scene.connect()
        client.send(with_fields(accepts, request))
        server = scene.server.accept()
        server.wait_for_head()
        server.send(response)
        if end:
            server.close()
        if request.startswith(b"HEAD"):
            return client.wait_for_head(), b""
        head = client.wait_for_head()
        return head, body_of(client, head)


def body_of(client: Peer, head: bytes) -> bytes:
    length = field(head, b"Content-Length")
    if length is not None:
        return client.wait_for_bytes(int(length))
    if field(head, b"Transfer-Encoding") is None:
        return client.wait_for_end()
    body = b""
    while size := int(client.wait_for(b"\r\n"), 16):
        body += client.wait_for_bytes(size)
        assert client.wait_for_bytes(2) == b"\r\n"
    assert client.wait_for_bytes(2) == b"\r\n"
    return body


def chunked(data: bytes, size: int = 5000) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "end"),
    [
        pytest.param(answer(*PLAIN, body=TEXT), False, id="length"),
        pytest.param(answer(*PLAIN, body=TEXT * 20), False, id="length-in-parts"),
        pytest.param(CHUNKED + chunked(TEXT), False, id="chunked"),
        pytest.param(UNTIL_CLOSE + TEXT, True, id="until-close"),
    ],
)
def test_text_is_packed_and_comes_out_as_it_was(response, end):
    head, body = fetch(response, end=end)
    times = 20 if len(response) > 2 * len(TEXT) else 1
    assert field(head, b"Content-Encoding") == b"gzip"
    assert field(head, b"Vary") == b"Accept-Encoding"
    assert gzip.decompress(body) == TEXT * times
    assert len(body) < len(TEXT) * times / 4


def test_client_of_http_10_gets_packed_text_until_the_close():
    request = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    head, body = fetch(CHUNKED + chunked(TEXT), request=request)
    assert field(head, b"Content-Encoding") == b"gzip"
    assert field(head, b"Connection") == b"close"
    assert field(head, b"Transfer-Encoding") is None
    assert gzip.decompress(body) == TEXT


@pytest.mark.parametrize(
    "accepts",
    [
        b"",
        b"Accept-Encoding: br\r\n",
        b"Accept-Encoding: gzip;q=0\r\n",
        b"Accept-Encoding: *;q=0\r\n",
        b"Accept-Encoding: gzip; q=0.000, *\r\n",
        b"Accept-Encoding: identity\r\n",
        b"Accept-Encoding: gzipped\r\n",
    ],
)
def test_client_that_does_not_accept_gzip_gets_text_that_says_it_varies(accepts):
    head, body = fetch(answer(*PLAIN, b'ETag: "x"', body=TEXT), accepts)
    assert field(head, b"Content-Encoding") is None
    assert field(head, b"Vary") == b"Accept-Encoding"
    assert field(head, b"ETag") == b'"x"'
    assert body == TEXT


@pytest.mark.parametrize(
    "accepts",
    [
        b"Accept-Encoding: br, gzip;q=0.1\r\n",
        b"Accept-Encoding: *\r\n",
        b"Accept-Encoding: br\r\naccept-encoding: GZIP ; q=1.0\r\n",
        b"Accept-Encoding: x-gzip\r\n",
    ],
)
def test_every_way_to_accept_gzip_counts(accepts):
    assert gzip.decompress(fetch(answer(*PLAIN, body=TEXT), accepts)[1]) == TEXT


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(answer(b"Content-Type: image/png", body=TEXT), id="type"),
        pytest.param(answer(body=TEXT), id="no-type"),
        pytest.param(answer(*PLAIN, body=TEXT[:200]), id="short"),
        pytest.param(answer(*PLAIN, b"Content-Encoding: gzip", body=TEXT), id="packed-already"),
        pytest.param(answer(*PLAIN, b"Content-Encoding: br", body=TEXT), id="other-coding"),
        pytest.param(answer(*PLAIN, b"Cache-Control: a, No-Transform", body=TEXT), id="transform"),
        pytest.param(answer(*PLAIN, b"Content-Digest: sha-256=:x:", body=TEXT), id="digest"),
        pytest.param(
            answer(*PLAIN, b"Content-Range: bytes 0-9/10", body=TEXT, status=b"206 Partial"),
            id="range",
        ),
    ],
)
def test_what_may_not_be_packed_stays_as_it_was(response):
    head, body = fetch(response)
    expected_head, _, expected_body = response.partition(b"\r\n\r\n")
    assert body == expected_body
    assert field(head, b"Vary") is None
    assert field(head, b"Content-Encoding") == field(expected_head, b"Content-Encoding")
    assert field(head, b"Content-Length") == b"%d" % len(body)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body_are_not_packed(status):
    response = b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\n\r\n" % status
    with Scene(gzip=True) as scene:
        client = scene.connect()
        ask(scene, client, with_fields(ACCEPTS), response)
        head = client.wait_for_head()
        ask(scene, client, with_fields(ACCEPTS), OK)
        assert client.wait_for_response()[1] == b"ok"
    assert field(head, b"Content-Encoding") is None


def test_head_tells_of_the_plain_text():
    head, _ = fetch(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n",
        request=GET.replace(b"GET", b"HEAD"),
    )
    assert field(head, b"Content-Encoding") is None
    assert field(head, b"Content-Length") == b"5000"
    assert field(head, b"Vary") == b"Accept-Encoding"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((b"Vary: Origin",), b"Origin, Accept-Encoding"),
        ((b"Vary: Origin", b"vary: Cookie"), b"Origin, Cookie, Accept-Encoding"),
        ((b"Vary: accept-encoding, Origin",), b"accept-encoding, Origin"),
        ((b"Vary: *",), b"*"),
    ],
)
def test_vary_is_merged(given, expected):
    head, _ = fetch(answer(*PLAIN, *given, body=TEXT))
    assert field(head, b"Vary") == expected
    assert head.lower().count(b"\r\nvary:") == 1


@pytest.mark.parametrize(
    ("tag", "expected"), [(b'"x"', b'W/"x"'), (b'W/"x"', b'W/"x"'), (b"odd", b"odd")]
)
def test_packed_form_has_a_weak_tag_and_no_ranges(tag, expected):
    head, _ = fetch(answer(*PLAIN, b"ETag: " + tag, b"Accept-Ranges: bytes", body=TEXT))
    assert field(head, b"ETag") == expected
    assert field(head, b"Accept-Ranges") is None


def test_packed_stream_does_not_hold_back_what_the_server_has_sent():
    with Scene(gzip=True) as scene:
        client = scene.connect()
        client.send(with_fields(ACCEPTS))
        server = scene.server.accept()
        server.wait_for_head()
        server.send(CHUNKED)
        assert field(client.wait_for_head(), b"Transfer-Encoding") == b"chunked"
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        for word in (b"first", b"second"):
            server.send(b"%x\r\n%b\r\n" % (len(word), word))
            assert (
                unpacker.decompress(client.wait_for_bytes(int(client.wait_for(b"\r\n"), 16)))
                == word
            )
            client.wait_for_bytes(2)


def test_packed_body_that_its_server_cuts_never_looks_whole():
    with Scene(gzip=True) as scene:
        client = scene.connect()
        client.send(with_fields(ACCEPTS))
        server = scene.server.accept()
        server.wait_for_head()
        server.send(CHUNKED + chunked(TEXT)[:-20])
        server.close()
        answers = client.wait_for_end()
    assert client.was_reset
    assert not answers.endswith(b"0\r\n\r\n")


def test_packed_answers_leave_both_connections_open():
    with Scene(gzip=True) as scene:
        client = scene.connect()
        for response in (answer(*PLAIN, body=TEXT), CHUNKED + chunked(TEXT), OK):
            ask(scene, client, with_fields(ACCEPTS), response)
            body_of(client, client.wait_for_head())
        assert scene.server.try_accept() is None
