"""Real little servers for probes to meet: each does one thing, for better or worse."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket], None]


class ScriptedServer:
    """Accepts connections on a port of its own and hands each to the present behaviour."""

    def __init__(self, behaviour: Behaviour, host: str = "127.0.0.1") -> None:
        self.behaviour = behaviour
        self.requests: list[bytes] = []
        self.host = host
        self._listening: socket.socket | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Accept connections, on the same port as before."""
        self._listening = socket.create_server((self.host, self.port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listening,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._listening is not None:
            # Wakes the thread in accept, which closing alone does not.
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._meet, args=(connection,), daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            self.behaviour(connection)

    def answers(self, answer: bytes) -> Behaviour:
        """Return the behaviour that reads a request, keeps it and says this."""

        def behave(connection: socket.socket) -> None:
            self.requests.append(read_request(connection))
            connection.sendall(answer)

        return behave


def read_request(connection: socket.socket) -> bytes:
    """Return what the client sends up to the end of its header."""
    request = b""
    while b"\r\n\r\n" not in request:
        received = connection.recv(4096)
        if not received:
            break
        request += received
    return request


def says(answer: bytes) -> Behaviour:
    """Return the behaviour of a server that reads a request and answers."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    return behave


def is_silent(connection: socket.socket) -> None:
    """Take everything in and say nothing until the client goes."""
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


@contextlib.contextmanager
def running(behaviour: Behaviour) -> Iterator[ScriptedServer]:
    """Run a server for the length of a block."""
    server = ScriptedServer(behaviour)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def swallowing_port() -> Iterator[int]:
    """Hold a port whose queue is full, so that the kernel drops further connection attempts."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def free_port() -> int:
    """Return a port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
