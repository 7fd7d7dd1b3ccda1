"""What a case of the suite is: bytes that go in, and what each side has to see of them."""

from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOST = b"Host: a\r\n"


@dataclass(frozen=True, slots=True)
class RequestCase:
    """Bytes of a client. ``seen``: what the server gets; ``statuses``: what the client gets.

    ``stays``: the client's connection serves another request afterwards.
    """

    id: str
    sends: bytes
    seen: tuple[bytes, ...]
    statuses: tuple[int, ...]
    stays: bool
    options: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseCase:
    """Bytes of a server that answer one request. ``gets``: what the client gets, None for 502.

    ``is_cut``: the client's connection is reset, since the response never became whole.
    ``is_reused``: the server's connection carries the next request.
    """

    id: str
    answers: bytes
    gets: bytes | None
    request: bytes
    closes: bool
    stays: bool
    is_reused: bool
    is_cut: bool


def get(*lines: bytes, target: bytes = b"/", version: bytes = b"HTTP/1.1") -> bytes:
    """Return a GET with a host and these lines."""
    return request(b"GET", target, *lines, version=version)


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """Return a POST with a host, these lines and a body as it stands."""
    return request(b"POST", b"/", *lines, body=body)


def request(
    method: bytes,
    target: bytes,
    *lines: bytes,
    body: bytes = b"",
    version: bytes = b"HTTP/1.1",
    host: bytes = b"a",
) -> bytes:
    """Return a request; its host is the first line."""
    fields = b"".join(line + b"\r\n" for line in lines)
    return b"%b %b %b\r\nHost: %b\r\n%b\r\n%b" % (method, target, version, host, fields, body)


PLAIN = get()


def passed(
    id: str, sends: bytes, *seen: bytes, stays: bool = True, **options: object
) -> RequestCase:
    """The request goes on in this form (in the form that it has, when there is none)."""
    forms = seen or (sends,)
    return RequestCase(id, sends, forms, (200,) * len(forms), stays, options)


def refused(id: str, sends: bytes, status: int = 400, **options: object) -> RequestCase:
    """The client gets an error and its connection ends; what comes behind is not served."""
    behind = b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n"
    return RequestCase(id, sends + behind, (), (status,), False, options)


def served(id: str, sends: bytes, status: int, *, stays: bool = True) -> RequestCase:
    """The proxy answers by itself, and the connection goes on."""
    return RequestCase(id, sends, (), (status,), stays)


def delivered(
    id: str,
    answers: bytes,
    gets: bytes | None = None,
    *,
    request: bytes = PLAIN,
    closes: bool = False,
    stays: bool = True,
    is_reused: bool = True,
) -> ResponseCase:
    """The client gets the response in this form (in the form that it has, when there is none)."""
    gets = answers if gets is None else gets
    return ResponseCase(id, answers, gets, request, closes, stays, is_reused, False)


def bad(id: str, answers: bytes, *, closes: bool = False, request: bytes = PLAIN) -> ResponseCase:
    """The server breaks the protocol: the client gets 502."""
    return ResponseCase(id, answers, None, request, closes, True, False, False)


def cut(id: str, answers: bytes, gets: bytes, *, closes: bool = True) -> ResponseCase:
    """The response begins and never becomes whole: the client must not take it for whole."""
    return ResponseCase(f"cut-{id}", answers, gets, PLAIN, closes, False, False, True)
