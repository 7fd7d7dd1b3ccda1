"""Messages that are almost right: good ones with a few bytes changed, always the same ones."""

import random
from collections.abc import Iterator

SEEDS = (
    b"GET /a?b HTTP/1.1\r\nHost: a.example:80\r\nAccept-Encoding: gzip;q=0.5, *\r\n\r\n",
    b"POST http://b/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    b"5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]\r\nConnection: Upgrade, X-A\r\nUpgrade: websocket\r\n"
    b"X-A: b\r\nMax-Forwards: 3\r\nX-Forwarded-For: 1.2.3.4\r\nX-Request-Id: mine\r\n\r\n",
    b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2, 2\r\nETag: "x"\r\n\r\nok',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVary: Origin\r\nTransfer-Encoding: chunked"
    b"\r\nContent-Type: text/html\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.0 304 Not Modified\r\nConnection: close\r\nDate : x\r\n\r\n",
)
_PIECES = (
    b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b",", b";", b"\r\n ", b"0", b"\xff", b"-",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Host: b\r\n", b"HTTP/1.1",
    b"Connection: close\r\n", b"0\r\n\r\n", b"ffffffffffffffff", b"x" * 300,
)  # fmt: skip


def mutations(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield so many inputs, each with a byte in front that says how it is cut."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(SEEDS))
        for _ in range(chance.randrange(4)):
            _change(data, chance)
        yield bytes([chance.randrange(256)]) + bytes(data)


def _change(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.randrange(1, 8))
    kind = chance.randrange(5)
    if kind == 0:
        data[at:at] = chance.choice(_PIECES)
    elif kind == 1:
        del data[at:end]
    elif kind == 2:
        data[at:end] = bytes(chance.randrange(256) for _ in range(end - at))
    elif kind == 3:
        data[at:at] = data[at:end]
    else:
        other = chance.choice(SEEDS)
        data[at:] = other[chance.randrange(len(other)) :]
