"""What must hold for any bytes that a client or a server may send.

Nothing but ``RemoteProtocolError`` comes out of the readers, they end, and they keep no more than
the limits allow. Where the bytes are cut makes no difference. What goes further reads back as the
same message, so that the other side cannot find another one in it.
"""

import zlib
from collections.abc import Iterator

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.bodies import Body, body_of
from proxy.core.http.delivery import plan_delivery
from proxy.core.http.events import CHUNKED, UNTIL_CLOSE, RequestHead
from proxy.core.http.headers import BARE_LINE_FEED
from proxy.core.http.limits import HttpLimits
from proxy.core.http.request_reader import RequestReader, request_memo
from proxy.core.http.response_reader import ResponseReader, response_memo
from proxy.core.http.simple import SimpleRequests
from proxy.core.http.writer import write_request_head, write_response_head

LIMITS = HttpLimits(
    max_request_line_bytes=200,
    max_header_bytes=400,
    max_header_fields=12,
    max_chunk_line_bytes=40,
    max_trailer_bytes=80,
)
MOST_KEPT = LIMITS.max_request_line_bytes + LIMITS.max_header_bytes + 4
REFUSED = "refused"

Events = list[object]


def check(data: bytes) -> None:
    """Hold everything that must hold against these bytes; the first one says how they are cut."""
    if not data:
        return
    seed, data = data[0], data[1:]
    check_requests(data, seed)
    check_responses(data, seed)


def pieces(data: bytes, seed: int) -> Iterator[bytes]:
    """Yield the data in parts of one to sixteen bytes."""
    at = 0
    while at < len(data):
        seed = (seed * 75 + 74) % 65537
        size = seed % 16 + 1
        yield data[at : at + size]
        at += size


# --- requests ------------------------------------------------------------------------------------


def check_requests(data: bytes, seed: int = 1) -> None:
    """Read the data as what a client sends."""
    whole = _requests(iter([data]))
    assert _requests(pieces(data, seed)) == whole
    _check_short_way(data)


def _requests(parts: Iterator[bytes]) -> Events:
    """Return what was read: heads as they go on, bodies, and whether it was refused."""
    reader = RequestReader(request_memo(LIMITS), LIMITS)
    events: Events = []
    body: Body | None = None
    relayed = b""
    for part in parts:
        reader.receive(part)
        try:
            while True:
                if body is None:
                    head = reader.next_head()
                    if head is None:
                        break
                    events.append(_forwarded(head))
                    body, relayed = body_of(head.length, limits=LIMITS), b""
                rest = reader.take_rest()
                taken = body.receive(memoryview(rest))
                relayed += b"".join(taken.relay)
                reader.put_back(rest[taken.consumed :])
                if not body.done:
                    break
                events.append(relayed)
                body = None
        except RemoteProtocolError:
            return [*events, REFUSED]
        assert reader.buffered_bytes <= MOST_KEPT
    return events


def _forwarded(head: RequestHead) -> bytes:
    """Return the head that a server gets; it reads back as the same request."""
    written = write_request_head(
        head,
        peer=b"192.0.2.1",
        request_id=b"id",
        append_forwarded_for=True,
        default_host=b"own",
    )
    assert not BARE_LINE_FEED.search(written)
    assert b"\x00" not in written
    assert written.count(b"\r") == written.count(b"\n")
    reader = RequestReader()
    reader.receive(written)
    again = reader.next_head()
    assert again is not None
    assert not reader.has_input
    assert (again.method, again.target, again.length) == (head.method, head.target, head.length)
    assert again.fields.host is not None
    return written


def _check_short_way(data: bytes) -> None:
    """What the short way takes is what the strict reader takes."""
    simple = SimpleRequests(request_memo(LIMITS), LIMITS)
    if simple.read(data) is not None:
        reader = RequestReader(request_memo(LIMITS), LIMITS)
        reader.receive(data)
        assert reader.next_head() == simple.head_of(data)
        assert not reader.has_input


