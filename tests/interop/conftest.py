"""A console process of its own and the vendor's clients, unchanged, each in its process."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DRIVERS = HERE / "drivers"
START_S = 120.0
CLIENTS = ("tea", "classic", "pop-get")
VARIANTS = ("tea-v2", "pop-post")
"""The same clients when they sign in the older way, or send everything in the body."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, so that ``-m "not interop"`` leaves it out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


class Refused(Exception):
    """A client raised its own exception for a refusal of the server."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


class Server:
    """The console with the demo estate, served by gunicorn as in production, and nothing else."""

    def __init__(self) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="openclb-interop-"))
        # Ours from the start and handed on, so nobody else can take the port.
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._socket.getsockname()[1]}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._environment = kept | {
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "OPENCLB_DATA_DIR": str(self.data_dir),
            "OPENCLB_HTTP": self.endpoint,
            "OPENCLB_DEMO": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Prepare the installation, start gunicorn and wait until it answers."""
        self._run("manage.py", "setup").wait(timeout=START_S)
        number = self._socket.fileno()
        gunicorn = ("-m", "gunicorn", "-c", "python:console.web", "console.wsgi")
        self._process = self._run(*gunicorn, "--bind", f"fd://{number}", pass_fds=(number,))
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, self.told
            assert time.monotonic() < deadline, self.told
            time.sleep(0.05)

    def _run(self, *arguments: str, **more: Any) -> "subprocess.Popen[bytes]":
        with (self.data_dir / "told").open("ab") as told:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self._environment,
                stdout=told,
                stderr=subprocess.STDOUT,
                **more,
            )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.endpoint}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    @property
    def told(self) -> str:
        """Return what the processes have written."""
        return (self.data_dir / "told").read_text()

    @property
    def credentials(self) -> dict[str, Any]:
        """Return the credentials file."""
        return dict(json.loads((self.data_dir / "credentials.json").read_text()))

    def stop(self) -> None:
        """Stop gunicorn and delete the data."""
        self._socket.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
        shutil.rmtree(self.data_dir, ignore_errors=True)


class RealClient:
    """One of the vendor's clients in a process; calls go in and answers come out as lines."""

    called: set[str] = set()
    """Every action that any client has called with success."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
        )

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer as the client hands it out; raise what it raises for a refusal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {"action": action, "parameters": parameters}
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        if "refused" in said:
            raise Refused(**said["refused"])
        assert "answer" in said, f"{self.name} {action}: {said}"
        assert said["answer"]["RequestId"]
        self.called.add(action)
        return dict(said["answer"])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a running console, shared by all tests here."""
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Return a folder with the Node client, installed once for each state of its lock file."""
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "openclb-interop" / hashlib.sha256(lock).hexdigest()[:16]
    if not (folder / "complete").exists():
        subprocess.run(["sh", str(HERE / "find-node.sh")], check=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        subprocess.run(command, cwd=folder, check=True, timeout=240)
        (folder / "complete").touch()
    return folder


def start_client(name: str, server: Server, node_modules: Path, role: str = "admin") -> RealClient:
    """Return one of the clients with the key of a role."""
    key = server.credentials["access_keys"][role]
    arguments = [server.endpoint, key["id"], key["secret"]]
    kind, _, variant = name.partition("-")
    if kind == "pop":
        script = str(DRIVERS / "pop_client.js")
        return RealClient(
            name, ["node", script, str(node_modules), *arguments, variant.upper() or "GET"]
        )
    script = str(DRIVERS / f"{kind}_client.py")
    return RealClient(name, [sys.executable, script, *arguments, *([variant] if variant else [])])


@pytest.fixture(scope="session")
def classic(server: Server, node_modules: Path) -> Iterator[RealClient]:
    """Return the client that sends what Go programs send: a POST with everything in the query."""
    started = start_client("classic", server, node_modules)
    yield started
    started.close()


@pytest.fixture(scope="session", params=VARIANTS)
def variant(
    request: pytest.FixtureRequest, server: Server, node_modules: Path
) -> Iterator[RealClient]:
    """Return each of the clients in its other way."""
    started = start_client(request.param, server, node_modules)
    yield started
    started.close()


@pytest.fixture(scope="session", params=CLIENTS)
def client(
    request: pytest.FixtureRequest, server: Server, node_modules: Path
) -> Iterator[RealClient]:
    """Return each of the clients in turn, signing in each of the two ways where it can."""
    started = start_client(request.param, server, node_modules)
    yield started
    started.close()
