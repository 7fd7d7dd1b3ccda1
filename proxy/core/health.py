"""Which servers may be chosen: observed health, and a short ejection after connect failures.

The checks' word comes as one table per shard, with deltas between. A probe that no table mentions
is unknown, and unknown means not available: a new server gets nothing before its first success.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.snapshot import HealthDelta, HealthStatus, HealthTable, HealthVersion

EJECTION_S = 2.0
"""How long a server is passed over after a refused or timed-out connect."""


UNCHECKED = "unchecked"
"""Stands in ``Target.earlier_probes`` for a time when the listener's checks were off."""


@dataclass(frozen=True, slots=True)
class Target:
    """One server as a listener reaches it. ``probe`` None: nobody checks it, so it may serve.

    ``earlier_probes`` are those of the same server under the listener's check settings before, the
    latest first: they vouch for it until the new settings have their first word, so that editing a
    health check interrupts nobody.
    """

    server_id: str
    address: str
    port: int
    weight: int
    probe: str | None
    earlier_probes: tuple[str, ...] = ()
    is_secondary: bool = False


class Availability:
    """The health overlay of one process. ``stamp`` grows whenever an answer may have changed."""

    __slots__ = ("_ejected", "_healthy", "_tables", "next_return", "stamp")

    def __init__(self) -> None:
        self._tables: dict[int, HealthTable] = {}
        self._healthy: set[str] = set()
        self._ejected: dict[tuple[str, int], float] = {}
        self.next_return = math.inf
        self.stamp = 1

    @property
    def versions(self) -> Mapping[int, HealthVersion]:
        """Return the version of each shard's table."""
        return {shard: table.version for shard, table in self._tables.items()}

    @property
    def tables(self) -> list[HealthTable]:
        """Return every shard's table as it is now."""
        return list(self._tables.values())

    def table(self, shard: int) -> HealthTable:
        """Return one shard's table; KeyError when nothing is known of it."""
        return self._tables[shard]

    def replace(self, table: HealthTable) -> None:
        """Believe this table of a shard instead of what was known of the shard."""
        old = self._tables.get(table.shard)
        self._tables[table.shard] = table
        for probe in old.statuses.keys() - table.statuses.keys() if old else ():
            self._forget(probe)
        for probe, status in table.statuses.items():
            self._note(probe, status)
        self.stamp += 1

    def apply(self, delta: HealthDelta) -> bool:
        """Take in what follows directly on the known table; return whether it does."""
        known = self._tables.get(delta.shard)
        if known is None or delta.version != _next_version(known.version):
            return False
        statuses = {**known.statuses, **delta.statuses}
        for probe in delta.forgotten:
            statuses.pop(probe, None)
        self._tables[delta.shard] = HealthTable(delta.shard, delta.version, statuses)
        for probe, status in delta.statuses.items():
            self._note(probe, status)
        for probe in delta.forgotten:
            self._forget(probe)
        self.stamp += 1
        return True

    def is_healthy(self, target: Target) -> bool:
        """Tell what the checks say of the target; with checks off that is yes."""
        if target.probe is None or target.probe in self._healthy:
            return True
        for probe in (target.probe, *target.earlier_probes):
            if probe == UNCHECKED or probe in self._healthy:
                return True
            if self._has_failed(probe):
                return False
        return False

    def is_unhealthy(self, target: Target) -> bool:
        """Tell whether the checks have found the target down; one not judged yet is not."""
        return not self.is_healthy(target) and any(
            self._has_failed(probe) for probe in (target.probe, *target.earlier_probes) if probe
        )

    def is_available(self, target: Target, now: float) -> bool:
        """Tell whether the target may be given new work."""
        return self.is_healthy(target) and not self.is_ejected(target, now)

    def is_ejected(self, target: Target, now: float) -> bool:
        """Tell whether the target is passed over for a connect failure just now."""
        return self._ejected.get((target.address, target.port), 0.0) > now

    def without_ejected(self, targets: list[Target], now: float) -> list[Target]:
        """Return those that are not passed over just now."""
        if not self._ejected:
            return targets
        return [target for target in targets if not self.is_ejected(target, now)]

    def eject(self, target: Target, now: float) -> None:
        """Pass over the target for a short time."""
        self._ejected[target.address, target.port] = now + EJECTION_S
        self.next_return = min(self._ejected.values())
        self.stamp += 1

    def readmit(self, now: float) -> None:
        """End the ejections whose time is over."""
        self._ejected = {key: until for key, until in self._ejected.items() if until > now}
        self.next_return = min(self._ejected.values(), default=math.inf)
        self.stamp += 1

    def mark_changed(self) -> None:
        """Have everybody ask anew: a group has taken the turn of another."""
        self.stamp += 1

    def _has_failed(self, probe: str) -> bool:
        return any(
            table.statuses.get(probe) is HealthStatus.UNHEALTHY for table in self._tables.values()
        )

    def _note(self, probe: str, status: HealthStatus) -> None:
        if status is HealthStatus.HEALTHY:
            self._healthy.add(probe)
        else:
            self._healthy.discard(probe)

    def _forget(self, probe: str) -> None:
        """A probe that moved to another shard is still known there."""
        self._healthy.discard(probe)
        for table in self._tables.values():
            if probe in table.statuses:
                self._note(probe, table.statuses[probe])


def _next_version(version: HealthVersion) -> HealthVersion:
    return HealthVersion(version.epoch, version.sequence + 1)