# --- responses -----------------------------------------------------------------------------------


def check_responses(data: bytes, seed: int = 1) -> None:
    """Read the data as what a server answers."""
    request = _request_for(seed)
    whole = _response(iter([data]), request, gzip=False)
    assert _response(pieces(data, seed), request, gzip=False) == whole
    packed = _response(pieces(data, seed), request, gzip=True)
    assert (REFUSED in packed) == (REFUSED in whole)


def _request_for(seed: int) -> RequestHead:
    method = b"HEAD" if seed % 4 == 0 else b"GET"
    version = b"1.0" if seed % 3 == 0 else b"1.1"
    reader = RequestReader()
    reader.receive(b"%b / HTTP/%b\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n" % (method, version))
    head = reader.next_head()
    assert head is not None
    return head


def _response(parts: Iterator[bytes], request: RequestHead, *, gzip: bool) -> Events:
    """Return the statuses that were read, and the head and body that the client gets."""
    reader = ResponseReader(response_memo(LIMITS), LIMITS)
    events: Events = []
    body: Body | None = None
    relayed = b""
    for part in parts:
        try:
            if body is not None:
                if not body.done:
                    relayed += b"".join(body.receive(memoryview(part)).relay)
                continue
            reader.receive(part)
            while body is None and (head := reader.next_head()) is not None:
                events.append(head.status)
                if head.status < 200:
                    continue
                rest = reader.take_rest()
                delivery = plan_delivery(request, head, rest, gzip=gzip, limits=LIMITS)
                body, relayed = delivery.body, b"".join(delivery.relay)
                written = write_response_head(
                    delivery.head,
                    framing_line=delivery.framing_line,
                    connection_line=b"",
                    request_id=b"id",
                )
                assert written.count(b"\r") == written.count(b"\n")
                assert b"\x00" not in written
        except RemoteProtocolError:
            return [*events, REFUSED]
    if body is not None:
        events.append(body.done)
        if body.done and not gzip:
            events.append(relayed)
    return events


# --- bodies --------------------------------------------------------------------------------------


def check_chunks(data: bytes, seed: int = 1) -> None:
    """Chunks as they go further hold the same data as the chunks that came."""
    kept, plain = (_relayed(data, seed, decode=decode) for decode in (False, True))
    assert (kept is None) == (plain is None)
    if kept is not None:
        assert _decoded(kept) == plain


def _relayed(data: bytes, seed: int, *, decode: bool) -> bytes | None:
    """Return what goes further of a whole body, None when it is refused or not whole."""
    body = body_of(CHUNKED, decode=decode, limits=LIMITS)
    relayed = b""
    for part in pieces(data, seed):
        try:
            relayed += b"".join(body.receive(memoryview(part)).relay)
        except RemoteProtocolError:
            return None
        if body.done:
            return relayed
    return None


def _decoded(chunks: bytes) -> bytes:
    data = b""
    while True:
        line, _, chunks = chunks.partition(b"\r\n")
        size = int(line, 16)
        data += chunks[:size]
        assert chunks[size : size + 2] == b"\r\n"
        chunks = chunks[size + 2 :]
        if not size:
            assert chunks == b""
            return data


def check_packed(data: bytes) -> None:
    """A body that is packed on its way comes out as it was."""
    head_reader = ResponseReader()
    head_reader.receive(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    head = head_reader.next_head()
    assert head is not None
    delivery = plan_delivery(_request_for(3), head, b"", gzip=True)
    packed = b"".join(delivery.relay)
    for part in pieces(data, 7):
        packed += b"".join(delivery.body.receive(memoryview(part)).relay)
    packed += delivery.body.end() or b""
    assert head.fields.content_length is None
    assert body_of(UNTIL_CLOSE).end() == b""
    assert zlib.decompress(packed, 16 + zlib.MAX_WBITS) == data
