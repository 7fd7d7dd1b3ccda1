"""Who says what in which order: Expect, early answers, cuts, half-closes, upgrades, reuse, retry.

A step is an act and what it is about. ``c`` is the client, ``s`` the server's present connection:
``>`` sends, ``<`` waits for bytes (and takes all up to them), ``|`` ends its sending, ``x`` closes,
``!`` resets, ``.`` sees the end, ``r`` sees a reset. ``s+`` is the server's next connection, ``s=``
says that there was none, ``s0`` that nothing more has come to the present one.
"""

from typing import NamedTuple

from tests.proxy.net.conformance.cases import OK, PLAIN, get, post

Step = tuple[str, bytes] | str


class Dialogue(NamedTuple):
    """One case: its name and its steps in order."""

    id: str
    steps: tuple[Step, ...]


def dialogue(id: str, *steps: Step) -> Dialogue:
    return Dialogue(id, steps)


EXPECTING = post(b"Content-Length: 3", b"Expect: 100-continue")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
POST = post(b"Content-Length: 3", body=b"xyz")
LARGE = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
WEBSOCKET = get(b"Connection: Upgrade", b"Upgrade: websocket")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
END = b"\r\n\r\n"
MANY = 1_000_000
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MANY
ASKED = (("c>", PLAIN), "s+", ("s<", END))
SERVED = (*ASKED, ("s>", OK), ("c<", b"ok"))

