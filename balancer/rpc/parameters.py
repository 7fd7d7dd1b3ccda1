"""The parameters of one call: query and form body together, by the names on the wire."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from balancer.domain.numbers import read_integer
from balancer.exceptions import Invalid
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.lists import Malformed, read_list, read_objects

MAX_PARAMETERS = 1000
FORM = "application/x-www-form-urlencoded"
_SWITCHES = {"on": True, "off": False}
_BOOLEANS = {"true": True, "false": False}

Pair = tuple[str, str]


def read_pairs(query: bytes) -> list[Pair]:
    """Return names and values of a query string or form, as they come; ``+`` is a blank."""
    try:
        return parse_qsl(
            query.decode(), keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict"
        )
    except UnicodeDecodeError:
        raise RpcError("InvalidParameter", "The parameters must be UTF-8 text.") from None
    except ValueError:
        rule = f"A request may have at most {MAX_PARAMETERS} parameters."
        raise RpcError("InvalidParameter", rule) from None


@dataclass(frozen=True, slots=True)
class TagPair:
    """One ``Tag.N.Key`` with its ``Tag.N.Value``; a filter may leave the value out."""

    key: str
    value: str | None


class Parameters:
    """Reads values by name; the case of a name's first letter does not matter.

    What the client does not name is absent: optional readers answer None, and empty text counts
    as absent, for some clients send every parameter they know.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            self._values.setdefault(_key(name), value)

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(_key(name)))

    def items(self) -> Iterator[Pair]:
        """Yield what was sent, for a digest of the request."""
        yield from sorted(self._values.items())

    def optional(self, name: str) -> str | None:
        """Return the text, None when it is absent or empty."""
        value = self._values.get(_key(name), "").strip()
        if "\0" in value:
            raise bad_value(name, "no NUL", value)
        return value or None

    def text(self, name: str) -> str:
        """Return the text of a parameter that must be there."""
        value = self.optional(name)
        if value is None:
            raise missing(name)
        return value

    def integer(
        self,
        name: str,
        *,
        minimum: int | None = None,
        maximum: int | None = None,
        code: str = "InvalidParameter",
    ) -> int | None:
        """Return the whole number within its range, None when it is absent."""
        value = self.optional(name)
        if value is None:
            return None
        try:
            return read_integer(value, field=name, minimum=minimum, maximum=maximum, label=name)
        except Invalid as error:
            raise RpcError(code, error.message) from None

    def choice(self, name: str, known: Mapping[str, Any], code: str = "InvalidParameter") -> Any:
        """Return what the word means, None when it is absent; the case does not matter."""
        value = self.optional(name)
        if value is None:
            return None
        if value.lower() not in known:
            raise bad_value(name, " or ".join(known), value, code)
        return known[value.lower()]

    def switch(self, name: str) -> bool | None:
        """Return whether an ``on`` or ``off`` is on."""
        answer: bool | None = self.choice(name, _SWITCHES)
        return answer

    def boolean(self, name: str) -> bool | None:
        """Return a ``true`` or ``false`` in any case; switches are understood too."""
        answer: bool | None = self.choice(name, _BOOLEANS | _SWITCHES)
        return answer

    def commas(self, name: str) -> list[str]:
        """Return the members of a list with commas in between."""
        value = self.optional(name) or ""
        return [each.strip() for each in value.split(",") if each.strip()]

    def numbered(self, name: str) -> list[str]:
        """Return ``Name.1``, ``Name.2``, … in the order of their numbers."""
        pattern = re.compile(rf"{re.escape(_key(name))}\.([0-9]{{1,5}})", re.ASCII)
        found = ((pattern.fullmatch(key), value) for key, value in self._values.items())
        numbered = [(int(match[1]), value) for match, value in found if match]
        return [value for _, value in sorted(numbered) if value]

    def tags(self, name: str = "Tag") -> list[TagPair]:
        """Return the tags of ``Tag.N.Key`` and ``Tag.N.Value`` in the order of N."""
        pattern = re.compile(
            rf"{_key(name)}\.([0-9]{{1,5}})\.(key|value)", re.ASCII | re.IGNORECASE
        )
        members: dict[int, dict[str, str]] = {}
        for key, value in self._values.items():
            if match := pattern.fullmatch(key):
                members.setdefault(int(match[1]), {})[match[2].lower()] = value
        return [
            TagPair(each.get("key", ""), each.get("value")) for _, each in sorted(members.items())
        ]

    def texts_in_list(self, name: str, *, malformed: str = "InvalidParameter") -> list[str]:
        """Return the texts of a list inside one parameter: ``["rule-x"]``, or a bare id."""
        value = self.text(name)
        try:
            members = read_list(value) if value[:1] in "[{" else self.commas(name)
        except Malformed as error:
            raise RpcError(malformed, f"{name} cannot be read: {error}.") from None
        if not all(isinstance(each, str | int) for each in members):
            raise RpcError(malformed, f"{name} must be a list of texts.")
        return [str(each) for each in members]

    def objects(self, name: str, *, malformed: str = "InvalidParameter") -> list[dict[str, Any]]:
        """Return the objects of a list inside one parameter; keys are in lower case."""
        try:
            return read_objects(self._values.get(_key(name), ""))
        except Malformed as error:
            message = f"The specified {name} is malformed: {error}."
            raise RpcError(malformed, message) from None


def bad_value(name: str, rule: str, given: str, code: str = "InvalidParameter") -> RpcError:
    """Return the refusal of a value: the rule and what was given."""
    return RpcError(
        code,
        f"The specified parameter {name} is not valid: {rule} is expected; given: {given:.40}.",
    )


def _key(name: str) -> str:
    return name[:1].lower() + name[1:]
