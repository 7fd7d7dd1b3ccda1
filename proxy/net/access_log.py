"""The access log of one worker: collects lines and hands them to the file in parts.

A line's time is when the work ended. Times are taken from the monotonic clock; the wall clock is
looked at once a second, so that a line costs no conversion of its own.
"""

import datetime
import time
from typing import TYPE_CHECKING

from proxy.core import access_line
from proxy.core.access_line import (
    HUNDREDTHS_MS,
    MAX_TEXT,
    NULL,
    NUMBERS,
    REASONS,
    THOUSANDTHS,
    client_part,
    json_text,
    milliseconds,
    plain_text,
)

if TYPE_CHECKING:
    from proxy.core.generation import ListenerPlan
    from proxy.core.health import Target
    from proxy.core.reasons import ChosenBy
    from proxy.core.route import Route
    from proxy.net.log_file import LogFile
    from proxy.net.trace import LinkTrace, RequestTrace

LINES_PER_PART = 256
FLUSH_INTERVAL_S = 0.25
"""How long a line waits for others at most."""


class AccessLog:
    """Writes a line for each piece of work that is over."""

    __slots__ = ("_file", "_lines", "_second", "_second_begin", "_second_end")

    def __init__(self, file: "LogFile") -> None:
        self._file = file
        self._lines: list[bytes] = []
        self._second = b""
        self._second_begin = 0.0
        self._second_end = 0.0

    def counts(self) -> dict[str, int]:
        """Return how many lines were written and lost since the start."""
        return {"written": self._file.written, "lost": self._file.lost}

    def flush(self) -> None:
        """Let the lines that are here be written."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._file.append(lines)

    def reopen(self) -> None:
        """Go on in a new file: the old one was renamed."""
        self.flush()
        self._file.reopen()

    def close(self) -> None:
        """Write what is here."""
        self.flush()
        self._file.close()

    # --- lines -----------------------------------------------------------------------------------

    def add_simple(
        self,
        now: float,
        place: bytes,
        client: bytes,
        target: bytes,
        host: bytes,
        status: int,
        bytes_in: int,
        bytes_out: int,
        took_s: float,
        request_id: bytes,
        end: bytes,
    ) -> None:
        """Write the line of a request that went the short way.

        It is a GET that an idle connection took and whose answer came whole.
        """
        if now >= self._second_end:
            self._begin_second(now)
        took_ms = HUNDREDTHS_MS[int(took_s * 1e5)] if took_s < 0.0999 else milliseconds(took_s)
        line = (
            b'{"time":"',
            self._second,
            THOUSANDTHS[int((now - self._second_begin) * 1000)],
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
            b'","end":"',
            end,
            b'"}\n',
        )
        lines = self._lines
        lines.append(b"".join(line))
        if len(lines) >= LINES_PER_PART:
            self.flush()

    def add_request(
        self, trace: "RequestTrace", plan: "ListenerPlan", client: bytes, end: str
    ) -> None:
        """Write the line of a request that went the ordinary way."""
        now = time.monotonic()
        if now >= self._second_end:
            self._begin_second(now)
        head, target = trace.head, trace.target
        self._add(
            access_line.REQUEST
            % (
                self._second,
                (now - self._second_begin) * 1000,
                place_of(plan, trace.route, target, trace.chosen_by),
                client,
                json_text(head.method if head else None),
                json_text(head.target if head else None),
                json_text((head.authority or head.fields.host) if head else None),
                b"%d" % trace.status if trace.status else NULL,
                REASONS[trace.reason],
                json_text(trace.detail),
                trace.bytes_in,
                trace.bytes_out,
                (now - trace.started_at) * 1000,
                milliseconds(trace.connect_s),
                milliseconds(trace.first_byte_s),
                trace.retries,
                trace.request_id,
                end.encode("ascii"),
            )
        )

    def add_connection(
        self, trace: "LinkTrace", plan: "ListenerPlan", peer: tuple[str, int], end: str
    ) -> None:
        """Write the line of a TCP connection."""
        now = time.monotonic()
        if now >= self._second_end:
            self._begin_second(now)
        self._add(
            access_line.CONNECTION
            % (
                self._second,
                (now - self._second_begin) * 1000,
                place_of(plan, trace.route, trace.target, trace.chosen_by),
                client_part(peer),
                REASONS[trace.reason],
                trace.bytes_in,
                trace.bytes_out,
                (now - trace.started_at) * 1000,
                milliseconds(trace.connect_s),
                trace.retries,
                end.encode("ascii"),
            )
        )

    def add_session(
        self, trace: "LinkTrace", plan: "ListenerPlan", peer: tuple[str, int], end: str
    ) -> None:
        """Write the line of a UDP session."""
        now = time.monotonic()
        if now >= self._second_end:
            self._begin_second(now)
        self._add(
            access_line.SESSION
            % (
                self._second,
                (now - self._second_begin) * 1000,
                place_of(plan, trace.route, trace.target, trace.chosen_by),
                client_part(peer),
                REASONS[trace.reason],
                trace.packets_in,
                trace.packets_out,
                trace.bytes_in,
                trace.bytes_out,
                (now - trace.started_at) * 1000,
                trace.retries,
                end.encode("ascii"),
            )
        )

    def _add(self, line: bytes) -> None:
        lines = self._lines
        lines.append(line)
        if len(lines) >= LINES_PER_PART:
            self.flush()

    def _begin_second(self, now: float) -> None:
        wall = time.time()
        second = int(wall)
        self._second_begin = now - (wall - second)
        self._second_end = self._second_begin + 1.0
        moment = datetime.datetime.fromtimestamp(second, tz=datetime.UTC)
        self._second = moment.strftime("%Y-%m-%dT%H:%M:%S.").encode("ascii")


def place_of(
    plan: "ListenerPlan",
    route: "Route",
    target: "Target | None",
    chosen_by: "ChosenBy | None" = None,
) -> bytes:
    """Return where the work came, who got it and why, made once for each server of a route."""
    known = route.log_parts
    server = target.server_id if target else ""
    key = server if chosen_by is None else (server, chosen_by)
    part = known.get(key)
    if part is None:
        chosen_by = chosen_by or route.chosen_by
        part = known[key] = access_line.place_part(plan, route, target, chosen_by)
    return part
