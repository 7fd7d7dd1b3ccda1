"""Strict decoding: JSON text into frozen dataclasses, as their annotations say, or not at all.

Annotations may be plain types, enums of strings, dataclasses, ``tuple[X, ...]``, ``Mapping[str,
X]`` and ``X | None``. A whole number is good where a float is annotated.
"""

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Generator, Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any

T = typing.TypeVar("T")

ITEMS_PER_PART = 32
"""How many items of an array are decoded in one part: a third of a millisecond."""


class Undecodable(ValueError):
    """The text is no JSON, or not of the type; the message says where and why."""


def decode(cls: type[T], text: str | bytes) -> T:
    """Return what the text holds; raise Undecodable when it is no such document."""
    raw = _load(text)
    try:
        return typing.cast("T", _decoder(typing.cast("Any", cls))(raw))
    except _Misfit as misfit:
        raise _undecodable(cls, misfit) from None


def decode_in_parts(cls: type[T], text: str | bytes) -> Generator[None, None, T]:
    """Do the same in parts: whoever drives it may serve others in between."""
    raw = _load(text)
    yield
    try:
        return typing.cast("T", (yield from _parts(typing.cast("Any", cls), raw)))
    except _Misfit as misfit:
        raise _undecodable(cls, misfit) from None


def _load(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"not JSON: {error}") from error


def _undecodable(cls: type, misfit: "_Misfit") -> Undecodable:
    place = "".join([cls.__name__, *reversed(misfit.trail)])
    return Undecodable(f"{place}: {misfit}")


class _Misfit(ValueError):
    """Raw JSON that is not of the annotated type; the trail leads to it from within outwards."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.trail: list[str] = []


_Decoder = Callable[[Any], Any]


@functools.cache
def _decoder(expected: Any) -> _Decoder:
    """Return what turns raw JSON into the annotated type, or says where it is not one.

    A proxy decodes thousands of servers beside its traffic, so places are named on failure only.
    """
    origin = typing.get_origin(expected)
    if origin is types.UnionType:
        return _optional_decoder(expected)
    if origin is tuple:
        return _tuple_decoder(_decoder(typing.get_args(expected)[0]))
    if origin is Mapping:
        return _mapping_decoder(_decoder(typing.get_args(expected)[1]))
    if dataclasses.is_dataclass(expected):
        return _dataclass_decoder(expected)
    if issubclass(expected, StrEnum):
        return _enum_decoder(expected)
    return _plain_decoder(expected)


def _optional_decoder(expected: Any) -> _Decoder:
    [member] = [each for each in typing.get_args(expected) if each is not types.NoneType]
    decode_member = _decoder(member)
    return lambda raw: None if raw is None else decode_member(raw)


def _tuple_decoder(decode_item: _Decoder) -> _Decoder:
    def decode(raw: Any) -> Any:
        if not isinstance(raw, list):
            raise _Misfit("an array is needed")
        items: list[Any] = []
        try:
            for each in raw:
                items.append(decode_item(each))  # noqa: PERF401 (their number tells the place)
        except _Misfit as misfit:
            misfit.trail.append(f"[{len(items)}]")
            raise
        return tuple(items)

    return decode


def _mapping_decoder(decode_item: _Decoder) -> _Decoder:
    def decode(raw: Any) -> Any:
        if not isinstance(raw, dict):
            raise _Misfit("an object is needed")
        return _decode_members(raw, lambda key: decode_item)

    return decode


def _decode_members(raw: dict[str, Any], decoder_of: Callable[[str], _Decoder]) -> dict[str, Any]:
    members, key = {}, ""
    try:
        for key, each in raw.items():
            members[key] = decoder_of(key)(each)
    except _Misfit as misfit:
        misfit.trail.append(f".{key}")
        raise
    return members


def _enum_decoder(expected: type[StrEnum]) -> _Decoder:
    values = {each.value: each for each in expected}

    def decode(raw: Any) -> Any:
        if isinstance(raw, str) and raw in values:
            return values[raw]
        raise _Misfit(f"{raw!r} is not one of {', '.join(values)}")

    return decode


def _plain_decoder(expected: type) -> _Decoder:
    def decode(raw: Any) -> Any:
        if type(raw) is expected:
            return raw
        if expected is float and type(raw) is int:
            return float(raw)
        raise _Misfit(f"{expected.__name__} is needed, not {raw!r}")

    return decode


def _dataclass_decoder(expected: Any) -> _Decoder:
    shape = _shape(expected)
    decoders = {name: _decoder(hint) for name, hint in shape.hints.items()}

    def decode(raw: Any) -> Any:
        shape.check(raw)
        return expected(**_decode_members(raw, decoders.__getitem__))

    return decode


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """Which members the object of a dataclass may have, and which it must have."""

    hints: Mapping[str, Any]
    required: AbstractSet[str]

    def check(self, raw: Any) -> None:
        """Raise _Misfit unless these are the members."""
        if not isinstance(raw, dict):
            raise _Misfit("an object is needed")
        if not raw.keys() <= self.hints.keys():
            raise _Misfit(f"unknown field {', '.join(sorted(raw.keys() - self.hints.keys()))}")
        if not self.required <= raw.keys():
            raise _Misfit(f"missing field {', '.join(sorted(self.required - raw.keys()))}")


@functools.cache
def _shape(expected: Any) -> _Shape:
    required = frozenset(each.name for each in dataclasses.fields(expected) if _is_required(each))
    return _Shape(typing.get_type_hints(expected), required)


def _is_required(each: "dataclasses.Field[Any]") -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


# --- in parts ------------------------------------------------------------------------------------


def _parts(expected: Any, raw: Any) -> Generator[None, None, Any]:
    """Decode as the decoder of the type does, with a pause after every few items of an array."""
    if isinstance(raw, list) and typing.get_origin(expected) is tuple:
        return (yield from _item_parts(typing.get_args(expected)[0], raw))
    if isinstance(raw, dict) and _has_arrays(expected) and dataclasses.is_dataclass(expected):
        return (yield from _member_parts(expected, raw))
    return _decoder(expected)(raw)


def _item_parts(expected: Any, raw: list[Any]) -> Generator[None, None, tuple[Any, ...]]:
    decode_item = None if _has_arrays(expected) else _decoder(expected)
    items: list[Any] = []
    try:
        for each in raw:
            items.append(decode_item(each) if decode_item else (yield from _parts(expected, each)))
            if len(items) % ITEMS_PER_PART == 0:
                yield
    except _Misfit as misfit:
        misfit.trail.append(f"[{len(items)}]")
        raise
    return tuple(items)


def _member_parts(expected: Any, raw: dict[str, Any]) -> Generator[None, None, Any]:
    shape, members, key = _shape(expected), {}, ""
    shape.check(raw)
    try:
        for key, each in raw.items():
            members[key] = yield from _parts(shape.hints[key], each)
    except _Misfit as misfit:
        misfit.trail.append(f".{key}")
        raise
    return expected(**members)


@functools.cache
def _has_arrays(expected: Any) -> bool:
    """Tell whether a value of the type may have many parts."""
    if typing.get_origin(expected) is tuple:
        return True
    return (
        isinstance(expected, type)
        and dataclasses.is_dataclass(expected)
        and any(_has_arrays(hint) for hint in _shape(expected).hints.values())
    )
