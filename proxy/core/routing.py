"""Which forwarding rule takes a request, by its host and its target (S35).

The domain decides first: the exact one, then the narrowest wildcard, then wider ones, and at last
the rules that name no domain. Among the rules of one domain the longest path wins that the target
begins with, compared as text (slb-rpc-api.md 5.3). A domain none of whose rules has such a path
passes the request on to the next wider one.
"""

from collections.abc import Iterable, Iterator

from proxy.snapshot import ForwardingRule

MAX_DOMAIN_BYTES = 255
"""No name is longer (RFC 1035 section 2.3.4), so a longer Host is of no rule's domain."""


class RuleTable:
    """The rules of one listener, ready to be looked up."""

    __slots__ = ("_domains",)

    def __init__(self, rules: Iterable[ForwardingRule]) -> None:
        # Exact domains as they are, wildcards as the end after their star, and "" for none.
        self._domains: dict[bytes, _Paths] = {}
        for rule in rules:
            end = rule.domain.lower().removeprefix("*").encode()
            self._domains.setdefault(end, _Paths()).add(rule.path.encode(), rule.id)

    def find(self, host: bytes | None, target: bytes) -> str | None:
        """Return the id of the rule that takes such a request; None: no rule does."""
        if not self._domains:
            return None
        for domain in _domains_of(host or b""):
            paths = self._domains.get(domain)
            if paths is not None and (rule := paths.find(target)) is not None:
                return rule
        return None


class _Paths:
    """The rules of one domain by their paths; "" is the path of a rule without one."""

    __slots__ = ("_lengths", "_rules")

    def __init__(self) -> None:
        self._rules: dict[bytes, str] = {}
        self._lengths: list[int] = []

    def add(self, path: bytes, rule: str) -> None:
        self._rules[path] = rule
        self._lengths = sorted({len(each) for each in self._rules}, reverse=True)

    def find(self, target: bytes) -> str | None:
        for length in self._lengths:
            if (rule := self._rules.get(target[:length])) is not None:
                return rule
        return None


def _domains_of(host: bytes) -> Iterator[bytes]:
    """Yield what the host's rules may be kept under, the most exact first."""
    domain = domain_of(host)
    if 0 < len(domain) <= MAX_DOMAIN_BYTES:
        yield domain
        at = domain.find(b".", 1)
        while at >= 0:
            yield domain[at:]
            at = domain.find(b".", at + 1)
    yield b""


def domain_of(host: bytes) -> bytes:
    """Return the name in a Host: without its port, in small letters, without the root's dot."""
    if host.startswith(b"["):
        return host.partition(b"]")[0].lower() + b"]"
    return host.partition(b":")[0].lower().removesuffix(b".")
