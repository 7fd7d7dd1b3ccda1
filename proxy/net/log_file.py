"""The access log's file as a worker sees it: takes lines at once, has another process write them.

Nobody ever waits here. What the process cannot take yet is kept, up to a bound; what is beyond it
is lost and counted.
"""

import collections
import contextlib
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxy.net.log_writer import REOPEN

MAX_WAITING = 128
"""How many parts may wait for the disk before lines are lost."""
SEND_BUFFER_BYTES = 1024 * 1024
CLOSE_BOUND_S = 2.0
RESTART_GAP_S = 1.0
NO_TOTALS = {"written": 0, "lost": 0, "reason": None}
PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent

logger = logging.getLogger(__name__)


class LogFile:
    """One file, and the process that writes it; another takes its place when it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: collections.deque[memoryview] = collections.deque()
        self._is_cut = False  # a part of the first one is gone already
        self._refused = 0
        # Of the writers before this one.
        self._written_before = 0
        self._lost_before = 0
        self._start()

    @property
    def written(self) -> int:
        """Return how many lines are in the file, as far as is known."""
        self._hear()
        return self._written_before + int(self._totals["written"])

    @property
    def lost(self) -> int:
        """Return how many lines could not be written."""
        self._hear()
        return self._refused + self._lost_before + int(self._totals["lost"])

    def append(self, lines: Sequence[bytes]) -> None:
        """Have the lines written, if there are any, and those that wait. This never waits.

        Each of them may be several.
        """
        text = b"".join(lines)
        if text and len(self._waiting) >= MAX_WAITING:
            self._refused += text.count(b"\n")
        elif text:
            self._waiting.append(memoryview(text))
        self._push()

    def reopen(self) -> None:
        """Go on in the file that has the path now, after what was appended before."""
        self._waiting.append(memoryview(REOPEN))
        self._push()

    def close(self) -> None:
        """Write what waits, within a bound."""
        if self._sock.fileno() < 0:
            return
        self._sock.settimeout(CLOSE_BOUND_S)
        self._push()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            while self._hear():
                pass
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._writer.wait(CLOSE_BOUND_S)
        self._writer.kill()
        self._writer.wait()
        self._sock.close()

    # --- the writer ------------------------------------------------------------------------------

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._totals: dict[str, Any] = NO_TOTALS
        self._heard = b""
        self._handed = 0
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._sock.setblocking(False)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            program = [sys.executable, "-m", "proxy.net.log_writer"]
            self._writer = subprocess.Popen(
                [*program, str(theirs.fileno()), str(self.path.absolute())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=PACKAGE_ROOT,
            )

    def _push(self) -> None:
        """Send as much of what waits as the writer takes."""
        while self._waiting:
            part = self._waiting[0]
            try:
                sent = self._sock.send(part)
            except (BlockingIOError, TimeoutError):
                return
            except OSError:
                self._replace_writer()
                return
            if not self._is_cut:
                self._handed += bytes(part).count(b"\n")
            self._is_cut = sent < len(part)
            if self._is_cut:
                self._waiting[0] = part[sent:]
            else:
                self._waiting.popleft()

    def _hear(self) -> bool:
        """Take in what the writer says; return whether it may say more."""
        try:
            said = self._sock.recv(65536)
        except (OSError, ValueError):
            return False
        *lines, self._heard = (self._heard + said).split(b"\n")
        if lines:
            before, self._totals = self._totals["reason"], json.loads(lines[-1])
            if self._totals["reason"] is not None and before is None:
                fields = {"path": str(self.path), "reason": self._totals["reason"]}
                logger.warning("the access log cannot be written, lines are lost", extra=fields)
        return bool(said)

    def _replace_writer(self) -> None:
        """The writer has died: what it had not written is lost."""
        if time.monotonic() < self._started_at + RESTART_GAP_S:
            return
        while self._hear():
            pass
        known = self._totals["written"] + self._totals["lost"]
        self._written_before += self._totals["written"]
        self._lost_before += self._totals["lost"] + self._handed - known
        if self._is_cut:
            self._waiting.popleft()
            self._is_cut = False
        self._sock.close()
        status = self._writer.wait()
        logger.error("the writer of the access log died", extra={"status": status})
        self._start()
