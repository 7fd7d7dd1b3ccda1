"""Bulk goes from socket to socket through a pipe, within the kernel: no byte of it is copied to us.

A connection that keeps bringing a lot at a time is read into a pipe, and the pipe is emptied into
the other socket at once. What the other socket does not take yet stays in the pipe, which then is
that connection's unsent tail. An empty pipe goes back to the pool at once, so that an idle
connection has none, and so the next small piece is copied again as usual.
"""

import contextlib
import fcntl
import os
import resource

LARGE_BYTES = 32 * 1024
"""A read of so much is a sign of bulk."""
LARGE_READS = 3
"""How many large reads in a row it takes to leave copying."""
PIPE_BYTES = 512 * 1024
MOST_PIPES = 128
MOST_SPARE_PIPES = 16
# Pipes, with two descriptors each, have a half of those that accepting leaves free.
_LIMIT_SHARE = 32
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class Pipe:
    """Bytes on their way through the kernel. Stands for the unsent tail of a connection."""

    __slots__ = ("_pool", "held", "read_end", "write_end")

    def __init__(self, pool: "PipePool") -> None:
        self._pool = pool
        self.held = 0
        self.read_end, self.write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # The kernel bounds what the pipes of one user may hold; a smaller one does as well.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def __len__(self) -> int:
        return self.held

    def fill(self, source: int, limit: int) -> int:
        """Take at most so much from a socket; 0: its peer has ended.

        Whenever that brings nothing, be it for an error, the pipe is back in its pool.
        """
        try:
            size = os.splice(source, self.write_end, min(limit, PIPE_BYTES), flags=_FLAGS)
        except OSError:
            self.give_back()
            raise
        self.held = size
        if not size:
            self.give_back()
        return size

    def empty(self, sink: int) -> bool:
        """Give the socket what it takes; once that is all, the pipe is back in its pool."""
        try:
            self.held -= os.splice(self.read_end, sink, self.held, flags=_FLAGS)
        except BlockingIOError:
            return False
        if self.held:
            return False
        self.give_back()
        return True

    def take_all(self) -> bytearray:
        """Return what is in the pipe; the pipe is back in its pool."""
        content = bytearray()
        while self.held:
            data = os.read(self.read_end, self.held)
            self.held -= len(data)
            content += data
        self.give_back()
        return content

    def clear(self) -> None:
        """Throw away what is in the pipe, and the pipe with it."""
        if self.held:
            self.held = 0
            self._pool.forget(self)

    def give_back(self) -> None:
        """The pipe is empty and nobody has it any more."""
        self._pool.keep(self)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.read_end)
        os.close(self.write_end)


class PipePool:
    """The pipes of one worker, within bounds; where there is none bytes are copied."""

    def __init__(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._left = min(MOST_PIPES, limit // _LIMIT_SHARE)
        self._spare: list[Pipe] = []

    def take(self) -> Pipe | None:
        """Return an empty pipe, or None when there are enough of them."""
        if self._spare:
            return self._spare.pop()
        if self._left <= 0:
            return None
        try:
            pipe = Pipe(self)
        except OSError:
            return None
        self._left -= 1
        return pipe

    def keep(self, pipe: Pipe) -> None:
        """Take back an empty pipe."""
        if len(self._spare) < MOST_SPARE_PIPES:
            self._spare.append(pipe)
        else:
            self.forget(pipe)

    def forget(self, pipe: Pipe) -> None:
        """Close a pipe, with whatever is in it."""
        self._left += 1
        pipe.close()

    def close(self) -> None:
        """Close the pipes that nobody has."""
        while self._spare:
            self.forget(self._spare.pop())
