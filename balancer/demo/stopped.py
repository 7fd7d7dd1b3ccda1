"""Which backends of the demo are stopped by hand; a file, so that it outlives every process."""

import json
from pathlib import Path

from django.conf import settings


def stopped_file() -> Path:
    """Return where the names are kept."""
    path: Path = settings.DATA_DIR / "demo" / "stopped.json"
    return path


def read_stopped() -> frozenset[str]:
    """Return the public ids of the machines that must not answer."""
    try:
        return frozenset(json.loads(stopped_file().read_text()))
    except FileNotFoundError:
        return frozenset()


def write_stopped(machine_ids: frozenset[str]) -> None:
    """Replace the list in one step, so that a reader never sees half of it."""
    path = stopped_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(sorted(machine_ids)))
    fresh.replace(path)
