"""The access log of one worker: collects lines and hands them to the file in parts.

A line's time is when the work ended. Times are taken from the monotonic clock; the wall clock is
looked at once a second, so that a line costs no conversion of its own.
"""

import datetime
import time
from typing import TYPE_CHECKING, Any

from proxy.core import access_line
from proxy.core.access_line import (
    NULL,
    REASONS,
    SIMPLE_VALUES,
    Second,
    SimpleWork,
    client_part,
    json_text,
    milliseconds,
    simple_lines,
)

if TYPE_CHECKING:
    from proxy.core.generation import ListenerPlan
    from proxy.core.health import Target
    from proxy.core.reasons import ChosenBy
    from proxy.core.route import Route
    from proxy.net.log_file import LogFile
    from proxy.net.trace import LinkTrace, RequestTrace

LINES_AT_A_TIME = 64
VALUES_AT_A_TIME = LINES_AT_A_TIME * SIMPLE_VALUES
"""So many lines are made in one go: they and what they are made of stay near the processor."""
PARTS_AT_A_TIME = 4
"""So many times as many are handed over: each time wakes the process that writes."""
FLUSH_INTERVAL_S = 0.25
"""How long a line waits for others at most."""


class AccessLog:
    """Writes a line for each piece of work that is over."""

    __slots__ = ("_file", "_lines", "_second", "_works")

    def __init__(self, file: "LogFile") -> None:
        self._file = file
        self._lines: list[bytes] = []
        # The values of simple requests one after the other: a tuple for each would be looked at
        # by the garbage collector.
        self._works: list[Any] = []
        self._second = Second(b"", 0.0, 0.0)

    def counts(self) -> dict[str, int]:
        """Return how many lines were written and lost since the start."""
        return {"written": self._file.written, "lost": self._file.lost}

    def flush(self) -> None:
        """Let the lines that are here be written."""
        if self._works:
            self._settle()
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

    def add_simple(self, work: SimpleWork) -> None:
        """Write the line of a request that went the short way.

        The lines of many are made in one go: one by one, between two requests each, they take
        three times as long, as the processor has its mind on other things by then.
        """
        works = self._works
        works += work
        if len(works) >= VALUES_AT_A_TIME:
            self._settle()
            if len(self._lines) >= PARTS_AT_A_TIME:
                self.flush()

    def _settle(self) -> None:
        """Make the lines of the simple requests that are over."""
        works, self._works = self._works, []
        self._lines.append(simple_lines(works, self._second_of))

    def add_request(
        self, trace: "RequestTrace", plan: "ListenerPlan", client: bytes, end: str
    ) -> None:
        """Write the line of a request that went the ordinary way."""
        now = time.monotonic()
        second = self._second_of(now)
        head, target = trace.head, trace.target
        self._add(
            access_line.REQUEST
            % (
                second.text,
                (now - second.begin) * 1000,
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
        second = self._second_of(now)
        self._add(
            access_line.CONNECTION
            % (
                second.text,
                (now - second.begin) * 1000,
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
        second = self._second_of(now)
        self._add(
            access_line.SESSION
            % (
                second.text,
                (now - second.begin) * 1000,
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
        if self._works:
            self._settle()  # they came before
        lines = self._lines
        lines.append(line)
        if len(lines) >= LINES_AT_A_TIME:
            self.flush()

    def _second_of(self, now: float) -> Second:
        """Return the second of the wall clock that a moment is in: now, or shortly before."""
        second = self._second
        if not second.begin <= now < second.end:
            wall = time.time() - (time.monotonic() - now)
            begin = now - wall % 1.0
            moment = datetime.datetime.fromtimestamp(int(wall), tz=datetime.UTC)
            text = moment.strftime("%Y-%m-%dT%H:%M:%S.").encode("ascii")
            second = self._second = Second(text, begin, begin + 1.0)
        return second


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
