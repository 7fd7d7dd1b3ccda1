"""Which probes the estate needs, read from the snapshots on the feed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from balancer import feed
from balancer.domain.health import shard_of
from proxy.snapshot import (
    HealthCheck,
    IndexEntry,
    ServerGroup,
    ServerRole,
    Snapshot,
    probe_id,
)


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Who is probed and how; groups that ask the same share one target."""

    probe_id: str
    address: str
    port: int
    check: HealthCheck


def targets_of(snapshot: Snapshot) -> tuple[ProbeTarget, ...]:
    """Return each probe that the load balancer's running listeners need, once."""
    groups = {group.id: group for group in snapshot.groups}
    found: dict[str, ProbeTarget] = {}
    for listener in snapshot.listeners:
        for group, check in listener.uses:
            for target in _targets_of_use(groups[group], check, listener.backend_port):
                found[target.probe_id] = target
    return tuple(found.values())


def _targets_of_use(
    group: ServerGroup, check: HealthCheck | None, backend_port: int | None
) -> Iterator[ProbeTarget]:
    if check is None:
        return
    for server in group.servers:
        port = server.port or backend_port
        if port is not None and server.role is not ServerRole.SECONDARY:  # S37
            probe = probe_id(server.address, port, check)
            yield ProbeTarget(probe, server.address, check.port or port, check)


_compiled: dict[str, tuple[IndexEntry, tuple[ProbeTarget, ...]]] = {}
"""Shared by all shards of this process, so that a handover does not read the estate again."""


class TargetBook:
    """The probes of one shard, kept up to date with the feed.

    A load balancer that is missing on the feed keeps its probes: a flushed broker is filled again,
    and only a tombstone or a newer snapshot says that a probe is not needed any more.
    """

    def __init__(self, shard: int, shards: int) -> None:
        self._shard = shard
        self._shards = shards
        self._entries: dict[str, IndexEntry] = {}
        self._targets: dict[str, tuple[ProbeTarget, ...]] = {}

    def refresh(self) -> Mapping[str, ProbeTarget] | None:
        """Read what changed on the feed; return all probes of the shard, None when unchanged."""
        index = feed.read_index()
        changed = {key: entry for key, entry in index.items() if self._entries.get(key) != entry}
        if not changed:
            return None
        for load_balancer, targets in _read_targets(changed):
            self._entries[load_balancer] = changed[load_balancer]
            self._targets[load_balancer] = targets
        return {target.probe_id: target for target in self._own_targets()}

    def _own_targets(self) -> Iterator[ProbeTarget]:
        for targets in self._targets.values():
            for target in targets:
                if shard_of(target.probe_id, self._shards) == self._shard:
                    yield target


def _read_targets(
    entries: Mapping[str, IndexEntry],
) -> Iterable[tuple[str, tuple[ProbeTarget, ...]]]:
    """Yield the probes of each load balancer; one whose document is not there yet is left out."""
    unread = []
    for load_balancer, entry in entries.items():
        known = _compiled.get(load_balancer)
        if entry.deleted:
            _compiled.pop(load_balancer, None)
            yield load_balancer, ()
        elif known is not None and known[0] == entry:
            yield load_balancer, known[1]
        else:
            unread.append(load_balancer)
    for load_balancer, snapshot in feed.read_snapshots(unread).items():
        targets = targets_of(snapshot)
        _compiled[load_balancer] = (feed.index_entry(snapshot), targets)
        yield load_balancer, targets
