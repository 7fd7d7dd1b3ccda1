"""What names and descriptions may consist of."""

import re

from balancer.constants import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_LISTENER_DESCRIPTION_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_PROTECTION_REASON_CHARACTERS,
)
from balancer.exceptions import Invalid

# Letters, digits and CJK are what \w matches, less the marks that are no letters.
_LOAD_BALANCER_NAME = re.compile(r"[^\W\d_][\w.\-]*")
_GROUP_NAME = re.compile(r"[\w.\-/]+")
_MACHINE_NAME = re.compile(r"[^\x00-\x1f\x7f<>]+")
_DESCRIPTION = re.compile(r"[\w.\-/ ]*")


def check_load_balancer_name(value: object, field: str = "name") -> str:
    """Return the name: 1-80 characters, a letter first, then letters, digits, . _ -"""
    rule = "begin with a letter, followed by letters, digits, periods, underscores or hyphens"
    text = _check(value, field, "Name", _LOAD_BALANCER_NAME, MAX_NAME_CHARACTERS, rule)
    if not text[0].isalpha():  # such as ², which the pattern takes for one
        raise _refusal("bad_characters", field, f"Name must {rule}; given: {text}.")
    return text


def check_group_name(value: object, field: str = "name") -> str:
    """Return the name of a server group or listener: 1-80 letters, digits, - / . _ (F5.2)."""
    rule = "use letters, digits, hyphens, slashes, periods and underscores only"
    return _check(value, field, "Name", _GROUP_NAME, MAX_NAME_CHARACTERS, rule)


def check_machine_name(value: object, field: str = "name") -> str:
    """Return the name of a machine: 1-80 printable characters without < and >."""
    rule = "use printable characters other than < and > only"
    return _check(value, field, "Name", _MACHINE_NAME, MAX_NAME_CHARACTERS, rule)


def check_description(value: object, field: str = "description") -> str:
    """Return the description of a server: up to 80 letters, digits, spaces, - / . _"""
    return _check_optional(value, field, MAX_DESCRIPTION_CHARACTERS)


def check_listener_description(value: object, field: str = "description") -> str:
    """Return the description of a listener: up to 256 letters, digits, spaces, - / . _"""
    return _check_optional(value, field, MAX_LISTENER_DESCRIPTION_CHARACTERS)


def check_protection_reason(value: object, field: str = "reason") -> str:
    """Return why changes are forbidden: up to 80 printable characters, possibly none."""
    if value in (None, ""):
        return ""
    rule = "use printable characters other than < and > only"
    return _check(value, field, "Reason", _MACHINE_NAME, MAX_PROTECTION_REASON_CHARACTERS, rule)


def _check_optional(value: object, field: str, most: int) -> str:
    if value in (None, ""):
        return ""
    rule = "use letters, digits, spaces, hyphens, slashes, periods and underscores only"
    return _check(value, field, "Description", _DESCRIPTION, most, rule)


def _check(
    value: object, field: str, label: str, pattern: re.Pattern[str], most: int, rule: str
) -> str:
    text = value.strip() if isinstance(value, str) else value
    if text in (None, ""):
        raise _refusal("required", field, f"{label} is needed: 1 to {most} characters.")
    if not isinstance(text, str):
        raise _refusal("not_text", field, f"{label} must be text; given: {text!r:.40}.")
    if len(text) > most:
        message = f"{label} may have at most {most} characters; given: {len(text)}."
        raise _refusal("too_long", field, message)
    if not pattern.fullmatch(text):
        raise _refusal("bad_characters", field, f"{label} must {rule}; given: {text}.")
    return text


def _refusal(code: str, field: str, message: str) -> Invalid:
    return Invalid(code, message, fields={field: [message]})
