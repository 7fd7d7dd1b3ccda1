"""Follows the make that started us, so that ending it ends everything."""

import os
import signal
from pathlib import Path

MAKES = frozenset({"make", "gmake"})


class Parent:
    """The process that started this one."""

    def __init__(self) -> None:
        self._pid = os.getppid()
        self._caught_interrupts = catches_interrupts(self._pid)

    def wants_our_end(self) -> bool:
        """Tell whether the parent is gone or, being make, was interrupted.

        Ctrl-C in a terminal reaches us too; SIGINT sent to make alone does not: make then waits
        for us without a word. But from that moment it no longer catches the signal, which the
        kernel shows. (A make started in the background of a script never catches it.)
        """
        if os.getppid() != self._pid:
            return True
        return self._caught_interrupts and not catches_interrupts(self._pid)


def catches_interrupts(process: int) -> bool:
    """Tell whether the process is a make that has a handler for SIGINT."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    facts = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    caught = int(facts.get("SigCgt", "0"), 16)
    return facts.get("Name") in MAKES and bool(caught >> (signal.SIGINT - 1) & 1)
