"""What the web server answers by itself to bytes that are no request, in the API's own shape.

gunicorn reads requests before any view does; its own answers would be HTML pages.
"""

import json
import socket
from http import HTTPStatus

from gunicorn import util

NOT_UNDERSTOOD = {501: 400}
"""An unknown transfer coding is the client's mistake like any other, not a failure of ours."""
MAX_DETAIL_CHARACTERS = 200


def write_problem(sock: socket.socket, status_code: int, reason: str, text: str) -> None:
    """Send the problem document and say that the connection ends."""
    status = HTTPStatus(NOT_UNDERSTOOD.get(status_code, status_code))
    code = status.name.lower()
    problem = {
        "type": f"urn:openclb:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": text[:MAX_DETAIL_CHARACTERS] or "It failed on our side.",
        "code": code,
        "errors": [],
        "details": {},
    }
    body = json.dumps(problem)
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, (head + body).encode("ascii"))


def use_problems() -> None:
    """Let gunicorn answer so; it has no setting for it."""
    util.write_error = write_problem
