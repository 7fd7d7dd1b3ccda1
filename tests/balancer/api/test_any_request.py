"""Whatever a request is made of, every address of the API answers in its own shape, below 500.

Addresses and methods are read from the resolver, so one that is added is asked from then on.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.urls import reverse
from rest_framework.test import APIClient

from balancer.api.urls import version_1
from tests.balancer.api.problems import problem_of
from tests.balancer.api.test_any_input import rows_of

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"]
JSON = "application/json"
MANY = 3000

BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", JSON),
    "no-json": (b"{", JSON),
    "null": (b"null", JSON),
    "a-number": (b"1", JSON),
    "a-list": (b"[1, 2]", JSON),
    "not-text": (b"\xff\xfe\x00", JSON),
    "bom": (b"\xef\xbb\xbf{}", JSON),
    "utf-16": ('{"name": "a"}'.encode("utf-16"), JSON),
    "zero-byte": (rb'{"name": "\u0000", "servers": ["\u0000"]}', JSON),
    "half-a-pair": (rb'{"name": "\ud800"}', JSON),
    "twice": (b'{"name": "a", "name": "b"}', JSON),
    "infinite": (b'{"port": 1e999, "weight": -1e999, "region": 1e999, "group": 1e999}', JSON),
    "nan": (b'{"port": NaN}', JSON),
    "huge-number": (b'{"port": ' + b"9" * 4000 + b"}", JSON),
    "too-many-digits": (b'{"port": ' + b"9" * 5000 + b"}", JSON),
    "deep-list": (b'{"servers": ' + b"[" * 5000 + b"]" * 5000 + b"}", JSON),
    "deep-object": (b'{"a":' * 5000 + b"1" + b"}" * 5000, JSON),
    "many-members": (b"{" + b",".join(b'"m%d": 1' % at for at in range(MANY)) + b"}", JSON),
    "many-rows": (b'{"servers": [' + b",".join([b"{}"] * MANY) + b"]}", JSON),
    "too-long": (b'{"name": "' + b"a" * 3_000_000 + b'"}', JSON),
    "form": (b"name=a&name=b", "application/x-www-form-urlencoded"),
    "multipart": (b"--x\r\n\r\nno header\r\n--x--", "multipart/form-data; boundary=x"),
    "multipart-without-boundary": (b"--x--", "multipart/form-data"),
    "xml": (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "application/xml"),
    "no-type": (b"{}", ""),
    "nonsense-type": (b"{}", "\xff\xff/; ;;="),
    "another-charset": (b'{"name": "a"}', "application/json; charset=nonsense"),
}
QUERIES = [
    "page=1e999",
    "page=-1&page_size=-1",
    "page=" + "9" * 3000,
    "page_size=" + "9" * 3000,
    "page=1&page=2&page_size=5&page_size=x",
    "page[]=1&search[a]=b",
    "search=%00",
    "search=%ff%fe",
    "search=" + "a+" * 99,
    "search=%22%27%5c;--",
    "ordering=" + "name," * MANY,
    "ordering=-,,-,",
    "ordering=name%00",
    "port=99999999999999999999&weight=1e5",
    "region=" + "x" * 5000,
    "load_balancer=%F0%9F%98%80&group=%ED%A0%80",
    "address=1.2.3.4.5&private_address=::1",
    "since=99999-01-01&until=0001-01-01T00:00:00%2B14:00",
    "since=0001-01-01T00:00:00%2B23:59",
    "until=9999-12-31T23:59:59-23:59",
    "start=-1&end=1e99&step=0&from=nan&to=inf&minutes=-5&period=9999999999999999",
    "format=exe",
    "dry_run=maybe",
    "dry_run=true&dry_run=false",
    "=&&=;&%",
    "&".join(f"p{at}={at}" for at in range(MANY)),
]
HEADERS: dict[str, dict[str, str]] = {
    "if-match": {"HTTP_IF_MATCH": 'junk, "", W/"1", \xff'},
    "if-match-long": {"HTTP_IF_MATCH": '"9",' * MANY},
    "if-match-huge-number": {"HTTP_IF_MATCH": '"' + "9" * 5000 + '"'},
    "if-none-match": {"HTTP_IF_NONE_MATCH": "\xff,,,*"},
    "key-long": {"HTTP_IDEMPOTENCY_KEY": "k" * 10_000},
    "key-not-ascii": {"HTTP_IDEMPOTENCY_KEY": "\xff\x00"},
    "key-empty": {"HTTP_IDEMPOTENCY_KEY": ""},
    "accept": {"HTTP_ACCEPT": "\xff/\xff;q=nan, text/html; q=-1, ;;;"},
    "accept-nothing": {"HTTP_ACCEPT": "image/png", "HTTP_ACCEPT_ENCODING": "br;q=x"},
    "language": {"HTTP_ACCEPT_LANGUAGE": "x" * 6000},
    "authorization": {"HTTP_AUTHORIZATION": "Token \xff\xfe"},
    "authorization-other": {"HTTP_AUTHORIZATION": "Basic \xff"},
    "authorization-long": {"HTTP_AUTHORIZATION": "Token " + "t" * 100_000},
    "length-junk": {"CONTENT_LENGTH": "-5"},
    "length-not-a-number": {"CONTENT_LENGTH": "many"},
    "chunks": {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""},
    "cookie": {"HTTP_COOKIE": "openclb_session_8000=\xff; =; ;;a"},
    "host": {"HTTP_HOST": "a b/\xff"},
    "host-unknown": {"HTTP_HOST": "evil.example"},
    "forwarded": {"HTTP_X_FORWARDED_FOR": "\xff" * 50, "HTTP_X_FORWARDED_PROTO": "gopher"},
    "method": {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"},
}
IDS = ["%00", "%ff%fe", "a%0Ab", "%2e%2e%2f", "9" * 400, "x" * 5000, "%F0%9F%98%80", "'%22;--", " "]


class Address(NamedTuple):
    """One address of the API: its name, what it has in it, and what can be done there."""

    name: str
    names: tuple[str, ...]
    nouns: tuple[str, ...]
    methods: tuple[str, ...]


def _addresses() -> Iterator[Address]:
    for pattern in version_1:
        regex = pattern.pattern.regex
        route = str(pattern.pattern)
        nouns = tuple(re.findall(r"([a-z-]+)/\(\?P<", route))
        view: Any = pattern.callback
        handlers = getattr(view, "actions", None) or dir(view.cls)
        methods = tuple(each for each in METHODS if each.lower() in handlers)
        yield Address(pattern.name, tuple(regex.groupindex), nouns, methods)


ADDRESSES = list(_addresses())
EACH = pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.name)


def path_of(address: Address, estate: Any) -> str:
    ids = rows_of(estate) if address.names else {}
    known = dict(zip(address.names, (ids.get(noun, "none") for noun in address.nouns), strict=True))
    return reverse(address.name, kwargs=known)


def ask(client: APIClient, method: str, path: str, body: bytes = b"{}", **more: Any) -> None:
    """Ask without effect; the answer is a good one or a whole problem document."""
    content_type = more.pop("content_type", JSON)
    with transaction.atomic():
        answer = client.generic(method, path, body, content_type=content_type, **more)
        transaction.set_rollback(True)
    told = (method, path[:200], body[:80], more)
    assert answer.status_code < 500, told
    if answer.status_code >= 400 and method != "HEAD":
        problem_of(answer, answer.status_code)


def test_every_noun_is_asked():
    assert {"api-load-balancer-list", "api-server-group-servers", "api-me"} <= {
        address.name for address in ADDRESSES
    }
    assert all(len(address.names) == len(address.nouns) for address in ADDRESSES)


@EACH
def test_any_method(admin, estate, address):
    path = path_of(address, estate)
    for method in METHODS:
        ask(admin, method, path)


@EACH
def test_any_body(admin, estate, address):
    path = path_of(address, estate)
    for method in {"POST", "PUT", "PATCH", "DELETE"} & set(address.methods):
        for body, content_type in BODIES.values():
            ask(admin, method, path, body, content_type=content_type)


@EACH
def test_any_query(admin, estate, address):
    path = path_of(address, estate)
    for query in QUERIES:
        ask(admin, "GET", f"{path}?{query}")
    for method in {"POST", "PATCH", "DELETE"} & set(address.methods):
        ask(admin, method, f"{path}?dry_run=maybe&dry_run=true&x=%ff")


@EACH
def test_any_header(admin, estate, address):
    path = path_of(address, estate)
    for method in address.methods:
        for fields in HEADERS.values():
            ask(admin, method, path, **fields)


@EACH
def test_any_id(admin, estate, address):
    known = path_of(address, estate)
    for number in IDS if address.names else ():
        path = known
        for noun in address.nouns:
            before, after = path.split(f"/{noun}/", 1)
            path = f"{before}/{noun}/{number}" + after[len(after.partition("/")[0]) :]
        for method in address.methods:
            ask(admin, method, path)


@pytest.mark.parametrize("path", ["/api/schema/", "/api/", "/api/v1", "/api/v1/x/%0a/", "/api/%ff"])
def test_any_other_address(admin, estate, path):
    for method in METHODS:
        ask(admin, method, path)
    for query in QUERIES:
        ask(admin, "GET", f"{path}?{query}")
    for fields in HEADERS.values():
        ask(admin, "GET", path, **fields)