EXPECT = [
    dialogue(
        "expect-continue",
        *(("c>", EXPECTING), "s+", ("s<", b"Expect: 100-continue"), ("s>", CONTINUE)),
        *(("c<", CONTINUE), ("c>", b"xyz"), ("s<", b"xyz"), ("s>", OK), ("c<", b"ok")),
        *(("c>", PLAIN), ("s<", END), ("s>", OK), ("c<", b"ok")),
    ),
    dialogue(
        "expect-body-without-waiting",
        *(("c>", EXPECTING + b"xyz"), "s+", ("s<", b"xyz"), ("s>", CONTINUE + OK)),
        *(("c<", CONTINUE), ("c<", b"ok"), ("c>", PLAIN), ("s<", b"GET / ")),
    ),
    dialogue(
        "expect-final-at-once",
        *(("c>", EXPECTING), "s+", ("s<", END), ("s>", LARGE)),
        *(("c<", b"Connection: close"), ("c<", b"no"), "c.", "s."),
    ),
    dialogue(
        "expect-417",
        *(("c>", EXPECTING), "s+", ("s<", END)),
        ("s>", b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"),
        *(("c<", b"HTTP/1.1 417 "), ("c<", END), "c."),
    ),
    dialogue(
        "expect-server-never-says-continue",
        *(("c>", EXPECTING), "s+", ("s<", END), ("c>", b"xyz"), ("s<", b"xyz")),
        *(("s>", OK), ("c<", b"ok"), ("c>", PLAIN), ("s<", END)),
    ),
    dialogue(
        "expect-chunked",
        ("c>", post(b"Transfer-Encoding: chunked", b"Expect: 100-continue")),
        *("s+", ("s<", END), ("s>", CONTINUE), ("c<", CONTINUE)),
        *(("c>", b"3\r\nxyz\r\n0\r\n\r\n"), ("s<", b"3\r\nxyz\r\n0\r\n\r\n"), ("s>", OK)),
        ("c<", b"ok"),
    ),
    dialogue(
        "expect-continue-twice",
        *(("c>", EXPECTING), "s+", ("s<", END), ("s>", CONTINUE * 2)),
        *(("c<", CONTINUE * 2), ("c>", b"xyz"), ("s<", b"xyz"), ("s>", OK), ("c<", b"ok")),
    ),
]

EARLY = [
    dialogue(
        "early-answer-ends-both",
        *(("c>", post(b"Content-Length: 100", body=b"xyz")), "s+", ("s<", b"xyz")),
        *(("s>", LARGE), ("c<", b"Connection: close"), ("c<", b"no"), "c.", "s."),
    ),
    dialogue(
        "early-answer-rest-is-no-request",
        *(("c>", post(b"Content-Length: 100", body=b"xyz")), "s+", ("s<", b"xyz")),
        *(("s>", LARGE), ("c<", b"no"), ("c>", PLAIN), "c.", "s=", "s."),
    ),
    dialogue(
        "early-answer-server-closes",
        *(("c>", post(b"Content-Length: 100", body=b"xyz")), "s+", ("s<", b"xyz")),
        *(("s>", LARGE), "sx", ("c<", b"no"), "c."),
    ),
    dialogue(
        "early-answer-in-chunks",
        *(("c>", post(b"Transfer-Encoding: chunked", body=b"3\r\nxyz\r\n")), "s+"),
        *(("s<", b"xyz\r\n"), ("s>", LARGE), ("c<", b"no"), "c.", "s."),
    ),
    dialogue(
        "answer-while-the-body-flows",
        *(("c>", post(b"Content-Length: 6", body=b"uvw")), "s+", ("s<", b"uvw")),
        ("s>", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nqrs"),
        *(("c<", b"qrs"), ("c>", b"xyz"), ("s<", b"xyz"), ("s>", b"tuv"), ("c<", b"tuv"), "c."),
    ),
]

CUTS = [
    dialogue("client-cut-in-head", ("c>", PLAIN[:10]), "cx", "s="),
    dialogue("client-half-close-in-head", ("c>", PLAIN[:10]), "c|", ("c<", b" 400 "), "c.", "s="),
    dialogue(
        "client-cut-in-body",
        *(("c>", POST[:-1]), "s+", ("s<", b"xy"), "cx", "s.", "s0"),
    ),
    dialogue(
        "client-half-close-in-body",
        *(("c>", POST[:-1]), "s+", ("s<", b"xy"), "c|", ("c<", b" 400 "), "c.", "s.", "s0"),
    ),
    dialogue(
        "client-cut-in-chunk",
        ("c>", post(b"Transfer-Encoding: chunked", body=b"5\r\nxy")),
        *("s+", ("s<", b"5\r\nxy"), "c!", "s.", "s0"),
    ),
    dialogue(
        "client-cut-before-last-chunk",
        ("c>", post(b"Transfer-Encoding: chunked", body=b"2\r\nxy\r\n")),
        *("s+", ("s<", b"xy\r\n"), "c|", ("c<", b" 400 "), "s.", "s0"),
    ),
    dialogue(
        "client-cut-in-trailers",
        ("c>", post(b"Transfer-Encoding: chunked", body=b"2\r\nxy\r\n0\r\nX: y\r\n")),
        *("s+", ("s<", b"xy\r\n"), "c|", ("c<", b" 400 "), "s.", "s0"),
    ),
    dialogue("client-cut-while-waiting", *ASKED, "c!", "s."),
    dialogue("client-half-close-while-waiting", *ASKED, "c|", ("s>", OK), ("c<", b"ok"), "c."),
    dialogue(
        "client-half-close-after-two",
        *(("c>", PLAIN + PLAIN), "c|", "s+", ("s<", END), ("s>", OK), ("s<", END), ("s>", OK)),
        *(("c<", b"ok"), ("c<", b"Connection: close"), ("c<", b"ok"), "c."),
    ),
    dialogue(
        "client-cut-in-response",
        *(*ASKED, ("s>", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxyz"), ("c<", b"xyz")),
        *("c!", "s."),
    ),
    dialogue("server-resets-at-once", *ASKED, "s!", ("c<", b" 502 "), ("c<", b"upstream_closed")),
    dialogue(
        "server-resets-in-response",
        *(*ASKED, ("s>", b"HTTP/1.1 200 OK\r\n\r\nxyz"), ("c<", b"xyz"), "s!", "cr"),
    ),
    dialogue(
        "server-half-closes-after-its-answer",
        *(*ASKED, ("s>", OK), "s|", ("c<", b"ok"), "s.", ("c>", PLAIN), "s+", ("s<", END)),
    ),
    dialogue("server-half-closes-unanswered", *ASKED, "s|", ("c<", b" 502 "), "s."),
    dialogue(
        "server-answers-unasked",
        *(*SERVED, ("s>", OK), ("c>", PLAIN), "s+", ("s<", END), ("s>", LARGE)),
        ("c<", b" 413 "),
    ),
]

REUSE = [
    dialogue("reuse", *SERVED, ("c>", PLAIN), ("s<", END), ("s>", OK), ("c<", b"ok"), "s="),
    dialogue(
        "retry-get-on-a-dead-connection",
        *(*SERVED, ("c>", PLAIN), ("s<", END), "sx", "s+", ("s<", END), ("s>", OK)),
        ("c<", b"ok"),
    ),
    dialogue(
        "retry-only-once",
        *(*SERVED, ("c>", PLAIN), ("s<", END), "sx", "s+", ("s<", END), "sx"),
        *(("c<", b" 502 "), ("c<", b"upstream_closed"), "s="),
    ),
    dialogue(
        "no-retry-of-a-post",
        *(*SERVED, ("c>", POST), ("s<", b"xyz"), "sx", ("c<", b" 502 "), "s="),
    ),
    dialogue(
        "no-retry-of-a-patch",
        *(*SERVED, ("c>", POST.replace(b"POST", b"PATCH")), ("s<", b"xyz"), "sx"),
        *(("c<", b" 502 "), "s="),
    ),
    dialogue(
        "no-retry-after-a-first-byte",
        *(*SERVED, ("c>", PLAIN), ("s<", END), ("s>", b"H"), "sx", ("c<", b" 502 "), "s="),
    ),
    dialogue(
        "no-retry-after-an-interim",
        *(*SERVED, ("c>", PLAIN), ("s<", END), ("s>", CONTINUE), ("c<", CONTINUE), "sx"),
        *(("c<", b" 502 "), "s="),
    ),
    dialogue("no-retry-of-a-fresh-connection", *ASKED, "sx", ("c<", b" 502 "), "s="),
    dialogue(
        "dead-connection-is-found-before-a-post",
        *(*SERVED, "sx", ("c>", POST), "s+", ("s<", b"xyz"), ("s>", OK), ("c<", b"ok")),
    ),
]

PIPELINES = [
    dialogue(
        "pipeline-waits-for-its-turn",
        *(("c>", PLAIN + POST + PLAIN), "s+", ("s<", END), "s0", ("s>", OK), ("s<", b"xyz"), "s0"),
        *(("s>", LARGE), ("s<", END), ("s>", OK), ("c<", b"ok"), ("c<", b"no"), ("c<", b"ok")),
    ),
    dialogue(
        "pipeline-ends-with-a-bad-one",
        *(("c>", PLAIN + b"bad\r\n\r\n" + PLAIN), "s+", ("s<", END), ("s>", OK)),
        *(("c<", b"ok"), ("c<", b" 400 "), ("c<", b"bad_request\n"), "c.", "s="),
    ),
    dialogue(
        "pipeline-ends-with-close",
        *(("c>", get(b"Connection: close") + PLAIN), "s+", ("s<", END), ("s>", OK)),
        *(("c<", b"ok"), "c.", "s="),
    ),
    dialogue(
        "pipeline-goes-on-during-a-large-last-answer",
        *(("c>", get(b"Connection: close")), "s+", ("s<", END), ("s>", LONG + b"x" * MANY), "s="),
        *(("c>", PLAIN * 20), ("c<", b"Connection: close"), ("c<", END), ("c<", b"x" * MANY)),
        *("c.", "s="),
    ),
    dialogue(
        "pipeline-in-one-piece-with-a-body",
        *(("c>", POST[:-2]), "s+", ("s<", END + b"x"), ("c>", b"yz" + PLAIN), ("s<", b"yz"), "s0"),
        *(("s>", OK), ("s<", b"GET / "), ("s<", END), ("s>", OK), ("c<", b"ok"), ("c<", b"ok")),
    ),
    dialogue(
        "pipeline-ends-when-the-response-does",
        *(("c>", PLAIN + PLAIN), "s+", ("s<", END), ("s>", b"HTTP/1.1 200 OK\r\n\r\nxyz"), "sx"),
        *(("c<", b"Connection: close"), ("c<", b"xyz"), "c.", "s="),
    ),
]

UPGRADES = [
    dialogue(
        "upgrade",
        *(("c>", WEBSOCKET), "s+", ("s<", b"Upgrade: websocket\r\n"), ("s<", END)),
        *(("s>", SWITCHED + b"\x00hi"), ("c<", b"101 Switching"), ("c<", b"\x00hi")),
        *(("c>", b"GET / HTTP/9\n\n\x00"), ("s<", b"HTTP/9\n\n\x00"), "c|", "s."),
        *(("s>", b"bye"), ("c<", b"bye"), "sx", "c."),
    ),
    dialogue(
        "upgrade-bytes-sent-ahead",
        *(("c>", WEBSOCKET + b"ahead"), "s+", ("s<", END), "s0", ("s>", SWITCHED)),
        *(("s<", b"ahead"), ("c<", END), "sx", "c."),
    ),
    dialogue(
        "upgrade-declined-and-request-sent-ahead",
        *(("c>", WEBSOCKET + PLAIN), "s+", ("s<", END), "s0", ("s>", OK), ("c<", b"ok")),
        *(("s<", END), ("s>", OK), ("c<", b"ok")),
    ),
    dialogue(
        "upgrade-cut-by-the-client",
        *(("c>", WEBSOCKET), "s+", ("s<", END), ("s>", SWITCHED), ("c<", END), "c!", "s."),
    ),
    dialogue(
        "upgrade-without-naming-it-back",
        *(("c>", WEBSOCKET), "s+", ("s<", END)),
        ("s>", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        *(("c<", b"Upgrade: websocket\r\n"), ("c>", b"x"), ("s<", b"x"), "sx"),
    ),
]

CASES = EXPECT + EARLY + CUTS + REUSE + PIPELINES + UPGRADES
