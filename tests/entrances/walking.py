"""One step of the walk: a request whose effect is looked at and then undone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from balancer.models import Activity
from tests.entrances.traces import stored


@dataclass
class Walk:
    """What went wrong on the way; told all at once, so that one look shows the whole picture."""

    wrong: list[str] = field(default_factory=list)

    def expect(self, is_right: bool, *said: object) -> None:
        """Note what was said unless it is right."""
        if not is_right:
            self.wrong.append(" ".join(str(each) for each in said))

    @contextmanager
    def leaving_no_trace(self) -> Iterator[None]:
        """Compare all rows before and after: a refused act changes nothing, nor is it recorded."""
        before = stored()
        yield
        after = stored()
        changed = [name for name in before if before[name] != after[name]]
        self.expect(not changed, "refused requests left a trace in", *changed)

    def end(self) -> None:
        """Fail with everything that went wrong."""
        assert not self.wrong, "\n".join(["", *self.wrong])


def undone(act: Callable[[], Any]) -> tuple[Any, bool]:
    """Return the answer to an act, and whether it was recorded; then undo it."""
    with transaction.atomic():
        before = Activity.objects.count()
        answer = act()
        is_recorded = Activity.objects.count() > before
        transaction.set_rollback(True)
    return answer, is_recorded
