"""One strict reader of whole numbers for every entrance (E1.1).

Forms and JSON readers of the frameworks accept ``+5``, ``0_5``, ``5.0`` and full-width digits;
here a number is a JSON integer or the ASCII text ``-?[0-9]+``, and nothing else.
"""

import re

from balancer.exceptions import Invalid

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_SHOWN_CHARACTERS = 40


def read_integer(
    value: object,
    *,
    field: str,
    minimum: int | None = None,
    maximum: int | None = None,
    label: str,
) -> int:
    """Return the number; raise Invalid that names the field, the range and what was given."""
    rule = f"{label} must be a whole number{_range(minimum, maximum)}"
    if value is None or value == "":
        raise _refusal("required", field, f"{rule}; nothing was given.")
    number = _parse(value)
    if number is None:
        raise _refusal("not_a_number", field, f"{rule}; given: {_shown(value)}.")
    too_small = minimum is not None and number < minimum
    if too_small or (maximum is not None and number > maximum):
        raise _refusal("out_of_range", field, f"{rule}; given: {_shown(value)}.")
    return number


def _range(minimum: int | None, maximum: int | None) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum} to {maximum}"
    if minimum is not None:
        return f" of at least {minimum}"
    return "" if maximum is None else f" of at most {maximum}"


def _parse(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    return None


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) >= 10**_SHOWN_CHARACTERS:
        return "a number of more than 40 digits"  # str() refuses very long ones
    text = str(value) if isinstance(value, int | str) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _refusal(code: str, field: str, message: str) -> Invalid:
    return Invalid(code, message, fields={field: [message]})
