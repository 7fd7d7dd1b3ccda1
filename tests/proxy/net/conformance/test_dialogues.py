"""Dialogues through the proxy, step by step."""

import socket
import struct
from collections.abc import Callable

import pytest

from tests.proxy.net.conformance.dialogues import CASES, Dialogue, Step
from tests.proxy.net.http_scene import Peer, Scene

RESET = struct.pack("ii", 1, 0)


class Stage:
    """The client, and the server's connections as they come."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.client = scene.connect()
        self.server: Peer | None = None
        self.acts: dict[str, Callable[[Peer], object]] = {
            "|": Peer.shut_down,
            "x": Peer.close,
            "!": self.reset,
            ".": self.see_end,
            "r": self.see_reset,
            "0": self.see_nothing,
        }

    def play(self, step: Step) -> None:
        act, data = step if isinstance(step, tuple) else (step, b"")
        if act == "s+":
            self.server = self.scene.server.accept()
        elif act == "s=":
            self.scene.settle()
            assert self.scene.server.try_accept() is None
        else:
            peer = self.client if act[0] == "c" else self.server
            assert peer is not None
            if act[1] == ">":
                peer.send(data)
            elif act[1] == "<":
                peer.wait_for(data)
            else:
                self.acts[act[1]](peer)

    def reset(self, peer: Peer) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        peer.close()

    def see_end(self, peer: Peer) -> None:
        peer.wait_for_end()
        assert not peer.was_reset

    def see_reset(self, peer: Peer) -> None:
        peer.wait_for_end()
        assert peer.was_reset

    def see_nothing(self, peer: Peer) -> None:
        self.scene.settle()
        if not peer.is_at_end:
            peer.take()
        assert peer.received == b""


@pytest.mark.parametrize("case", [pytest.param(each, id=each.id) for each in CASES])
def test_dialogue(case: Dialogue):
    with Scene() as scene:
        stage = Stage(scene)
        for step in case.steps:
            stage.play(step)
