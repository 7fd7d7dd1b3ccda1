"""A supervisor of little programs, as a program of its own that the tests start and kill."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from console.supervisor import ProcessSpec, Supervisor

# A child with a child of its own; both do nothing, for a long time.
PARENT_AND_CHILD = """
import os, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


def write_line(line: str) -> None:
    """Say something to the test."""
    print(line, flush=True)


async def run(data_dir: Path, specs: list[ProcessSpec]) -> None:
    """Keep the programs alive until SIGTERM."""
    supervisor = Supervisor(data_dir, tell=write_line)
    for spec in specs:
        supervisor.start(spec)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await supervisor.stop(grace_s=4.0)


if __name__ == "__main__":
    programs = json.loads(sys.argv[2])
    asyncio.run(
        run(
            Path(sys.argv[1]),
            [
                ProcessSpec(name, (sys.executable, "-c", *arguments), dict(os.environ))
                for name, arguments in programs.items()
            ],
        )
    )
