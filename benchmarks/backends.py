"""Servers behind the proxies under test: they answer everything at once and cost little."""

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator

MIB = 1024 * 1024
SMALL_BYTES = 128
BIG_BYTES = 64 * MIB
HTTP_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
)

Backend = Callable[[socket.socket], None]


def small_http(listening: socket.socket) -> None:
    """Answer every piece of input with one small response."""
    answer = HTTP_HEAD % SMALL_BYTES + b"x" * SMALL_BYTES
    _serve_events(listening, lambda request: answer)


def echo(listening: socket.socket) -> None:
    """Send every piece of input back."""
    _serve_events(listening, lambda request: request)


def echo_packets(receiving: socket.socket) -> None:
    """Send every packet back."""
    buffer = bytearray(65536)
    view = memoryview(buffer)
    while True:
        size, client = receiving.recvfrom_into(buffer)
        receiving.sendto(view[:size], client)


def big_http(listening: socket.socket) -> None:
    """Answer every piece of input with a big response."""
    _serve_big(listening, HTTP_HEAD % BIG_BYTES)


def big_stream(listening: socket.socket) -> None:
    """Answer every piece of input with many bytes."""
    _serve_big(listening, b"")


def _serve_events(listening: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    poll, sockets = select.epoll(), {}
    poll.register(listening.fileno(), select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == listening.fileno():
                sock, _ = listening.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sockets[sock.fileno()] = sock
                poll.register(sock.fileno(), select.EPOLLIN)
                continue
            request = b""
            with contextlib.suppress(ConnectionError):
                request = sockets[fd].recv(65536)
                if request:
                    sockets[fd].send(answer(request))
            if not request:
                sockets.pop(fd).close()


def _serve_big(listening: socket.socket, head: bytes) -> None:
    while True:
        sock, _ = listening.accept()
        threading.Thread(target=_answer_big, args=(sock, head), daemon=True).start()


def _answer_big(sock: socket.socket, head: bytes) -> None:
    piece = b"x" * MIB
    with sock, contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            sock.sendall(head)
            for _ in range(BIG_BYTES // MIB):
                sock.sendall(piece)


def _bound(*, is_datagram: bool) -> socket.socket:
    if not is_datagram:
        return socket.create_server(("127.0.0.1", 0), backlog=4096)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@contextlib.contextmanager
def running(backend: Backend) -> Iterator[int]:
    """Run a backend in a process of its own; give its port."""
    with _bound(is_datagram=backend is echo_packets) as listening:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            backend(listening)
        port = listening.getsockname()[1]
    try:
        yield port
    finally:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
