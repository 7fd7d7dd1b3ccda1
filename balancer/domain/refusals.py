"""Collects what is wrong in several rows, so that one answer names it all."""

from collections.abc import Iterator
from contextlib import contextmanager

from balancer.exceptions import Invalid


class RefusalCollector:
    """Gathers field errors; ``finish`` raises them together, or nothing."""

    def __init__(self) -> None:
        self._fields: dict[str, list[str]] = {}
        self._codes: list[str] = []

    def add(self, field: str, code: str, message: str) -> None:
        """Note one error."""
        self._fields.setdefault(field, []).append(message)
        self._codes.append(code)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Note the errors of an Invalid raised inside the block."""
        try:
            yield
        except Invalid as error:
            for field, messages in error.fields.items():
                for message in messages:
                    self.add(field, error.code, message)

    def finish(self) -> None:
        """Raise Invalid when anything was noted; its code is that of the first error."""
        if self._fields:
            first = next(iter(self._fields.values()))[0]
            raise Invalid(self._codes[0], first, fields=self._fields)
