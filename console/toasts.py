"""Short messages about what just happened: queued once, shown by htmx or by the next full page."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from django.contrib import messages
from django.http import HttpRequest


class Level(StrEnum):
    """How a toast looks and how long it stays; errors stay until they are closed."""

    SUCCESS = "success"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_MESSAGE_LEVELS = {
    Level.SUCCESS: messages.SUCCESS,
    Level.INFO: messages.INFO,
    Level.WARNING: messages.WARNING,
    Level.ERROR: messages.ERROR,
}


@dataclass(frozen=True, slots=True)
class Undo:
    """The request that takes an act back: where to post, and which fields."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)
    label: str = "Undo"


@dataclass(frozen=True, slots=True)
class Toast:
    """One message as the page shows it."""

    level: str
    text: str
    undo: Undo | None = None


def add_toast(
    request: HttpRequest, text: str, *, level: Level = Level.SUCCESS, undo: Undo | None = None
) -> None:
    """Queue a toast; an htmx answer carries it in its header, else the next page shows it."""
    note = json.dumps(asdict(undo)) if undo else ""
    messages.add_message(request, _MESSAGE_LEVELS[level], text, extra_tags=note)


def take_toasts(request: HttpRequest) -> list[Toast]:
    """Return the queued toasts and empty the queue."""
    levels = {number: level.value for level, number in _MESSAGE_LEVELS.items()}
    return [
        Toast(
            level=levels.get(message.level, Level.INFO.value),
            text=str(message.message),
            undo=Undo(**json.loads(message.extra_tags)) if message.extra_tags else None,
        )
        for message in messages.get_messages(request)
    ]
