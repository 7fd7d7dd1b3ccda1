"""What a forwarding rule may match and how it may be named (slb-rpc-api.md 3.0 and 3.5)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from balancer.constants import (
    MAX_DOMAIN_CHARACTERS,
    MAX_PATH_CHARACTERS,
    MAX_RULE_NAME_CHARACTERS,
)
from balancer.exceptions import Conflict, Invalid
from proxy.snapshot import GroupKind, Protocol

_NAME = re.compile(r"[A-Za-z0-9\-/._]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_PATH = re.compile(r"/[A-Za-z0-9\-/.%?#&]+")

RULE_PROTOCOLS: Final = (Protocol.HTTP, Protocol.HTTPS)


def check_rule_name(value: object) -> str:
    """Return the name: 1 to 40 letters, digits, - / . or _"""
    text = value.strip() if isinstance(value, str) else value
    if not isinstance(text, str) or len(text) > MAX_RULE_NAME_CHARACTERS or not _fits(_NAME, text):
        raise _refusal(
            "name",
            f"The name of a rule has 1 to {MAX_RULE_NAME_CHARACTERS} letters, digits, hyphens, "
            f"slashes, periods or underscores; given: {_shown(value)}.",
        )
    return text


def check_rule_domain(value: object) -> str:
    """Return the domain in small letters, "" for any; ``*.`` may begin it."""
    if value in (None, ""):
        return ""
    text = value.strip().lower() if isinstance(value, str) else value
    if not isinstance(text, str) or len(text) > MAX_DOMAIN_CHARACTERS or not _fits(_DOMAIN, text):
        raise _refusal(
            "domain",
            f"A domain has up to {MAX_DOMAIN_CHARACTERS} letters, digits, hyphens and periods: "
            "www.example.com, or *.example.com for every name below it; given: "
            f"{_shown(value)}.",
        )
    return text


def check_rule_path(value: object) -> str:
    """Return the path that addresses begin with, "" for any; / alone would be any, too."""
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or len(value) > MAX_PATH_CHARACTERS or not _fits(_PATH, value):
        raise _refusal(
            "path",
            f"A path begins with / and has 2 to {MAX_PATH_CHARACTERS} letters, digits and "
            f"- / . % ? # &; given: {_shown(value)}.",
        )
    return value


def check_rule_match(match: Mapping[str, Any]) -> dict[str, str]:
    """Return domain and path; raise Invalid unless the rule matches less than everything."""
    domain, path = check_rule_domain(match.get("domain")), check_rule_path(match.get("path"))
    if not domain and not path:
        message = "A rule needs a domain, a path, or both."
        raise Invalid("required", message, fields={"domain": [message], "path": [message]})
    return {"domain": domain, "path": path}


def match_order(domain: str, path: str) -> tuple[int, int, str, int, str]:
    """Return what rules are sorted by, so that the first one that matches a request takes it.

    Exact domains come first, then wildcards, the narrowest first, then rules without a domain;
    those of one domain by the length of their paths (console-ui.md 2.6).
    """
    kind = 2 if not domain else 1 if domain.startswith("*") else 0
    width = -domain.count(".") if kind == 1 else 0
    return kind, width, domain, -len(path), path


def find_match(matches: Sequence[tuple[str, str]], host: str, target: str) -> int | None:
    """Return which pair of domain and path takes a request, None when the listener itself does."""
    fitting = [
        (match_order(domain, path), at)
        for at, (domain, path) in enumerate(matches)
        if _fits_domain(domain, host) and target.startswith(path)
    ]
    return min(fitting)[1] if fitting else None


def split_url(url: str) -> tuple[str, str]:
    """Return host and path with query of an address as people write it, ``a.example/b``."""
    rest = url.partition("://")[2] if "://" in url else url
    rest = rest.partition("#")[0]
    end = min((at for sign in "/?" if (at := rest.find(sign)) >= 0), default=len(rest))
    host, target = rest[:end], rest[end:]
    target = target if target.startswith("/") else f"/{target}"
    return host.rpartition("@")[2].partition(":")[0].lower().removesuffix("."), target


def _fits_domain(domain: str, host: str) -> bool:
    if domain.startswith("*"):
        return host.endswith(domain[1:]) and host != domain[1:]
    return domain in ("", host)


def check_rules_allowed(listener: str, *, protocol: str, redirects: bool) -> None:
    """Raise unless such a listener looks at requests and sends them to servers."""
    if protocol not in RULE_PROTOCOLS:
        message = f"{listener} is no HTTP or HTTPS listener; only those can have forwarding rules."
        raise Invalid("rules_not_supported", message, fields={"listener": [message]})
    if redirects:
        raise Conflict(
            "listener_redirects",
            f"{listener} redirects every request, so rules would have no effect on it.",
        )


def check_rule_group(group: str, *, kind: str, is_own: bool) -> None:
    """Raise Invalid unless the group is a VServer group of the listener's instance (S35)."""
    if not is_own:
        message = f"Server group {group} belongs to another instance."
        raise Invalid("foreign_group", message, fields={"server_group": [message]})
    if kind != GroupKind.VSERVER:
        message = f"A rule forwards to a VServer group; {group} is of another kind."
        raise Invalid("group_kind", message, fields={"server_group": [message]})


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None


def _shown(value: object) -> str:
    return "nothing" if value in (None, "") else f"{value!s:.100}"


def _refusal(field: str, message: str) -> Invalid:
    return Invalid("invalid_rule", message, fields={field: [message]})
