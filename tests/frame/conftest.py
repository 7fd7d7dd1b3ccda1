"""What the tests of the frame share: a broker, and programs under a real supervisor."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.broker import broker, broker_process  # noqa: F401  (fixtures)

DEADLINE_S = 60.0


def wait_until(condition: Callable[[], object], what: str) -> object:
    """Return the first true answer; fail after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.01)
    return answer


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


class Supervised:
    """A running supervisor, its children and what it tells."""

    def __init__(self, data_dir: Path, programs: dict[str, list[str]]) -> None:
        self.data_dir = data_dir
        command = [sys.executable, "-m", "tests.frame.supervised", data_dir, json.dumps(programs)]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": "."},
        )
        self._told: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.heard: list[str] = []

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._told.put(line.rstrip())

    def hears(self, text: str) -> bool:
        """Tell whether a line with the text has come so far."""
        while not self._told.empty():
            self.heard.append(self._told.get())
        return any(text in line for line in self.heard)

    def pid_of(self, name: str, *, other_than: int = 0) -> int:
        """Return the pid of the child that runs now."""

        def current() -> int:
            path = self.data_dir / "run" / f"{name}.pid"
            text = path.read_text().strip() if path.exists() else ""
            return int(text) if text and int(text) != other_than else 0

        return int(str(wait_until(current, f"{name} runs")))

    def end(self) -> None:
        """Kill what is left after the test."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    """Return a function that starts a supervisor with programs."""
    started: list[Supervised] = []

    def start(**programs: list[str]) -> Supervised:
        started.append(Supervised(tmp_path, programs))
        return started[-1]

    yield start
    for supervised in started:
        supervised.end()
