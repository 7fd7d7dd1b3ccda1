"""Cookies that keep an HTTP session with its server, and who the session's server is.

Either the cookie is ours: it holds a mark of the server (``proxy/core/marks.py``) and no server
sees it. Or it is the application's own, by its name: the mark stands before the value on the way to
the client and is gone again on the way to the server.

A mark that cannot be followed (its server is gone, unhealthy or has weight 0, it is too old or not
one of ours) is answered by another choice and a cookie that says so, with the same response.

Browsers know no ports in cookies: the listeners of an instance share ours when they share a host.
So it holds a mark for each of them, the newest first, and a listener keeps those of the others.
"""

import itertools
import re
from dataclasses import dataclass, replace

from proxy.core.forwarding import with_lines
from proxy.core.http.cookies import edit_cookies, edit_set_cookies
from proxy.core.http.events import RequestHead, ResponseHead
from proxy.core.marks import MARK_CHARACTERS, Marks
from proxy.snapshot import Sticky, StickyKind

INSERTED_COOKIE = b"SERVERID"
"""Our own cookie, by the name that the original gives it (slb-rpc-api.md 5.6)."""
MAX_MARKS_READ = 4
"""How many marks, in cookies of one name, of a request are looked at."""
LONGEST_SESSION_S = 86400
"""The longest lifetime of an inserted cookie that can be set."""
_BETWEEN_MARKS = b"."

_MARKED = re.compile(rb'("?)~([A-Za-z0-9_-]{%d})~(.*)' % MARK_CHARACTERS, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookies of a request say.

    ``server`` is whom they name; ``is_fresh`` tells that their mark needs no renewal;
    ``value`` is the application's own value of its cookie, None when it did not come. ``others``
    are the marks of other listeners.
    """

    server: str | None = None
    is_fresh: bool = False
    value: bytes | None = None
    others: tuple[bytes, ...] = ()


class Stickiness:
    """The cookies of one route.

    ``lifetime_s`` is how long a browser keeps an inserted cookie, when that is more than the
    route's own timeout: the marks of other listeners may live longer.
    """

    __slots__ = ("_attributes", "_cookie", "_is_inserted", "_timeout_s", "marks")

    def __init__(
        self,
        sticky: Sticky,
        marks: Marks,
        *,
        is_secure: bool,
        suffix: str = "",
        lifetime_s: int = 0,
    ) -> None:
        self.marks = marks
        self._is_inserted = sticky.kind is StickyKind.INSERT
        self._timeout_s = sticky.cookie_timeout_s or 0
        name = INSERTED_COOKIE + suffix.encode()
        self._cookie = name if self._is_inserted else sticky.cookie_name.encode()
        kept_s = max(lifetime_s, self._timeout_s)
        lifetime = f"; Max-Age={kept_s}" if self._is_inserted else ""
        secure = "; Secure" if is_secure else ""
        self._attributes = f"{lifetime}; Path=/; HttpOnly; SameSite=Lax{secure}".encode()

    def read(self, head: RequestHead, now: float) -> tuple[RequestHead, Session]:
        """Return the request as its server gets it, and its session."""
        values: list[bytes] = []

        def note(value: bytes) -> bytes | None:
            values.append(value)
            return None if self._is_inserted else _without_mark(value)

        lines = edit_cookies(head.fields.lines, self._cookie, note)
        if not values:
            return head, Session()
        head = head._replace(fields=with_lines(head.fields, lines))
        return head, self._session(values, now)

    def mark(self, head: ResponseHead, session: Session, server: str, now: float) -> ResponseHead:
        """Return the response as its client gets it, with what it has to remember."""
        edit = self._mark_inserted if self._is_inserted else self._mark_rewritten
        lines = edit(head, session, server, now)
        if lines is head.fields.lines:
            return head
        return head._replace(fields=replace(head.fields, lines=lines))

    def _session(self, values: list[bytes], now: float) -> Session:
        if self._is_inserted:
            parts = (part for each in values for part in each.split(_BETWEEN_MARKS, MAX_MARKS_READ))
            return self._inserted_session(list(itertools.islice(parts, MAX_MARKS_READ)), now)
        own = _without_mark(values[0])
        for value in values[:MAX_MARKS_READ]:
            known = self.marks.read(_mark_in(value))
            if known is not None:
                return Session(known[0], is_fresh=True, value=own)
        return Session(value=own)

    def _inserted_session(self, marks: list[bytes], now: float) -> Session:
        server, is_fresh, others = None, False, []
        for mark in marks:
            known = self.marks.read(mark)
            if known is None:
                made_at = self.marks.made_at(mark)
                if made_at is not None and now - made_at < LONGEST_SESSION_S:
                    others.append(mark)
            elif server is None and (age := now - known[1]) < self._timeout_s:
                # Renewed in the second half of its life; clocks may differ, too.
                server, is_fresh = known[0], 0 <= 2 * age < self._timeout_s
        return Session(server, is_fresh, others=tuple(others[: MAX_MARKS_READ - 1]))

    def _mark_inserted(
        self, head: ResponseHead, session: Session, server: str, now: float
    ) -> bytes:
        """The cookie's name is ours alone, so a server's cookie of that name is left out."""
        lines = edit_set_cookies(head.fields.lines, self._cookie, lambda value: None)
        is_known = session.server == server and session.is_fresh
        if is_known or 400 <= head.status < 500:
            return lines
        marks = (self.marks.write(server, now), *session.others)
        return lines + self._line(_BETWEEN_MARKS.join(marks))

    def _mark_rewritten(
        self, head: ResponseHead, session: Session, server: str, now: float
    ) -> bytes:
        mark = self.marks.write(server, now)
        lines = head.fields.lines
        marked = edit_set_cookies(lines, self._cookie, lambda value: _with_mark(mark, value))
        if marked != lines:
            return marked
        if session.value is None or session.server == server or 400 <= head.status < 500:
            return lines
        return lines + self._line(_with_mark(mark, session.value))

    def _line(self, value: bytes) -> bytes:
        return b"Set-Cookie: %b=%b%b\r\n" % (self._cookie, value, self._attributes)


def _with_mark(mark: bytes, value: bytes) -> bytes:
    quote = b'"' if value.startswith(b'"') else b""
    return b"%b~%b~%b" % (quote, mark, value[len(quote) :])


def _mark_in(value: bytes) -> bytes:
    match = _MARKED.fullmatch(value)
    return match.group(2) if match else b""


def _without_mark(value: bytes) -> bytes:
    match = _MARKED.fullmatch(value)
    return match.group(1) + match.group(3) if match else value
