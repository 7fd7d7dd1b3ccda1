"""The log of one supervised process: every line into its file, the grave ones to the terminal."""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
TOLD_CHARACTERS = 300
# Ours and the proxy's (level=error), gunicorn's ([ERROR]); tracebacks stay in the file.
_GRAVE = re.compile(
    rb'level"?[=:] ?"?(warning|error|critical)\b|\[(warning|error|critical)\]', re.IGNORECASE
)


class ProcessLog:
    """Appends to a file that is turned over once when it is full."""

    def __init__(self, path: Path, name: str, tell: Callable[[str], None]) -> None:
        self._path = path
        self._name = name
        self._tell = tell
        self.last_line = ""

    async def pump(self, process: "subprocess.Popen[bytes]") -> None:
        """Copy what the process says until it, and whoever shares its output, is gone."""
        if process.stdout is None:
            return
        reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        try:
            while line := await _next_line(reader):
                self._keep(line)
                self.last_line = _shortened(line) or self.last_line
                if _GRAVE.search(line):
                    self._tell(f"{self._name}: {_shortened(line)}")
        finally:
            transport.close()

    def _keep(self, line: bytes) -> None:
        # A full disk silences the log; it never stops the process that talks.
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > MAX_FILE_BYTES:
                self._path.replace(self._path.with_suffix(".log.1"))
            with self._path.open("ab") as file:
                _write(file, line)


def _write(file: BinaryIO, line: bytes) -> None:
    file.write(line if line.endswith(b"\n") else line + b"\n")


def _shortened(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    return text if len(text) <= TOLD_CHARACTERS else f"{text[:TOLD_CHARACTERS]}…"


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, in pieces when it is longer than the buffer; b"" at the end."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as overrun:
        return await reader.readexactly(overrun.consumed)
