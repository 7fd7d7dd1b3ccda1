"""The refusals a service can answer with; each entrance translates them once, from a table."""

from collections.abc import Mapping
from typing import Any


class BalancerError(Exception):
    """A request that cannot be carried out, and why.

    ``code`` is a stable token, ``message`` one sentence for people, ``details`` the facts behind
    it (limit, current, given, objects in the way), all JSON-able.
    """

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class NotFound(BalancerError):
    """The object does not exist, or the user may not know that it does."""


class NotAllowed(BalancerError):
    """The user sees the object but lacks the right; ``right`` is in the details."""


class Invalid(BalancerError):
    """Input breaks a rule.

    ``fields`` maps a field path (``weight``, ``servers[2].weight``) to messages that say the
    rule, what was given and how to fix it. Nothing was stored.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        fields: Mapping[str, list[str]] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(code, message, **details)
        self.fields: dict[str, list[str]] = {
            key: list(each) for key, each in (fields or {}).items()
        }


class Unsupported(Invalid):
    """The proxies do not apply this option or protocol, so it is not stored either."""


class Conflict(BalancerError):
    """The state of another object stands in the way (in use, already there, wrong status)."""


class Stale(Conflict):
    """The object changed since the caller read it; ``current`` edit number is in the details."""


class Protected(BalancerError):
    """A protection switch forbids the act; details say which, why, and where to turn it off."""


class QuotaExceeded(BalancerError):
    """A limit would be passed; ``limit``, ``current`` and ``requested`` are in the details."""
