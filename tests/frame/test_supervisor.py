"""The supervisor: brings back what dies and leaves nothing behind, however it ends itself."""

import os
import signal

import pytest

from tests.frame.conftest import is_alive, wait_until
from tests.frame.supervised import PARENT_AND_CHILD

SLEEP = ["import time; time.sleep(600)"]
DEAF = ["import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True)\n"
        "while True: time.sleep(600)"]  # fmt: skip


def family(tmp_path):
    """Return the pids of PARENT_AND_CHILD."""
    path = tmp_path / "family"
    text = wait_until(lambda: path.exists() and path.read_text(), "the family has started")
    return [int(pid) for pid in str(text).split()]


def test_killed_process_is_back(supervise):
    supervised = supervise(one=SLEEP)
    first = supervised.pid_of("one")
    os.kill(first, signal.SIGKILL)
    second = supervised.pid_of("one", other_than=first)
    assert is_alive(second)
    wait_until(lambda: supervised.hears("one ended (SIGKILL), starts again now"), "it is told")


def test_children_of_a_killed_process_go_with_it(supervise, tmp_path):
    supervised = supervise(one=[PARENT_AND_CHILD, str(tmp_path / "family")])
    parent, child = family(tmp_path)
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not is_alive(child), "the grandchild is gone")
    supervised.pid_of("one", other_than=parent)


def test_process_that_keeps_dying_waits_longer_and_its_last_words_are_told(supervise):
    supervised = supervise(one=["raise SystemExit('no such thing')"])
    for delay in ("now", "in 0.2 s", "in 0.4 s"):
        told = f"one ended (exit status 1: no such thing), starts again {delay}"
        wait_until(lambda told=told: supervised.hears(told), told)


@pytest.mark.parametrize("program", [SLEEP, DEAF], ids=["listens", "ignores-sigterm"])
def test_stop_leaves_nothing(supervise, program):
    supervised = supervise(one=program, two=SLEEP)
    pids = [supervised.pid_of("one"), supervised.pid_of("two")]
    if program is DEAF:
        log = supervised.data_dir / "logs" / "one.log"
        wait_until(lambda: log.exists() and "on" in log.read_text(), "it ignores the signal")
    supervised.process.terminate()
    assert supervised.process.wait(timeout=60) == 0
    assert not [pid for pid in pids if is_alive(pid)]


def test_supervisor_killed_with_9_leaves_nothing(supervise, tmp_path):
    supervised = supervise(one=SLEEP, two=SLEEP)
    pids = [supervised.pid_of("one"), supervised.pid_of("two")]
    supervised.process.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), "the children are gone")


def test_every_line_is_kept_and_the_grave_ones_are_told(supervise):
    speak = "print('level=info event=fine'); print('level=error event=grave'); import time\n"
    supervised = supervise(one=[speak + "import sys; sys.stdout.flush(); time.sleep(600)"])
    wait_until(lambda: supervised.hears("one: level=error event=grave"), "the error is told")
    assert not supervised.hears("event=fine")
    kept = (supervised.data_dir / "logs" / "one.log").read_text()
    assert kept == "level=info event=fine\nlevel=error event=grave\n"


def test_line_longer_than_the_buffer_stops_nothing(supervise):
    speak = "print('x' * 200_000); print('level=error event=after', flush=True)\n"
    supervised = supervise(one=[speak + "import time; time.sleep(600)"])
    wait_until(lambda: supervised.hears("event=after"), "the line after it arrives")
