"""Every address that the resolver knows, so that none escapes the tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

REST_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Address:
    """One pattern with its name, and the methods that its view answers when that can be told."""

    route: str
    name: str
    methods: frozenset[str] | None
    parameters: frozenset[str]


def addresses(resolver: URLResolver | None = None, before: str = "") -> Iterator[Address]:
    """Yield all of them."""
    for each in (resolver or get_resolver()).url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            parameters = set(each.pattern.converters) | set(each.pattern.regex.groupindex)
            yield Address(route, each.name or "", _methods(each.callback), frozenset(parameters))
        else:
            yield from addresses(each, route)


def _methods(view: Any) -> frozenset[str] | None:
    actions = getattr(view, "actions", None)
    if actions is not None:
        return frozenset(actions) & frozenset(REST_METHODS)  # the first request adds HEAD
    cls = getattr(view, "cls", None)
    return cls and frozenset(name for name in REST_METHODS if hasattr(cls, name))
