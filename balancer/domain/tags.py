"""What the tags of a resource may be (slb-rpc-api.md section 3.0)."""

from collections.abc import Mapping

from balancer.constants import MAX_TAG_KEY_CHARACTERS, MAX_TAG_VALUE_CHARACTERS
from balancer.exceptions import Invalid

_RESERVED_BEGINNINGS = ("aliyun", "acs:")
_ADDRESSES = ("http://", "https://")


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags; raise Invalid for a key or value that cannot be one."""
    for at, (key, value) in enumerate(tags.items()):
        check_tag_key(key, f"tags[{at}].key")
        _check_tag_value(value, f"tags[{at}].value")
    return dict(tags)


def check_tag_key(key: str, field: str = "key") -> str:
    """Return the key: 1 to 64 characters, no address, none of the reserved beginnings."""
    reserved = key.lower().startswith(_RESERVED_BEGINNINGS)
    if not 1 <= len(key) <= MAX_TAG_KEY_CHARACTERS or reserved or _has_address(key):
        raise _refusal(
            "invalid_tag_key",
            field,
            f"A tag key has 1 to {MAX_TAG_KEY_CHARACTERS} characters, does not begin with aliyun "
            f"or acs: and holds no http:// or https://; given: {key:.80}.",
        )
    return key


def _check_tag_value(value: str, field: str) -> None:
    if len(value) > MAX_TAG_VALUE_CHARACTERS or _has_address(value):
        raise _refusal(
            "invalid_tag_value",
            field,
            f"A tag value has up to {MAX_TAG_VALUE_CHARACTERS} characters and holds no http:// or "
            f"https://; given: {value:.80}.",
        )


def _has_address(text: str) -> bool:
    return any(each in text.lower() for each in _ADDRESSES)


def _refusal(code: str, field: str, message: str) -> Invalid:
    return Invalid(code, message, fields={field: [message]})
