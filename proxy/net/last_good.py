"""The last applied snapshots and health tables on disk, for a start without the feed.

Snapshots hold private keys of certificates, so nobody but the proxy's own user may read them.

A file is one line with the digest of what follows, then the document. It is written beside, synced
and renamed, and the one before is kept; so a torn or spoilt file costs one version, not the start.
"""

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from proxy.snapshot import HealthStatus, HealthTable, HealthVersion, Snapshot, SnapshotInvalid

T = TypeVar("T")

logger = logging.getLogger(__name__)


class LastGood:
    """The files of one node: ``snapshots/`` by load balancer, ``health/`` by shard."""

    def __init__(self, directory: Path) -> None:
        self._snapshots = directory / "snapshots"
        self._health = directory / "health"
        for each in (self._snapshots, self._health):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
            each.chmod(0o700)

    def save_snapshot(self, load_balancer: str, text: str) -> None:
        """Keep the applied snapshot."""
        _write(self._snapshots / _file_name(load_balancer), text)

    def remove_snapshot(self, load_balancer: str) -> None:
        """Forget a load balancer that was deleted."""
        path = self._snapshots / _file_name(load_balancer)
        # The newest goes last: a crash in between must not bring back the one before.
        for each in (_previous(path), path):
            each.unlink(missing_ok=True)
        _sync_directory(self._snapshots)

    def save_health(self, table: HealthTable) -> None:
        """Keep what is known of a shard."""
        document = {
            "shard": table.shard,
            "version": str(table.version),
            "statuses": dict(table.statuses),
        }
        _write(self._health / f"{table.shard}.json", json.dumps(document, sort_keys=True))

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield the newest readable snapshot of each load balancer."""
        yield from _read_all(self._snapshots, Snapshot.from_json)

    def health(self) -> Iterator[HealthTable]:
        """Yield the newest readable table of each shard."""
        yield from _read_all(self._health, _parse_health)


def _file_name(load_balancer: str) -> str:
    name = quote(load_balancer, safe="")
    return f"_{name}.json" if name.startswith(".") else f"{name}.json"


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _write(path: Path, text: str) -> None:
    if _read_text(path) == text:
        return
    fresh = path.with_name(path.name + ".new")
    data = text.encode()
    with open(fresh, "wb", opener=_open_private) as file:
        file.write(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        file.flush()
        os.fsync(file.fileno())
    if path.exists() and _read_text(path) is not None:
        # A hard link, so that at no moment there is no file at all.
        spare = path.with_name(path.name + ".spare")
        spare.unlink(missing_ok=True)
        spare.hardlink_to(path)
        spare.replace(_previous(path))
    fresh.replace(path)
    _sync_directory(path.parent)


def _open_private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)  # one that a crash left behind keeps no other mode
    return descriptor


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_all(directory: Path, parse: Callable[[str], T]) -> Iterator[T]:
    names = {path.name.removesuffix(".previous") for path in directory.glob("*.json*")}
    for name in sorted(name for name in names if name.endswith(".json")):
        path = directory / name
        for each in (path, _previous(path)):
            value = _read(each, parse)
            if value is not None:
                yield value
                break


def _read(path: Path, parse: Callable[[str], T]) -> T | None:
    if not path.exists():
        return None
    text = _read_text(path)
    with contextlib.suppress(SnapshotInvalid, ValueError, KeyError, TypeError, AttributeError):
        if text is not None:
            return parse(text)
    logger.error("a last-good file is not usable", extra={"file": path.name})
    return None


def _read_text(path: Path) -> str | None:
    """Return the document of a file, or None when its digest says that it is torn."""
    try:
        digest, separator, data = path.read_bytes().partition(b"\n")
        if not separator or hashlib.sha256(data).hexdigest().encode() != digest:
            return None
        return data.decode()
    except (OSError, UnicodeDecodeError):
        return None


def _parse_health(text: str) -> HealthTable:
    document = json.loads(text)
    return HealthTable(
        int(document["shard"]),
        HealthVersion.parse(document["version"]),
        {str(probe): HealthStatus(status) for probe, status in document["statuses"].items()},
    )
