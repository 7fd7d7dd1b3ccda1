"""Reads lists that stand inside a parameter: JSON, or what clients send in its place.

Some clients write single quotes (``[{'ServerId':'i-1','Weight':'100'}]``), some send the
representation of a Python list. The reader knows objects, lists, text in either quote, numbers and
a few words; nothing is ever evaluated.
"""

import json
import re
from typing import Any, Final

MAX_CHARACTERS = 64 * 1024
_MAX_DEPTH = 4
_BLANKS = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?![0-9.eE])")
_WORD = re.compile(r"[A-Za-z]+")
_TEXT = {quote: re.compile(rf"[^{quote}\\]*(?:\\.[^{quote}\\]*)*", re.DOTALL) for quote in "'\""}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_WORDS: Final = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Malformed(ValueError):
    """The text is no list that can be understood."""


def read_list(text: str) -> list[Any]:
    """Return the members of the list; nothing and ``[]`` are an empty one."""
    text = text.strip()
    if not text:
        return []
    if len(text) > MAX_CHARACTERS:
        raise Malformed(f"longer than {MAX_CHARACTERS} characters")
    value = _read(text)
    _check_texts(value, 0)
    if not isinstance(value, list):
        value = [value]  # one object where a list of one is meant
    return value


def read_objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of the list with their keys in lower case, without what is null."""
    members = read_list(text)
    if not all(isinstance(each, dict) for each in members):
        raise Malformed("a member is no object")
    return [
        {key.lower(): value for key, value in each.items() if value is not None} for each in members
    ]


def _read(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_number)
    except (ValueError, RecursionError):
        return _Reader(text).read_whole()


def _refuse_number(text: str) -> None:
    raise Malformed(f"{text:.20} is no whole number")


def _check_texts(value: Any, depth: int) -> None:
    """Refuse what no database takes: NUL, halves of characters; and what is nested too deep."""
    if depth > _MAX_DEPTH:
        raise Malformed("too deep")
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise Malformed("a character is not allowed")
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for each in value:
            _check_texts(each, depth + 1)


class _Reader:
    """A small recursive reader; a place in the text and what stands there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read_whole(self) -> Any:
        """Return the value that the text is; nothing may follow it."""
        value = self._value(0)
        if self._peek():
            raise Malformed(f"{self._text[self._at :]:.20} follows the list")
        return value

    def _value(self, depth: int) -> Any:
        first = self._peek()
        if depth > _MAX_DEPTH:
            raise Malformed("too deep")
        if first == "[":
            return self._members("]", lambda: self._value(depth + 1))
        if first == "{":
            return dict(self._members("}", lambda: self._pair(depth + 1)))
        if first in ("'", '"'):
            return self._quoted()
        return self._bare()

    def _members(self, end: str, read_one: Any) -> list[Any]:
        self._at += 1
        members: list[Any] = []
        while self._peek() != end:
            members.append(read_one())
            if self._peek() == ",":
                self._at += 1  # one behind the last member is harmless
            elif self._peek() != end:
                raise Malformed(f"a comma or {end} is missing")
        self._at += 1
        return members

    def _pair(self, depth: int) -> tuple[str, Any]:
        if self._peek() not in ("'", '"'):
            raise Malformed("a name in quotes is missing")
        name = self._quoted()
        if self._peek() != ":":
            raise Malformed("a colon is missing")
        self._at += 1
        return name, self._value(depth)

    def _quoted(self) -> str:
        quote = self._text[self._at]
        body = _TEXT[quote].match(self._text, self._at + 1)
        if body is None or body.end() >= len(self._text):
            raise Malformed("a quote is not closed")
        self._at = body.end() + 1
        return _ESCAPE.sub(_unescaped, body.group())

    def _bare(self) -> Any:
        if number := _NUMBER.match(self._text, self._at):
            self._at = number.end()
            return int(number.group())
        word = _WORD.match(self._text, self._at)
        if word is None or word.group() not in _WORDS:
            raise Malformed(f"{self._text[self._at : self._at + 20]} is neither text nor number")
        self._at = word.end()
        return _WORDS[word.group()]

    def _peek(self) -> str:
        blanks = _BLANKS.match(self._text, self._at)
        if blanks is not None:
            self._at = blanks.end()
        return self._text[self._at : self._at + 1]


def _unescaped(escape: re.Match[str]) -> str:
    code = escape.group(1)
    if code[0] == "u" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _CONTROLS.get(code, code)
