"""One probe as its checker follows it: status, counts, evidence, and when it is due."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from balancer.domain.health import ProbeState, advance
from balancer.feed import Evidence
from balancer.health.probes import ProbeResult
from balancer.health.targets import ProbeTarget
from balancer.services.health import CheckResult, Flip
from proxy.snapshot import HealthStatus

MOST_RESULTS = 10  # thresholds go up to ten


@dataclass(slots=True)
class WatchedProbe:
    """What is known of one probe; ``started`` is monotonic, ``since`` and ``checked_at`` Unix."""

    target: ProbeTarget
    state: ProbeState = field(default_factory=ProbeState)
    since: float = 0.0
    checked_at: float = 0.0
    detail: str = ""
    results: deque[CheckResult] = field(default_factory=lambda: deque(maxlen=MOST_RESULTS))
    started: float | None = None
    is_in_flight: bool = False

    def learn(self, result: ProbeResult, now: float) -> Flip | None:
        """Count one result; return the flip when it changes the status."""
        check, before = self.target.check, self.state.status
        self.checked_at, self.detail = now, result.detail
        self.results.append(CheckResult(round(now, 3), result.succeeded, result.detail))
        self.state = advance(
            self.state,
            succeeded=result.succeeded,
            healthy_threshold=check.healthy_threshold,
            unhealthy_threshold=check.unhealthy_threshold,
        )
        if self.state.status is before:
            return None
        self.since = now
        return self._flip(before)

    def _flip(self, before: HealthStatus) -> Flip:
        return Flip(
            probe_id=self.target.probe_id,
            address=self.target.address,
            port=self.target.port,
            before=before,
            after=self.state.status,
            at=self.since,
            results=self._causes(),
        )

    def _causes(self) -> Sequence[CheckResult]:
        """Return the results in a row that led to the present status, oldest first."""
        succeeded = self.state.status is HealthStatus.HEALTHY
        causes: list[CheckResult] = []
        for result in reversed(self.results):
            if result.succeeded is not succeeded:
                break
            causes.insert(0, result)
        check = self.target.check
        needed = check.healthy_threshold if succeeded else check.unhealthy_threshold
        return causes[-needed:]

    @property
    def evidence(self) -> Evidence:
        """Return what the console shows."""
        return Evidence(
            status=self.state.status,
            since=round(self.since, 3),
            checked_at=round(self.checked_at, 3),
            detail=self.detail,
        )

    def first_due(self, now: float) -> float:
        """Return when to begin: what nobody knows at once, the known in its own rhythm."""
        if self.is_in_flight:
            return now  # it was cut short
        if self.started is not None:
            return max(now, self.started + self.target.check.interval_s)
        if self.state.status is HealthStatus.UNKNOWN:
            return now
        return now + self._offset_s(now)

    def next_due(self, now: float, *, is_first: bool) -> float:
        """Return the next start: an interval after the last, never while that one still runs.

        After its very first check a probe falls into its own place in the interval, so that
        servers that were added together are not probed together for ever.
        """
        assert self.started is not None, "it has run"
        if is_first:
            return max(now, self.started + self._offset_s(self.started))
        return max(now, self.started + self.target.check.interval_s)

    def _offset_s(self, now: float) -> float:
        """Return the time until the probe's own place in the interval comes round."""
        interval_s = self.target.check.interval_s
        place_s = int(self.target.probe_id, 16) % 9973 / 9973 * interval_s
        return (place_s - now) % interval_s or interval_s

    def to_state(self, now: float) -> dict[str, Any]:
        """Return what the shard's next owner needs to go on as if nothing had happened."""
        return {
            "status": self.state.status,
            "successes": self.state.successes,
            "failures": self.state.failures,
            "since": self.since,
            "checked_at": self.checked_at,
            "detail": self.detail,
            "results": [[each.at, each.succeeded, each.detail] for each in self.results],
            # An unfinished check is repeated at once; ages, because clocks differ between hosts.
            "age_s": None if self.is_in_flight or self.started is None else now - self.started,
        }

    @classmethod
    def from_state(cls, target: ProbeTarget, raw: dict[str, Any], now: float) -> "WatchedProbe":
        """Return the probe as the last owner left it."""
        age_s = raw["age_s"]
        overdue = now - target.check.interval_s
        return cls(
            target=target,
            state=ProbeState(HealthStatus(raw["status"]), raw["successes"], raw["failures"]),
            since=raw["since"],
            checked_at=raw["checked_at"],
            detail=raw["detail"],
            results=deque((CheckResult(*each) for each in raw["results"]), maxlen=MOST_RESULTS),
            started=overdue if age_s is None else now - age_s,
        )
