"""The present as HTTP writes it (RFC 9110 section 6.6.1), made once a second at most."""

import time
from email.utils import formatdate

_made: tuple[int, bytes] = (-1, b"")


def date_line() -> bytes:
    """Return the Date line of an answer that is sent now."""
    global _made  # one value per process; it is replaced whole
    second = int(time.time())
    if _made[0] != second:
        _made = (second, b"Date: %b\r\n" % formatdate(second, usegmt=True).encode("ascii"))
    return _made[1]
