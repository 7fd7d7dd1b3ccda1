"""Work that is done in parts, driven by hand."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def finish(parts: Generator[None, None, T]) -> tuple[T, int]:
    """Do all of it; return what comes of it and how many pauses there were."""
    pauses = 0
    while True:
        try:
            next(parts)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1
