"""What the health checks write to the database: on flips only, and in one go."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from django.db import transaction

from balancer import feed
from balancer.domain.health import shard_of
from balancer.models import HealthFlip, HealthShard, HealthState
from proxy.snapshot import HealthStatus, HealthTable, HealthVersion


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One probe's outcome as evidence; ``at`` is a Unix time in seconds."""

    at: float
    succeeded: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Flip:
    """A server changed its status; ``results`` are the probes that caused it, oldest first."""

    probe_id: str
    address: str
    port: int
    before: HealthStatus
    after: HealthStatus
    at: float
    results: Sequence[CheckResult]


@transaction.atomic
def claim_epoch(*, shard: int, above: int) -> int:
    """Count one more owner of the shard; its number fences off all earlier ones.

    ``above`` is the epoch on the feed, which is ahead of a database restored from a backup.
    """
    HealthShard.objects.get_or_create(number=shard)
    row = HealthShard.objects.select_for_update().get(number=shard)
    row.epoch = max(row.epoch, above) + 1
    row.save(update_fields=["epoch"])
    return row.epoch


@transaction.atomic
def record_flips(*, shard: int, flips: Sequence[Flip]) -> None:
    """Keep each flip with its evidence, and the last status of each server."""
    HealthFlip.objects.bulk_create([_flip_row(flip) for flip in flips])
    last = {flip.probe_id: flip for flip in flips}
    in_order = [last[probe_id] for probe_id in sorted(last)]  # two writers never wait in a ring
    HealthState.objects.bulk_create(
        [_state_row(shard, flip) for flip in in_order],
        update_conflicts=True,
        unique_fields=["probe_id"],
        update_fields=["shard", "address", "port", "status", "since"],
    )


def forget_states(*, probe_ids: Collection[str]) -> None:
    """Drop what was known of probes that no listener needs any more."""
    HealthState.objects.filter(probe_id__in=probe_ids).delete()


def list_states(*, shard: int, shards: int) -> dict[str, tuple[HealthStatus, float]]:
    """Return the last known status of the shard's probes, and since when (Unix time).

    The rows' own shard is not asked: the number of shards may have changed since.
    """
    rows = HealthState.objects.values_list("probe_id", "status", "since")
    return {
        probe: (HealthStatus(status), since.timestamp())
        for probe, status, since in rows
        if shard_of(probe, shards) == shard
    }


def retire_shards(*, above: int) -> None:
    """Empty the tables of shards that the settings do not have any more."""
    for shard, version in feed.read_health_versions().items():
        if shard < above:
            continue
        table = feed.read_health_table(shard)
        if table is not None and table.statuses:
            epoch = claim_epoch(shard=shard, above=version.epoch)
            feed.put_health_table(HealthTable(shard, HealthVersion(epoch, 1), {}))


def _flip_row(flip: Flip) -> HealthFlip:
    return HealthFlip(
        probe_id=flip.probe_id,
        address=flip.address,
        port=flip.port,
        before=flip.before,
        after=flip.after,
        at=datetime.fromtimestamp(flip.at, UTC),
        evidence=[asdict(result) for result in flip.results],
    )


def _state_row(shard: int, flip: Flip) -> HealthState:
    return HealthState(
        probe_id=flip.probe_id,
        shard=shard,
        address=flip.address,
        port=flip.port,
        status=flip.after,
        since=datetime.fromtimestamp(flip.at, UTC),
    )
