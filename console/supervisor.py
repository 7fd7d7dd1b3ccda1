"""Keeps the processes of the embedded mode alive, and takes all of them along when it ends.

Three bonds hold, each for a different end:

- a process that dies is started again at once; one that keeps dying waits longer each time;
- a stop asks each process to end, then kills its whole process group;
- a supervisor that is killed itself cannot stop anything, so every child asks the kernel to be
  killed with its parent (PR_SET_PDEATHSIG) and does the same for children of its own.

Why no library does this for us is told in docs/decisions/supervision.md.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from console.process_log import ProcessLog

PR_SET_PDEATHSIG = 1
STEADY_AFTER_S = 3.0
"""A process that lived this long did not fail at its start: its successor comes at once."""
FIRST_DELAY_S = 0.2
LAST_DELAY_S = 5.0
LAST_WORDS_S = 1.0
"""How long the log of a dead process may still be read."""

_prctl = ctypes.CDLL(None, use_errno=True).prctl


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One line of the process table."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited_fds: tuple[int, ...] = ()
    ends_last: bool = False


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the parent dies; go now if it already has."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


class SupervisedProcess:
    """One process and, after its death, its successors."""

    def __init__(
        self, spec: ProcessSpec, log: ProcessLog, run_dir: Path, tell: Callable[[str], None]
    ) -> None:
        self.spec = spec
        self._log = log
        self._pid_file = run_dir / f"{spec.name}.pid"
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = asyncio.Event()

    @property
    def is_running(self) -> bool:
        """Tell whether the process is there now."""
        return self._process is not None

    async def run(self) -> None:
        """Start the process again and again, until a stop is asked for."""
        failures = 0
        while not self._stopping.is_set():
            started_at = time.monotonic()
            how = await self._live_once()
            if self._stopping.is_set():
                return
            failures = 0 if time.monotonic() - started_at >= STEADY_AFTER_S else failures + 1
            delay_s = _restart_delay_s(failures)
            self._tell(f"{self.spec.name} ended ({how}), starts again {_in_words(delay_s)}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)

    def ask_to_stop(self) -> None:
        """Let the process finish what it does; it does not come back."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End the process and everything it has started, now."""
        self._stopping.set()
        if self._process is not None:
            _kill_group(self._process.pid)

    async def _live_once(self) -> str:
        try:
            process = self._spawn()
        except OSError as error:
            return f"cannot start: {error}"
        self._process = process
        with contextlib.suppress(OSError):
            self._pid_file.write_text(f"{process.pid}\n")
        pump = asyncio.create_task(self._log.pump(process))
        await _end_of(process)
        # What a dead gunicorn or proxy leaves behind would hold its ports. The dead leader is
        # not collected yet, so its number cannot belong to anybody else.
        _kill_group(process.pid)
        status = process.wait()
        self._process = None
        with contextlib.suppress(OSError):
            self._pid_file.unlink()
        await asyncio.wait([pump], timeout=LAST_WORDS_S)
        pump.cancel()
        return _status_in_words(status, self._log.last_line)

    def _spawn(self) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        return subprocess.Popen(
            self.spec.command,
            env=dict(self.spec.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=self.spec.inherited_fds,
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone.
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),
        )


class Supervisor:
    """Runs the processes of a table and stops them together."""

    def __init__(self, data_dir: Path, *, tell: Callable[[str], None]) -> None:
        self._logs_dir = data_dir / "logs"
        self._run_dir = data_dir / "run"
        for directory in (self._logs_dir, self._run_dir):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tell = tell
        self._processes: dict[asyncio.Task[None], SupervisedProcess] = {}

    def start(self, spec: ProcessSpec) -> None:
        """Begin to keep one process alive."""
        log = ProcessLog(self._logs_dir / f"{spec.name}.log", spec.name, self._tell)
        process = SupervisedProcess(spec, log, self._run_dir, self._tell)
        self._processes[asyncio.create_task(process.run(), name=spec.name)] = process

    async def stop(self, *, grace_s: float) -> None:
        """End everything: first the many, then those that the others need to the last."""
        await self._stop_those(grace_s * 0.75, ends_last=False)
        await self._stop_those(grace_s * 0.25, ends_last=True)

    def kill(self) -> None:
        """End everything at once, without asking."""
        for process in self._processes.values():
            process.kill()

    async def _stop_those(self, grace_s: float, *, ends_last: bool) -> None:
        group = {
            task: process
            for task, process in self._processes.items()
            if process.spec.ends_last is ends_last and not task.done()
        }
        if not group:
            return
        for process in group.values():
            process.ask_to_stop()
        _, late = await asyncio.wait(group, timeout=grace_s)
        for task in late:
            self._tell(f"{task.get_name()} did not end in time and is killed")
            group[task].kill()
        if late:
            await asyncio.wait(late, timeout=1.0)


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of the process, without a thread and without polling."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _restart_delay_s(failures: int) -> float:
    return 0.0 if failures <= 1 else min(LAST_DELAY_S, FIRST_DELAY_S * 2 ** (failures - 2))


def _in_words(delay_s: float) -> str:
    return f"in {delay_s:g} s" if delay_s else "now"


def _status_in_words(status: int, last_line: str) -> str:
    if status < 0:
        return signal.Signals(-status).name
    return f"exit status {status}: {last_line}" if status else "exit status 0"
