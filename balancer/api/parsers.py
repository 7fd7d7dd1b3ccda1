"""Reads request bodies: JSON that any later step can hold, or a clear refusal.

The stock parser lets ``1e999`` through as infinity, ends in a RecursionError on deep nesting, keeps
the last of two equal names and accepts halves of surrogate pairs, which no database can store.
"""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 16
_DRAIN_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class BodyTooLarge(APIException):
    """The body is longer than the API reads."""

    status_code = 413
    default_code = "body_too_large"

    def __init__(self) -> None:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        super().__init__(f"The body is longer than {limit} bytes, the most the API reads.")


class LengthRequired(APIException):
    """The body comes in chunks, of which nothing here reads one."""

    status_code = 411
    default_code = "length_required"
    default_detail = "Send the body with a Content-Length; a body in chunks is not read."


class StrictJSONParser(BaseParser):
    """Parses one JSON document of finite numbers, unique names and modest depth."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the document, or raise ParseError or BodyTooLarge."""
        text = _decode(_read(stream))
        try:
            document = json.loads(
                text,
                parse_float=_finite,
                parse_constant=_finite,
                object_pairs_hook=_unique_names,
            )
        except RecursionError as error:
            raise _too_deep() from error
        except ValueError as error:  # also a number of more digits than Python converts
            raise ParseError(f"The body is not JSON: {error}", code="not_json") from error
        _check_tree(document)
        return document


def _read(stream: IO[bytes]) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = stream.read(limit + 1)
    if len(body) <= limit:
        return body
    # A server that closes with bytes unread resets the connection, and the refusal is lost.
    drained = 0
    while drained < _DRAIN_BYTES and (chunk := stream.read(_CHUNK_BYTES)):
        drained += len(chunk)
    raise BodyTooLarge


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError("The body is not UTF-8 text.", code="not_json") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ParseError(f"The number {text[:40]} is not finite.", code="number_not_finite")
    return number


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"The name {twice[:80]!a} stands twice in one object.", code="name_twice")
    return members


def _too_deep() -> ParseError:
    return ParseError(
        f"The body is nested more than {MAX_DEPTH} levels deep.", code="nested_too_deep"
    )


def _check_tree(document: Any) -> None:
    """Refuse depth and broken text without recursion, for depth is what is being measured."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        level = below


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ParseError(
            "The body has half a surrogate pair in a text.", code="broken_text"
        ) from error
