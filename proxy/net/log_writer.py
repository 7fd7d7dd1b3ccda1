"""The process that appends the lines of a worker to the access log, so that no disk holds it up.

It is a process and no thread, because a second thread makes every system call of the one that
serves dearer: by 2 µs for each request, more than the lines themselves.

The lines are in memory that both share; a byte on a socket says that there are more. What is there
is written even when the worker was killed. All workers of a node append to the same file; the
kernel keeps what each appends in one piece (O_APPEND). A full disk, a directory that is gone and a
disk that does not answer cost lines, which are counted; each part tries again.
"""

import contextlib
import os
import signal
import socket
import sys

from proxy.net.log_ring import REOPEN, LogRing

MODE = 0o640


class LogWriter:
    """Writes to one file that only grows here. What rotates it has it opened anew afterwards."""

    def __init__(self, sock: socket.socket, ring: LogRing, path: str) -> None:
        self._sock = sock
        self._ring = ring
        self._path = path
        self._descriptor = -1
        self._is_torn = False

    def run(self) -> None:
        """Write what comes until nobody is there to send any more."""
        is_told = True
        while is_told:
            is_told = self._wait()
            for length, lines, text in self._ring.take():
                if length == REOPEN:
                    self._let_go()
                    with contextlib.suppress(OSError):  # the next part says what is wrong
                        self._open()
                else:
                    self._write(text, lines)

    def _wait(self) -> bool:
        """Return whether there is a worker that may have put more."""
        try:
            return bool(self._sock.recv(4096))
        except OSError:
            return False

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, MODE)

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _write(self, data: memoryview, lines: int) -> None:
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
            lost = bytes(data).count(b"\n")
            self._ring.tell(lines - lost, lost, error.errno or 1)
        else:
            self._ring.tell(lines, 0, 0)


def main(sock_descriptor: str, ring_descriptor: str, path: str) -> None:
    """Serve the worker at the other end of the socket; it alone says when to stop."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with socket.socket(fileno=int(sock_descriptor)) as sock:
        LogWriter(sock, LogRing(int(ring_descriptor)), path).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
