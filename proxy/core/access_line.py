"""The lines of the access log: one JSON object per request, connection or session.

The hot path writes one for each request, so a line is put together from parts that are known
before: who serves is the same for all requests that a server gets, who asks for all requests of a
connection. Whatever clients and servers say goes through ``json_text``, which leaves ASCII only,
of a bounded length.
"""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from proxy.core.reasons import ChosenBy, Reason

if TYPE_CHECKING:
    from proxy.core.generation import ListenerPlan
    from proxy.core.health import Target
    from proxy.core.route import Route

MAX_TEXT = 1024
"""How much of a target, host or explanation a line has; a longer one ends with three dots."""
NULL = b"null"

REQUEST = (
    b'{"time":"%b%03dZ",%b,%b,"method":%b,"target":%b,"host":%b,"status":%b,'
    b'"reason":%b,"detail":%b,"bytes_in":%d,"bytes_out":%d,"total_ms":%.3f,"connect_ms":%b,'
    b'"first_byte_ms":%b,"retries":%d,"request_id":"%b","end":"%b"}\n'
)
CONNECTION = (
    b'{"time":"%b%03dZ",%b,%b,"reason":%b,"bytes_in":%d,"bytes_out":%d,'
    b'"total_ms":%.3f,"connect_ms":%b,"retries":%d,"end":"%b"}\n'
)
SESSION = (
    b'{"time":"%b%03dZ",%b,%b,"reason":%b,"packets_in":%d,"packets_out":%d,'
    b'"bytes_in":%d,"bytes_out":%d,"total_ms":%.3f,"retries":%d,"end":"%b"}\n'
)


SimpleWork = tuple[float, bytes, bytes, bytes, bytes, int, int, int, float, bytes, bool]
"""A request that went the short way: when it ended, where it went, who asked, its first line, its
host, status, bytes in and out, how long it took in seconds, its id, and whether its client got all
of the answer.
"""
SIMPLE_VALUES = 11


class Second(NamedTuple):
    """A second of the wall clock: its text, and its begin and end on the monotonic clock."""

    text: bytes
    begin: float
    end: float


def simple_lines(values: Iterable[Any], second_of: Callable[[float], Second]) -> bytes:
    """Return the lines of such requests, whose values stand one after the other.

    Each is a GET that an idle connection took and whose answer came whole.
    """
    second = Second(b"", 0.0, 0.0)
    texts: list[bytes] = []
    for work in zip(*[iter(values)] * SIMPLE_VALUES, strict=True):
        now, place, client, line, host, status, bytes_in, bytes_out, took_s, request_id, whole = (
            work
        )
        if now >= second.end:
            second = second_of(now)
        target = line[len(b"GET ") : -len(b" HTTP/1.1\r\n")]
        took_ms = HUNDREDTHS_MS[int(took_s * 1e5)] if took_s < 0.0999 else milliseconds(took_s)
        texts += (
            b'{"time":"',
            second.text,
            THOUSANDTHS[int((now - second.begin) * 1000)],
            b'Z",',
            place,
            b",",
            client,
            b',"method":"GET","target":"',
            target if len(target) <= MAX_TEXT else plain_text(target),
            b'","host":',
            host,
            b',"status":',
            NUMBERS[status],
            b',"reason":null,"detail":null,"bytes_in":',
            NUMBERS[bytes_in] if bytes_in < 4096 else b"%d" % bytes_in,
            b',"bytes_out":',
            NUMBERS[bytes_out] if bytes_out < 4096 else b"%d" % bytes_out,
            b',"total_ms":',
            took_ms,
            b',"connect_ms":0.00,"first_byte_ms":',
            took_ms,
            b',"retries":0,"request_id":"',
            request_id,
            b'","end":"complete"}\n' if whole else b'","end":"client_closed"}\n',
        )
    return b"".join(texts)


def json_text(value: bytes | str | None) -> bytes:
    """Return the value as a JSON string in ASCII, cut when it is long; null for none.

    Bytes that are not UTF-8 stand as ``\\xNN``.
    """
    if value is None:
        return NULL
    if isinstance(value, bytes):
        value = value[: MAX_TEXT + 1].decode("utf-8", "backslashreplace")
    if len(value) > MAX_TEXT:
        value = value[:MAX_TEXT] + "..."
    return json.dumps(value).encode("ascii")


def plain_text(value: bytes) -> bytes:
    """Return a text that needs no escapes, cut when it is long."""
    return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + b"..."


def milliseconds(seconds: float | None) -> bytes:
    """Return a time with three decimals; null when there is none."""
    return NULL if seconds is None else b"%.3f" % (seconds * 1000)


def client_part(peer: tuple[str, int]) -> bytes:
    """Return who asks; the kernel's word for an address needs no escapes."""
    return b'"client":"%b","client_port":%d' % (peer[0].encode("ascii"), peer[1])


def tls_part(version: str | None, cipher: str | None) -> bytes:
    """Return what was agreed with a client of an HTTPS listener."""
    return b',"tls_version":%b,"tls_cipher":%b' % (json_text(version), json_text(cipher))


def place_part(
    plan: "ListenerPlan", route: "Route", target: "Target | None", chosen_by: ChosenBy
) -> bytes:
    """Return where the work came, who got it and why; without a target nobody did."""
    fields = {
        "protocol": plan.listener.protocol,
        "load_balancer": plan.load_balancer,
        "listener": plan.listener.id,
        "rule": route.rule,
        "group": route.settings.group.id,
        "scheduler": route.settings.scheduler,
        "server": target.server_id if target else None,
        "server_address": f"{target.address}:{target.port}" if target else None,
        "chosen_by": chosen_by if target else None,
    }
    return b",".join(
        b'"%b":%b' % (name.encode("ascii"), json_text(value)) for name, value in fields.items()
    )


# What simple requests say most often, ready to be put into a line.
NUMBERS = [b"%d" % number for number in range(4096)]
THOUSANDTHS = [b"%03d" % min(number, 999) for number in range(1001)]  # rounding may reach 1000
HUNDREDTHS_MS = [b"%.2f" % (number / 100) for number in range(10_000)]
REASONS: dict[Reason | None, bytes] = {None: NULL, **{each: json_text(each) for each in Reason}}
