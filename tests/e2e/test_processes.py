"""One command starts everything; whatever is killed comes back; nothing is left at the end."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.e2e.conftest import ROOT, Installation, wait_until

SIGNALS = {
    "interrupted": signal.SIGINT,
    "killed": signal.SIGKILL,
}
PROCESSES = ["broker", "web", "worker", "worker-health", "beat", "proxy", "demo"]


@pytest.fixture(scope="module")
def installation():
    own = Installation()
    own.start()
    yield own
    own.remove()


def test_every_process_runs_and_writes_its_pid_and_log(installation):
    for name in PROCESSES:
        os.kill(installation.pid_of(name), 0)
        assert (installation.data_dir / "logs" / f"{name}.log").exists() or name == "demo"
    assert set(installation.readiness()) == {"database", "broker", "worker", "beat", "proxy"}


def test_says_where_the_console_and_the_credentials_are(installation):
    assert installation.url in installation.told
    path = installation.data_dir / "credentials.json"
    assert str(path) in installation.told
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", PROCESSES)
def test_killed_process_is_back_and_everything_is_ready_again(installation, name):
    pid = installation.pid_of(name)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: installation.pid_of(name) not in (0, pid), f"{name} is back")
    # Signs of life outlive the dead by some seconds: only those after its return count.
    back_at = time.time()
    wait_until(lambda: min(installation.signs_of_life()) > back_at, "all parts work", within_s=60)
    wait_until(installation.all_ready, f"all ready after kill -9 of {name}", within_s=60)


def test_second_up_in_the_same_data_dir_is_refused_with_one_line(installation):
    ended = installation.manage("up")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"in use by pid {installation.process.pid}" in ended.stderr


def test_port_in_use_is_one_line_and_leaves_nothing(installation):
    other = Installation(OPENCLB_HTTP=f"127.0.0.1:{installation.port}")
    try:
        ended = other.manage("up")
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert f"127.0.0.1:{installation.port}" in ended.stderr
        assert not other.pids()
    finally:
        other.remove()


def test_two_installations_run_side_by_side_and_survive_each_other(installation):
    other = Installation()
    try:
        other.start()
        assert other.all_ready()
        assert installation.all_ready()
        assert not other.pids() & installation.pids()
        other.stop()
        assert not other.pids()
        assert installation.all_ready()
    finally:
        other.remove()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_leaves_no_process_and_a_second_start_keeps_all_data(installation, number):
    credentials = installation.credentials
    assert installation.stop(number) < 10
    assert not installation.pids()
    installation.start()
    assert installation.credentials == credentials
    assert installation.all_ready()


def test_up_killed_with_9_leaves_no_process(installation):
    before = installation.pids()
    assert len(before) > len(PROCESSES)
    installation.process.kill()
    installation.process.wait()
    wait_until(lambda: not installation.pids(), "all processes are gone", within_s=60)
    installation.start()
    assert installation.all_ready()


def start_by_make(own, command=("make", "-f", "-", "run")):
    """Start `up` the way the Makefile does, and do not wait."""
    with own.told_path.open("a") as told:
        own.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=own.environment,
            stdin=subprocess.PIPE,
            stdout=told,
            stderr=subprocess.STDOUT,
            text=True,
        )
    own.process.stdin.write(f"run:\n\t@exec {sys.executable} manage.py up --with-parent\n")
    own.process.stdin.close()


@pytest.mark.parametrize("way", ["interrupted", "killed"])
def test_make_takes_everything_along(way):
    own = Installation(OPENCLB_DEMO="0")
    start_by_make(own)
    try:
        wait_until(own.is_ready, "everything is ready", within_s=120)
        started_at = time.monotonic()
        own.process.send_signal(SIGNALS[way])  # to make alone, as a script would
        own.process.wait(timeout=60)
        own.process = None
        wait_until(lambda: not own.pids(), "all processes are gone", within_s=60)
        assert time.monotonic() - started_at < 10
    finally:
        own.remove()


def test_make_in_the_background_of_a_script_stays_up():
    """Scripts start background jobs with SIGINT ignored: that is no wish to end."""
    own = Installation(OPENCLB_DEMO="0")
    start_by_make(own, ["sh", "-c", 'trap "" INT; exec make -f - run'])
    try:
        wait_until(own.is_ready, "everything is ready", within_s=120)
        assert own.stop(signal.SIGTERM) < 10
        assert not own.pids()
    finally:
        own.remove()
