"""Counts the results of a probe, decides when its server flips, and who probes it."""

from dataclasses import dataclass, replace

from proxy.snapshot import HealthStatus


@dataclass(frozen=True, slots=True)
class ProbeState:
    """The status of a probe and how many results in a row speak against it (or for the first)."""

    status: HealthStatus = HealthStatus.UNKNOWN
    successes: int = 0
    failures: int = 0


def shard_of(probe_id: str, shards: int) -> int:
    """Return which shard owns the probe; every process comes to the same answer."""
    return int(probe_id, 16) % shards


def advance(
    state: ProbeState, *, succeeded: bool, healthy_threshold: int, unhealthy_threshold: int
) -> ProbeState:
    """Return the state after one more result.

    The first success of a server nobody knows is enough; one that was seen to fail needs
    ``healthy_threshold`` in a row, and ``unhealthy_threshold`` failures in a row take any down.
    """
    if succeeded:
        counted = replace(state, successes=state.successes + 1, failures=0)
        needed = 1 if state.status is HealthStatus.UNKNOWN else healthy_threshold
        return _decide(counted, HealthStatus.HEALTHY, counted.successes >= needed)
    counted = replace(state, successes=0, failures=state.failures + 1)
    return _decide(counted, HealthStatus.UNHEALTHY, counted.failures >= unhealthy_threshold)


def _decide(state: ProbeState, towards: HealthStatus, is_reached: bool) -> ProbeState:
    """Return the state at its goal with fresh counts, or as it is."""
    return ProbeState(towards) if is_reached else state
