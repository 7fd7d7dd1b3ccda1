"""Request ids: unlike those of any other process or start, and cheap enough for every request."""

import itertools
import random

_ids = map((b"%016x" % random.getrandbits(64) + b"%016x").__mod__, itertools.count(1))


def new_request_id() -> bytes:
    """Return a fresh request id of 32 hexadecimal digits."""
    return next(_ids)
