"""Keys of TLS session tickets that all workers of a node share, so that a session may be resumed
at any of them.

Python's ``ssl`` cannot set these keys, so OpenSSL is told directly, by the address that an
``SSLContext`` keeps of its own. Whether that holds for this Python and this OpenSSL is tried in a
process of its own: as long as that has not succeeded nothing is shared, nothing is touched, and
each worker has keys that only it knows.

The secret is random, in memory alone, and replaced once a day. A context's keys follow from the
secret and from everything that the context is made of: what a listener has let in is no entrance
to another one, nor to the same one under another authority for client certificates.
"""

import _ssl
import asyncio
import contextlib
import ctypes
import functools
import hashlib
import hmac
import logging
import mmap
import os
import ssl
import sys
from collections.abc import Callable

logger = logging.getLogger(__name__)

SECRET_BYTES = 32
NUMBER_BYTES = 8
MEMORY_BYTES = NUMBER_BYTES + 2 * SECRET_BYTES
"""The number of the secret in force, and two places that secrets take in turn."""
LIFETIME_S = 24 * 3600
TRIAL_BOUND_S = 20.0
_SET_TICKET_KEYS = 59  # SSL_CTRL_SET_TLSEXT_TICKET_KEYS (openssl/ssl.h)
_KEYS_BYTES = 80  # a name of 16, and 32 each to sign and to encrypt


class TicketSecret:
    """The secret in the memory that parent and workers share; number 0: there is none."""

    def __init__(self, descriptor: int, offset: int) -> None:
        self._memory = mmap.mmap(descriptor, MEMORY_BYTES, offset=offset)
        self._view = memoryview(self._memory)

    @property
    def number(self) -> int:
        """Return which secret is in force."""
        return int.from_bytes(self._view[:NUMBER_BYTES], sys.byteorder)

    def read(self) -> bytes:
        """Return the secret in force."""
        return bytes(self._place(self.number))

    def replace(self) -> None:
        """Put a new secret in force; the one before the last is gone."""
        number = self.number + 1
        self._place(number)[:] = os.urandom(SECRET_BYTES)
        self._view[:NUMBER_BYTES] = number.to_bytes(NUMBER_BYTES, sys.byteorder)

    def _place(self, number: int) -> memoryview:
        start = NUMBER_BYTES + number % 2 * SECRET_BYTES
        return self._view[start : start + SECRET_BYTES]


def share(context: ssl.SSLContext, secret: bytes, made_of: str) -> None:
    """Give the context the keys that every worker gives to one that is made of the same."""
    _set_keys(context, _expand(secret, made_of.encode()))


def _expand(secret: bytes, info: bytes) -> bytes:
    """Return keys (HKDF-Expand, RFC 5869 section 2.3)."""
    keys = block = b""
    for number in range(1, 1 + -(-_KEYS_BYTES // hashlib.sha256().digest_size)):
        block = hmac.digest(secret, block + info + bytes([number]), "sha256")
        keys += block
    return keys[:_KEYS_BYTES]


def _set_keys(context: ssl.SSLContext, keys: bytes) -> None:
    # The first thing that an SSLContext holds is OpenSSL's own, behind what all objects have.
    address = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    if _control()(address, _SET_TICKET_KEYS, len(keys), keys) != 1:
        raise OSError("OpenSSL does not take keys of tickets")


@functools.cache
def _control() -> Callable[..., int]:
    """Return SSL_CTX_ctrl of the library that ``ssl`` itself works with."""
    function = ctypes.CDLL(_ssl.__file__).SSL_CTX_ctrl
    function.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]
    function.restype = ctypes.c_long
    return function


async def keep_replaced(secret: TicketSecret) -> None:
    """Put a secret in force if that works here, and a new one each day, until cancelled."""
    if not await keys_can_be_shared():
        logger.info("each worker resumes its own TLS sessions only")
        return
    while True:
        secret.replace()
        await asyncio.sleep(LIFETIME_S)


# --- the trial -----------------------------------------------------------------------------------


async def keys_can_be_shared() -> bool:
    """Try it in a process of its own, which may fail in whatever way it likes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(TRIAL_BOUND_S):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _try() -> bool:
    """Tell whether a ticket is good at another context with its keys, and at no other."""
    one, same, other = (_trial_context(ssl.PROTOCOL_TLS_SERVER) for _ in range(3))
    share(one, b"1" * SECRET_BYTES, "trial")
    share(same, b"1" * SECRET_BYTES, "trial")
    share(other, b"1" * SECRET_BYTES, "another")
    client = _trial_context(ssl.PROTOCOL_TLS_CLIENT)
    session = _shake_hands(client, one).session
    return (
        _shake_hands(client, same, session).session_reused is True
        and _shake_hands(client, other, session).session_reused is False
    )


def _trial_context(protocol: int) -> ssl.SSLContext:
    """Return a context that needs no certificate."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES128-SHA:ADH-AES128-GCM-SHA256:@SECLEVEL=0")
    return context


def _shake_hands(
    client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLObject:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, session=session),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0]


if __name__ == "__main__":
    sys.exit(0 if _try() else 1)
