"""The access log's file as a worker sees it: takes lines at once, has another process write them.

Nobody ever waits here. What that process has not written yet is kept, up to a bound; what is
beyond it is lost and counted.
"""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from proxy.net.log_ring import LogRing, create_ring

CLOSE_BOUND_S = 2.0
RESTART_GAP_S = 1.0
PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent

logger = logging.getLogger(__name__)


class LogFile:
    """One file, and the process that writes it; another goes on in its place when it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._memory = create_ring()
        self._ring = LogRing(self._memory)
        self._refused = 0
        self._is_failing = False
        self._start()

    @property
    def written(self) -> int:
        """Return how many lines are in the file."""
        self._warn_once()
        return self._ring.written

    @property
    def lost(self) -> int:
        """Return how many lines could not be written."""
        self._warn_once()
        return self._refused + self._ring.lost

    def append(self, lines: Sequence[bytes]) -> None:
        """Have the lines written, if there are any. This never waits.

        Each of them may be several.
        """
        text = b"".join(lines)
        if text:
            count = text.count(b"\n")
            if not self._ring.put(text, count):
                self._refused += count
            self._wake()

    def reopen(self) -> None:
        """Go on in the file that has the path now, after what was appended before."""
        self._ring.put_reopen()
        self._wake()

    def close(self) -> None:
        """Write what waits, within a bound."""
        if self._memory < 0:
            return
        self._sock.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._writer.wait(CLOSE_BOUND_S)
        self._writer.kill()
        self._writer.wait()
        os.close(self._memory)
        self._memory = -1

    # --- the writer ------------------------------------------------------------------------------

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        with theirs:
            handed = (theirs.fileno(), self._memory)
            program = [sys.executable, "-m", "proxy.net.log_writer"]
            self._writer = subprocess.Popen(
                [*program, *map(str, handed), str(self.path.absolute())],
                pass_fds=handed,
                stdin=subprocess.DEVNULL,
                cwd=PACKAGE_ROOT,
            )

    def _wake(self) -> None:
        try:
            self._sock.send(b".")
        except BlockingIOError:
            return  # it has been told often enough
        except OSError:
            self._replace_writer()

    def _replace_writer(self) -> None:
        """The writer has died; another one goes on where it stood."""
        if time.monotonic() >= self._started_at + RESTART_GAP_S:
            self._sock.close()
            status = self._writer.wait()
            logger.error("the writer of the access log died", extra={"status": status})
            self._start()
            self._wake()

    def _warn_once(self) -> None:
        was_failing, self._is_failing = self._is_failing, bool(self._ring.error)
        if self._is_failing and not was_failing:
            fields = {"path": str(self.path), "reason": os.strerror(self._ring.error)}
            logger.warning("the access log cannot be written, lines are lost", extra=fields)
