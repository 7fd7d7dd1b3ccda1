"""What the cookies that keep HTTP sessions with a server may be (slb-rpc-api.md section 3.2)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from balancer.constants import COOKIE_TIMEOUT_RANGE_S, MAX_COOKIE_NAME_CHARACTERS
from balancer.domain.numbers import read_integer
from balancer.exceptions import Invalid
from proxy.snapshot import StickyKind

# A token (RFC 6265), which has no comma, semicolon or blank; it does not begin with $ either.
_COOKIE_NAME = re.compile(r"[!#%&'*+.^_`|~0-9A-Za-z-][!#$%&'*+.^_`|~0-9A-Za-z-]*")


def check_sticky_kind(value: object) -> str:
    """Return how sessions are kept, "" for not chosen."""
    if value not in ("", *StickyKind):
        raise _refusal(
            "sticky_kind",
            f"The kind of session persistence must be insert or rewrite; given: {value!s:.40}.",
        )
    return str(value)


def check_cookie_timeout(value: object) -> int | None:
    """Return how long an inserted cookie lives: 1 to 86400 seconds, None for not given."""
    if value in (None, ""):
        return None
    least, most = COOKIE_TIMEOUT_RANGE_S
    label = "Cookie timeout in seconds"
    return read_integer(value, field="cookie_timeout_s", minimum=least, maximum=most, label=label)


def check_cookie_name(value: object) -> str:
    """Return the name of the application's cookie, "" for not given."""
    if value in (None, ""):
        return ""
    fits = isinstance(value, str) and len(value) <= MAX_COOKIE_NAME_CHARACTERS
    if not fits or _COOKIE_NAME.fullmatch(str(value)) is None:
        raise _refusal(
            "cookie_name",
            f"A cookie name has 1 to {MAX_COOKIE_NAME_CHARACTERS} ASCII letters, digits or signs; "
            f"no comma, semicolon, blank or equals sign, and no $ first; given: {value!s:.100}.",
        )
    return str(value)


def check_persistence(
    *, sticky_enabled: bool, sticky_kind: str, cookie_timeout_s: int | None, cookie_name: str
) -> None:
    """Raise Invalid when persistence is on and something is missing that its kind needs."""
    if not sticky_enabled:
        return
    if not sticky_kind:
        raise _refusal("sticky_kind", "Session persistence needs a kind: insert or rewrite.")
    if sticky_kind == StickyKind.INSERT and cookie_timeout_s is None:
        least, most = COOKIE_TIMEOUT_RANGE_S
        raise _refusal(
            "cookie_timeout_s", f"An inserted cookie needs a timeout: {least} to {most} seconds."
        )
    if sticky_kind == StickyKind.REWRITE and not cookie_name:
        raise _refusal(
            "cookie_name", "Rewriting needs the name of the cookie that the application sets."
        )


def _refusal(field: str, message: str) -> Invalid:
    return Invalid("invalid_option", message, fields={field: [message]})


PERSISTENCE_CHECKERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sticky_kind": check_sticky_kind,
    "cookie_timeout_s": check_cookie_timeout,
    "cookie_name": check_cookie_name,
}
