"""Rotates the access log of a node: ``name``, ``name.1``, ``name.2`` …, the newest first.

The parent process renames; the workers go on writing to the file that they have and open the new
one when they are told, so no line is lost. Other programs may rotate the file too, or remove it:
what has the path now is noticed by its number on the disk.
"""

import fcntl
import logging
import os
import stat
from pathlib import Path

logger = logging.getLogger(__name__)


class LogRotation:
    """Looks after one log file. ``max_bytes`` 0: somebody else rotates it."""

    def __init__(self, path: Path, max_bytes: int, kept: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._known: tuple[int, int] | None = None
        self._is_failing = False

    def check(self) -> bool:
        """Rotate when the file is full; return whether the workers have to open it anew."""
        try:
            found = self._look()
        except FileNotFoundError:
            was_known, self._known = self._known is not None, None
            return was_known
        except OSError:
            return False
        before, self._known = self._known, (found.st_dev, found.st_ino)
        is_other = before is not None and before != self._known
        return self._rotate_if_full(found) or is_other

    def _look(self) -> os.stat_result:
        return self._path.stat()

    def _rotate_if_full(self, found: os.stat_result) -> bool:
        is_full = 0 < self._max_bytes <= found.st_size
        if not is_full or not stat.S_ISREG(found.st_mode):
            return False
        try:
            is_rotated = self._rotate(found)
        except OSError as error:
            if not self._is_failing:
                fields = {"path": str(self._path), "reason": error.strerror}
                logger.warning("the access log cannot be rotated", extra=fields)
            self._is_failing = True
            return False
        self._is_failing = False
        return is_rotated

    def _rotate(self, found: os.stat_result) -> bool:
        """Rename the files, unless another node on this machine does so right now."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opened = os.fstat(descriptor)
            if not (os.path.samestat(opened, found) and os.path.samestat(opened, self._look())):
                return False
            for number in range(self._kept - 1, 0, -1):
                if self._numbered(number).exists():
                    self._numbered(number).replace(self._numbered(number + 1))
            self._path.replace(self._numbered(1))
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        self._known = None
        return True

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
