"""Requests of a scene and whichever server gets them: for tests that ask who answers."""

from tests.proxy.net.http_scene import Peer, Scene


def find_request(scene: Scene) -> tuple[int, Peer, bytes]:
    """Wait for a request at any server; return which, its connection and the head."""
    found: list[tuple[int, Peer]] = []

    def has_come() -> bool:
        for at, server in enumerate(scene.servers):
            if server.listening.fileno() >= 0:
                server.try_accept()
            for peer in (each for each in server.accepted if each.sock.fileno() >= 0):
                peer.take()
                if b"\r\n\r\n" in peer.received:
                    found.append((at, peer))
        return bool(found)

    scene.wait(has_come, lambda: "a request at some server")
    [(at, peer)] = found
    return at, peer, peer.wait_for_head()


def ask(
    scene: Scene, client: Peer, head: bytes, response_lines: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Return which server answered, the head that it got, and the head that the client got."""
    client.send(head + b"\r\n")
    at, server, seen = find_request(scene)
    server.send(b"HTTP/1.1 200 OK\r\n" + response_lines + b"Content-Length: 2\r\n\r\nok")
    return at, seen, client.wait_for_response()[0]
