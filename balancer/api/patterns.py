"""Rules for texts as the OpenAPI document says them, in its own dialect (ECMA-262, Unicode).

The rules themselves are in balancer/domain; the tests of the document hold the two together.
"""

from typing import Final

ANY_TEXT: Final = r"^[^\u0000]*$"
"""What any database can store."""
NOT_BLANK: Final = r"^[^\u0000]*[^\u0000\s][^\u0000]*$"

_WORD = r"\p{L}\p{N}_"
_PRINTABLE = r"[^\u0000-\u001f\u007f<>]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?"

LOAD_BALANCER_NAME: Final = rf"\p{{L}}[{_WORD}.\-]*"
GROUP_NAME: Final = rf"[{_WORD}.\-/]+"
MACHINE_NAME: Final = rf"[^\u0000-\u001f\u007f<>\s]{_PRINTABLE}*"
DESCRIPTION: Final = rf"[{_WORD}.\-/ ]*"
PLACE_ID: Final = r"[a-z0-9][a-z0-9\-]*"
RULE_NAME: Final = r"[A-Za-z0-9\-/._]+"
DOMAIN: Final = rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*"
FULL_DOMAIN: Final = rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})+"
RULE_PATH: Final = r"/[A-Za-z0-9\-/.%?#&]+"
CHECK_PATH: Final = r"/[A-Za-z0-9\-/.%?#&_=]*"
CHECK_HOST: Final = r"[A-Za-z0-9.\-]*"
STATUS_CLASSES: Final = r"[2-5](?:,[2-5])*"
ASCII_WORD: Final = r"[A-Za-z0-9]*"
COOKIE_NAME: Final = r"[!#%&'*+.^_`|~0-9A-Za-z\-][!#$%&'*+.^_`|~0-9A-Za-z\-]*"


def whole(body: str, *, may_be_empty: bool) -> str:
    """Return the pattern of a whole text; space around it is taken off before it is looked at."""
    return rf"^\s*(?:{body})?\s*$" if may_be_empty else rf"^\s*(?:{body})\s*$"
