"""Acts that happen at the same time, in threads with database connections of their own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

import pytest
from django.db import connections

from balancer.exceptions import BalancerError

T = TypeVar("T")

DEADLINE_S = 200.0


def at_once(*acts: Callable[[], T]) -> list[T]:
    """Run each act in its own thread, released together; raise what any of them raised."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        try:
            gate.wait(DEADLINE_S)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        futures = [pool.submit(run, act) for act in acts]
        return [future.result(DEADLINE_S) for future in futures]


def outcome(act: Callable[[], object]) -> str:
    """Return the code of the refusal, "" when the act was accepted; a bug stays an exception."""
    try:
        act()
    except BalancerError as error:
        return error.code
    return ""


class Announcements:
    """The versions that committed changes announce to the publishers, in place of the queue."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[tuple[str, int] | None] = SimpleQueue()
        self._of_thread = threading.local()

    def take(self) -> list[int]:
        """Return the versions that this thread announced since it asked last."""
        versions = self._mine()
        taken = list(versions)
        versions.clear()
        return taken

    def drain(self) -> dict[str, list[int]]:
        """Return what nobody has taken from the queue, by load balancer and in order."""
        versions: dict[str, list[int]] = {}
        while not self.queue.empty():
            load_balancer_id, version = self.queue.get() or ("", 0)
            versions.setdefault(load_balancer_id, []).append(version)
        return {key: sorted(each) for key, each in versions.items()}

    def note(self, load_balancer_id: str, version: int) -> None:
        """Take the place of ``apply_async``: this thread has committed the version."""
        self._mine().append(version)
        self.queue.put((load_balancer_id, version))

    def _mine(self) -> list[int]:
        if not hasattr(self._of_thread, "versions"):
            self._of_thread.versions = []
        return self._of_thread.versions  # type: ignore[no-any-return]


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> Announcements:
    """Return what commits announce; nothing goes to a worker."""
    announcements = Announcements()
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async",
        lambda signature, **_: announcements.note(*signature.args),
    )
    return announcements
