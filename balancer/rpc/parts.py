"""Lists that come in parts: the token that names where the next part begins."""

import re
from typing import Final

from balancer.rpc.parameters import Parameters, bad_value

MAX_PAGE: Final = 1_000_000
_TOKEN = re.compile(r"[0-9a-f]{1,12}", re.ASCII)


def read_token(parameters: Parameters, code: str) -> int:
    """Return where the part begins, 0 without a token."""
    token = parameters.optional("NextToken") or "0"
    if not _TOKEN.fullmatch(token):
        raise bad_value("NextToken", "one that an answer gave", token, code)
    return int(token, 16)


def write_token(number: int | None) -> str:
    """Return the token of the next part, "" when this was the last."""
    return "" if number is None else f"{number:x}"
