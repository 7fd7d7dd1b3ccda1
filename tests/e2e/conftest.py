"""A whole installation and a real browser for the end-to-end tests."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, Page, expect, sync_playwright

from console.broker import heartbeat_key
from console.celery import HEALTH_QUEUES, WORKER_QUEUES
from proxy.snapshot import ApplyReport

ROOT = Path(__file__).resolve().parents[2]
QUEUES = (*WORKER_QUEUES, *HEALTH_QUEUES)
READY_S = 120.0
STOP_S = 10.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, so that ``-m "not e2e"`` leaves it out, and run it last.

    The browser's driver keeps an event loop running in this thread until the session ends, and
    tests of coroutines need one of their own.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


def wait_until(condition: Callable[[], Any], what: str, *, within_s: float = 60.0) -> Any:
    """Return the first true answer of the condition; fail after the deadline."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)
    return answer


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Installation:
    """One ``manage.py up`` with a data dir, a port and address pools of its own."""

    def __init__(self, **variables: str) -> None:
        # Directly under the temporary directory: a Unix socket's path must be short.
        self.data_dir = Path(tempfile.mkdtemp(prefix="openclb-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        vip, demo = random.sample(range(128, 250), 2)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "OPENCLB_DATA_DIR": str(self.data_dir),
            "OPENCLB_HTTP": f"127.0.0.1:{self.port}",
            "OPENCLB_VIP_POOL": f"127.{vip}.0.0/16",
            "OPENCLB_DEMO_POOL": f"127.{demo}.0.0/16",
            "OPENCLB_DEMO": "1",
            **variables,
        }
        self.process: subprocess.Popen[str] | None = None
        self.told_path = self.data_dir / "up.out"
        self._told_before = 0

    def start(self) -> None:
        """Start every process and wait until all are ready."""
        self.begin()
        wait_until(self.is_ready, "everything is ready", within_s=READY_S)

    def begin(self) -> None:
        """Start every process and do not wait."""
        self._told_before = len(self.told)
        with self.told_path.open("a") as told:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdout=told,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def is_ready(self) -> bool:
        """Tell whether `up` says so; it fails the test when it has ended."""
        assert self.process is not None
        assert self.process.poll() is None, f"up has ended:\n{self.told}"
        return "ready after" in self.told[self._told_before :]

    @property
    def told(self) -> str:
        """Return what `up` has written to its terminal."""
        return self.told_path.read_text() if self.told_path.exists() else ""

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Stop everything; return how many seconds it took."""
        if self.process is None:
            return 0.0
        started_at = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=STOP_S + 5)
        self.process = None
        return time.monotonic() - started_at

    def remove(self) -> None:
        """Stop everything and delete the data."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def pids(self) -> set[int]:
        """Return every process that belongs to this installation, by its data dir."""
        mark = f"OPENCLB_DATA_DIR={self.data_dir}".encode()
        found = set()
        for directory in Path("/proc").iterdir():
            try:
                if directory.name.isdigit() and mark in (directory / "environ").read_bytes():
                    state = (directory / "stat").read_text().rpartition(")")[2].split()[0]
                    found |= {int(directory.name)} if state not in "ZX" else set()
            except OSError:
                continue
        return found - {os.getpid()}

    def pid_of(self, name: str) -> int:
        """Return the pid of one supervised process, 0 while it is away."""
        path = self.data_dir / "run" / f"{name}.pid"
        try:
            return int(path.read_text())
        except (OSError, ValueError):
            return 0

    @property
    def credentials(self) -> dict[str, Any]:
        """Return the credentials file."""
        return dict(json.loads((self.data_dir / "credentials.json").read_text()))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``manage.py`` command in the surroundings of this installation."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def api(
        self, method: str, path: str, body: Any = None, *, role: str = "admin", **headers: str
    ) -> Any:
        """Call the REST API as a role; return the JSON answer, raise on a refusal."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Token {self.credentials['api_tokens'][role]}",
                "Content-Type": "application/json",
                **headers,
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def readiness(self) -> dict[str, bool]:
        """Return which parts /readyz says are there; nothing when web does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=60) as answer:
                parts = json.load(answer)["checks"]
        except urllib.error.HTTPError as refusal:
            with refusal:
                parts = json.load(refusal)["checks"]
        except OSError:
            return {}
        return {name: part["ok"] for name, part in parts.items()}

    def signs_of_life(self) -> list[float]:
        """Return when each queue was last worked on and each proxy last reported; Unix times."""
        with redis.Redis(unix_socket_path=str(self.data_dir / "broker.sock")) as broker:
            try:
                beats = broker.mget([heartbeat_key(queue) for queue in QUEUES])
                reports = [broker.get(key) for key in broker.scan_iter("openclb:report:*")]
            except redis.RedisError:
                return [0.0]
        at = [ApplyReport.from_json(report).at for report in reports if report]
        return [float(beat or 0) for beat in beats] + (at or [0.0])

    def all_ready(self) -> bool:
        """Tell whether every part is there."""
        parts = self.readiness()
        return bool(parts) and all(parts.values())


@pytest.fixture(scope="session")
def estate() -> Iterator[Installation]:
    """Return an installation with the demo estate, shared by the whole run."""
    installation = Installation()
    try:
        installation.start()
        yield installation
    finally:
        installation.remove()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return the system's Chromium."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "no Chromium: see tests/e2e/find-chromium.sh"
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page with a cookie jar of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    yield opened
    context.close()


@pytest.fixture
def login(page: Page, estate: Installation) -> Callable[..., Page]:
    """Return a function that signs in as a role and returns the page, on the first page."""

    def sign_in(role: str = "admin") -> Page:
        user = estate.credentials["users"][role]
        page.goto(f"{estate.url}/login/")
        page.fill("input[name=username]", user["username"])
        page.fill("input[name=password]", user["password"])
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/login/" not in url)
        return page

    return sign_in
