"""The process that appends the lines of a worker to the access log, so that no disk holds it up.

It is a process and no thread, because a second thread makes every system call of the one that
serves dearer: by 2 µs for each request, more than the lines themselves.

The lines come over a socket, and what has come is written even when the worker was killed. All
workers of a node append to the same file; the kernel keeps what each appends in one piece
(O_APPEND). A full disk, a directory that is gone and a disk that does not answer cost lines, which
are counted; each part tries again. The totals go back after each part, as a line of JSON.
"""

import contextlib
import json
import os
import signal
import socket
import sys

REOPEN = b"\0\n"
"""Stands among the lines where the file that has the path by then is to be opened."""
READ_BYTES = 256 * 1024
MODE = 0o640
FAREWELL_S = 1.0


class LogWriter:
    """Writes to one file that only grows here. What rotates it has it opened anew afterwards."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self._sock = sock
        self._path = path
        self._descriptor = -1
        self._is_torn = False
        self._written = 0
        self._lost = 0
        self._reason: str | None = None

    def run(self) -> None:
        """Write what comes until nobody sends any more."""
        rest = b""
        while data := self._receive():
            lines, end, rest = (rest + data).rpartition(b"\n")
            self._take(lines + end)
            self._report(socket.MSG_DONTWAIT)
        self._lost += bool(rest)
        self._sock.settimeout(FAREWELL_S)
        self._report(0)

    def _receive(self) -> bytes:
        try:
            return self._sock.recv(READ_BYTES)
        except OSError:
            return b""

    def _take(self, lines: bytes) -> None:
        parts = lines.split(REOPEN)
        for at, part in enumerate(parts):
            if at:
                self._let_go()
                with contextlib.suppress(OSError):  # the next part says what is wrong
                    self._open()
            if part:
                self._write(part)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, MODE)

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _write(self, lines: bytes) -> None:
        data = memoryview(lines)
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
            self._let_go()
            self._reason = error.strerror
        else:
            self._reason = None
        lost = bytes(data).count(b"\n")
        self._lost += lost
        self._written += lines.count(b"\n") - lost

    def _report(self, flags: int) -> None:
        totals = {"written": self._written, "lost": self._lost, "reason": self._reason}
        with contextlib.suppress(OSError):  # one that nobody reads is not missed
            self._sock.send(json.dumps(totals).encode() + b"\n", flags)


def main(descriptor: str, path: str) -> None:
    """Serve the worker at the other end of the socket; it alone says when to stop."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with socket.socket(fileno=int(descriptor)) as sock:
        LogWriter(sock, path).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
