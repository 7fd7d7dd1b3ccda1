"""Appends lines to one file from a thread of its own: whatever that file does, traffic goes on.

All workers of a node append to the same file; the kernel keeps what each appends in one piece
(O_APPEND). A full disk, a directory that is gone and a disk that does not answer cost lines, which
are counted, and one warning. Each append tries again.
"""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Sequence
from pathlib import Path

MAX_WAITING = 32
"""How many parts may wait for the disk before lines are lost."""
CLOSE_BOUND_S = 2.0
MODE = 0o640

logger = logging.getLogger(__name__)


class LogFile:
    """One file that only grows here. What rotates it asks for ``reopen`` afterwards."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self._lost = 0
        self._refused = 0
        self._descriptor = -1
        self._is_torn = False
        self._is_failing = False
        self._waiting: queue.SimpleQueue[Sequence[bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log-file", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Return how many lines could not be written."""
        return self._lost + self._refused

    def append(self, lines: Sequence[bytes]) -> None:
        """Have the lines written; they are the file's from now on. This never waits."""
        if self._waiting.qsize() >= MAX_WAITING:
            self._refused += len(lines)
        else:
            self._waiting.put(lines)

    def reopen(self) -> None:
        """Go on in the file that has the path now, after what was appended before."""
        self._waiting.put(())

    def close(self) -> None:
        """Write what waits, within a bound."""
        self._waiting.put(None)
        self._thread.join(CLOSE_BOUND_S)

    # --- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while (lines := self._waiting.get()) is not None:
            if lines:
                self._write(lines)
            else:
                self._let_go()
                with contextlib.suppress(OSError):  # the next append says what is wrong
                    self._open()
        self._let_go()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, MODE)

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _write(self, lines: Sequence[bytes]) -> None:
        data = memoryview(b"".join(lines))
        try:
            if self._descriptor < 0:
                self._open()
            if self._is_torn:
                os.write(self._descriptor, b"\n")
                self._is_torn = False
            while data:
                sent = os.write(self._descriptor, data)
                self._is_torn = data[sent - 1] != ord("\n")
                data = data[sent:]
        except OSError as error:
            self._note_failure(error, bytes(data).count(b"\n"))
        else:
            self._is_failing = False
        self.written += len(lines) - bytes(data).count(b"\n")

    def _note_failure(self, error: OSError, lost: int) -> None:
        self._lost += lost
        self._let_go()
        if not self._is_failing:
            self._is_failing = True
            fields = {"path": str(self.path), "reason": error.strerror}
            logger.warning("the access log cannot be written, lines are lost", extra=fields)
