"""One shard's health table as its owner has it, and what the feed still has to be told."""

from collections.abc import Mapping

from proxy.snapshot import HealthDelta, HealthStatus, HealthTable, HealthVersion


class ShardTable:
    """Collects changes and turns them into the next document for the feed.

    A change goes out as a delta. When it is not certain what the feed has (a new owner, no answer,
    a flushed broker) the whole table goes out, at a version that follows nothing that was ever
    tried, so that proxies see a gap and read it.
    """

    def __init__(self, shard: int, version: HealthVersion) -> None:
        self.shard = shard
        self.epoch = version.epoch
        self.statuses: dict[str, HealthStatus] = {}
        self.needs_whole = True
        self._tried = version.sequence
        self._changed: dict[str, None] = {}

    @property
    def version(self) -> HealthVersion:
        """Return the last version that went out or may have gone out."""
        return HealthVersion(self.epoch, self._tried)

    @property
    def has_news(self) -> bool:
        """Tell whether there is something to send."""
        return self.needs_whole or bool(self._changed)

    def load(self, statuses: Mapping[str, HealthStatus]) -> None:
        """Take over what the feed has already."""
        self.statuses = dict(statuses)

    def put(self, probe: str, status: HealthStatus) -> None:
        """Note the status of a probe."""
        if self.statuses.get(probe) is not status:
            self.statuses[probe] = status
            self._changed[probe] = None

    def forget(self, probe: str) -> None:
        """Note that nobody needs the probe any more."""
        if self.statuses.pop(probe, None) is not None:
            self._changed[probe] = None

    def begin_epoch(self, epoch: int) -> None:
        """Start over above whatever the feed has."""
        self.epoch, self._tried, self.needs_whole = epoch, 0, True

    def take_whole(self) -> HealthTable:
        """Return the whole table at its next version."""
        self._tried += 2
        self._changed.clear()
        return HealthTable(self.shard, self.version, dict(self.statuses))

    def take_delta(self) -> HealthDelta:
        """Return the changes since the last document, at the version just after it."""
        self._tried += 1
        changed = list(self._changed)
        self._changed.clear()
        return HealthDelta(
            shard=self.shard,
            epoch=self.epoch,
            sequence=self._tried,
            statuses={key: self.statuses[key] for key in changed if key in self.statuses},
            forgotten=tuple(key for key in changed if key not in self.statuses),
        )
