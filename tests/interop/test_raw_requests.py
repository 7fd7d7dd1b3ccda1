"""Bytes that are no request: the web server itself answers in the API's shape, below 500."""

import json
import socket

import pytest

HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n"
WAIT_S = 60

REQUESTS = {
    "no-request-line": b"nonsense\r\n\r\n",
    "method": b"G\x00T /api/v1/ HTTP/1.1\r\n" + HEAD + b"\r\n",
    "version": b"GET /api/v1/ HTTP/9.9\r\n" + HEAD + b"\r\n",
    "version-0.9": b"GET /api/v1/\r\n\r\n",
    "bytes-in-path": b"GET /api/v1/\xff HTTP/1.1\r\n" + HEAD + b"\r\n",
    "long-path": b"GET /api/v1/?a=" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    "long-header": b"GET /api/v1/ HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "many-headers": b"GET /api/v1/ HTTP/1.1\r\n" + HEAD + b"X: 1\r\n" * 300 + b"\r\n",
    "header-name": b"GET /api/v1/ HTTP/1.1\r\n" + HEAD + b"X Y: 1\r\n\r\n",
    "zero-in-header": b"GET /api/v1/ HTTP/1.1\r\n" + HEAD + b"X: a\x00b\r\n\r\n",
    "coding": b"POST /api/v1/ HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: foo\r\n\r\n",
    "length": b"POST /api/v1/ HTTP/1.1\r\n" + HEAD + b"Content-Length: -5\r\n\r\n",
    "two-lengths": b"POST /api/v1/ HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\n" * 2 + b"\r\n",
    "expectation": b"POST /api/v1/ HTTP/1.1\r\n" + HEAD + b"Expect: 999\r\n\r\n",
    "host": b"GET /api/v1/ HTTP/1.0\r\nHost: evil.example\r\n\r\n",
    "token": b"GET /api/v1/ HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Token \xff\r\n\r\n",
    "trace": b"TRACE /api/v1/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
}


def answer_to(endpoint: str, request: bytes) -> tuple[bytes, bytes]:
    """Return head and body of what comes back until the server closes."""
    host, port = endpoint.split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=WAIT_S) as connection:
        try:
            connection.sendall(request)
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass  # refused before the last byte was sent: the answer may have come all the same
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize("name", REQUESTS)
def test_no_bytes_make_the_server_fail(server, name):
    head, body = answer_to(server.endpoint, REQUESTS[name])
    if not head and len(REQUESTS[name]) > 100_000:
        return  # the connection was reset with the rest of the request unread (RFC 9112, 9.6)
    assert head.startswith(b"HTTP/1."), head
    status = int(head.split(b" ")[1])
    assert 400 <= status < 500
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert problem["status"] == status
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors", "details"}
