"""The control plane's side of the feed: puts snapshots and health there, reads reports back.

Keys and wire forms are the proxies' (``proxy/snapshot.py``). Each write is one script on the
server that compares before it sets, so a slow or doubled writer never puts older over newer.
"""

import functools
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ParamSpec, TypeVar

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from proxy.snapshot import (
    FEED_CHANNEL,
    FEED_HEALTH_INDEX_KEY,
    FEED_INDEX_KEY,
    ApplyReport,
    HealthDelta,
    HealthStatus,
    HealthTable,
    HealthVersion,
    IndexEntry,
    Snapshot,
    SnapshotInvalid,
    counters_key,
    health_key,
    report_key,
    snapshot_key,
)

P = ParamSpec("P")
T = TypeVar("T")

ANSWER_TIMEOUT_S = 1.0
SNAPSHOT_NOTICE = "snapshot "

log = structlog.get_logger(__name__)


class FeedUnavailable(Exception):
    """The broker that carries the feed did not answer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the last checks of one probe showed; Unix times in seconds, for people to read."""

    status: HealthStatus
    since: float
    checked_at: float
    detail: str


# --- connection ----------------------------------------------------------------------------------


@functools.cache
def _client_of(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=ANSWER_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        # The client's own retries wait for seconds, and doubling a write makes it look stale.
        retry=Retry(NoBackoff(), 0),
    )


def client() -> redis.Redis:
    """Return this process's connection pool to the broker; its timeouts are short."""
    return _client_of(settings.REDIS_URL)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError) as error:
        raise FeedUnavailable(str(error)) from error


def needs_feed(function: Callable[P, T]) -> Callable[P, T]:
    """Turn the client's ways to say that nobody answers into ``FeedUnavailable``."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        with _reachable():
            return function(*args, **kwargs)

    return guarded


@needs_feed
def run_script(script: str, keys: Iterable[str], arguments: Iterable[str | int]) -> Any:
    """Run a script on the server in one step."""
    return client().register_script(script)(keys=list(keys), args=list(arguments))


# --- snapshots -----------------------------------------------------------------------------------

# Put the document unless the index has a later version, or this one with other content.
# Answer with the entry that is in force afterwards.
_PUT_SNAPSHOT = """
local stored = redis.call('hget', KEYS[1], ARGV[1])
local readable, entry = pcall(cjson.decode, stored)
if readable and type(entry) == 'table' and tonumber(entry.version) then
  local version, offered = tonumber(entry.version), tonumber(ARGV[2])
  if version > offered or (version == offered and stored ~= ARGV[3]) then return stored end
end
redis.call('hset', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] == '' then redis.call('del', KEYS[2]) else redis.call('set', KEYS[2], ARGV[4]) end
redis.call('publish', ARGV[5], 'snapshot ' .. ARGV[1])
return ARGV[3]
"""


def index_entry(snapshot: Snapshot) -> IndexEntry:
    """Return the index line that stands for the snapshot."""
    return IndexEntry(version=snapshot.version, content_hash=snapshot.content_hash)


def tombstone_entry(version: int) -> IndexEntry:
    """Return the index line of a load balancer that is gone."""
    return IndexEntry(version=version, content_hash="", deleted=True)


def put_snapshot(snapshot: Snapshot) -> IndexEntry:
    """Offer the snapshot and tell the proxies; return the entry in force, ours or a later one."""
    return _put(snapshot.load_balancer, index_entry(snapshot), snapshot.to_json())


def put_tombstone(load_balancer: str, version: int) -> IndexEntry:
    """Take the load balancer off the feed for good; return the entry in force."""
    return _put(load_balancer, tombstone_entry(version), "")


def _put(load_balancer: str, entry: IndexEntry, document: str) -> IndexEntry:
    in_force = run_script(
        _PUT_SNAPSHOT,
        [FEED_INDEX_KEY, snapshot_key(load_balancer)],
        [load_balancer, entry.version, entry.to_json(), document, FEED_CHANNEL],
    )
    return IndexEntry.from_json(in_force)


@needs_feed
def read_index() -> dict[str, IndexEntry]:
    """Return which version of each load balancer is on the feed.

    A damaged line is left out: reconcile misses it and writes it again.
    """
    lines = client().hgetall(FEED_INDEX_KEY)
    entries = {}
    for load_balancer, line in lines.items():
        try:
            entries[str(load_balancer)] = IndexEntry.from_json(line)
        except SnapshotInvalid as error:
            log.warning("index_line_unreadable", load_balancer=load_balancer, reason=str(error))
    return entries


@needs_feed
def read_snapshots(load_balancers: Collection[str]) -> dict[str, Snapshot]:
    """Return the snapshots on the feed; what is missing or unreadable is left out."""
    if not load_balancers:
        return {}
    documents = client().mget([snapshot_key(each) for each in load_balancers])
    found: dict[str, Snapshot] = {}
    for load_balancer, document in zip(load_balancers, documents, strict=True):
        try:
            if document is not None:
                found[load_balancer] = Snapshot.from_json(document)
        except SnapshotInvalid as error:
            log.warning("snapshot_unreadable", load_balancer=load_balancer, reason=str(error))
    return found


class SnapshotNotices:
    """A subscription to the feed: which load balancers have a new snapshot."""

    def __init__(self) -> None:
        self._subscription: redis.client.PubSub | None = None

    @needs_feed
    def wait(self, timeout_s: float) -> bool:
        """Tell whether a snapshot may have changed; a new subscription always says yes."""
        if self._subscription is None:
            subscription = client().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            subscription.subscribe(FEED_CHANNEL)
            self._subscription = subscription
            return True
        try:
            message = self._subscription.get_message(timeout=timeout_s)
        except redis.RedisError:
            self.close()
            raise
        return message is not None and str(message["data"]).startswith(SNAPSHOT_NOTICE)

    def close(self) -> None:
        """Give the connection back."""
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            subscription.close()


# --- health --------------------------------------------------------------------------------------

# Versions are compared as two numbers; a delta must be the direct successor of what is stored.
_HEALTH_VERSION = """
local function parse(text)
  local epoch, sequence = string.match(text, '^(%d+)%.(%d+)$')
  return tonumber(epoch), tonumber(sequence)
end
local stored = redis.call('hget', KEYS[1], ARGV[1])
local epoch, sequence = 0, 0
if stored then epoch, sequence = parse(stored) end
local new_epoch, new_sequence = parse(ARGV[2])
if epoch > new_epoch or (epoch == new_epoch and sequence >= new_sequence) then return 'stale' end
"""
_PUT_DELTA = (
    _HEALTH_VERSION
    + """
if epoch ~= new_epoch or sequence + 1 ~= new_sequence then return 'gap' end
local changes = cjson.decode(ARGV[3])
for probe, status in pairs(changes.statuses) do redis.call('hset', KEYS[2], probe, status) end
for _, probe in ipairs(changes.forgotten) do redis.call('hdel', KEYS[2], probe) end
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
redis.call('publish', ARGV[4], 'health ' .. ARGV[3])
return 'put'
"""
)
_PUT_TABLE = (
    _HEALTH_VERSION
    + """
redis.call('del', KEYS[2])
for probe, status in pairs(cjson.decode(ARGV[5])) do redis.call('hset', KEYS[2], probe, status) end
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
redis.call('publish', ARGV[4], 'health ' .. ARGV[3])
return 'put'
"""
)


class HealthRefused(Exception):
    """The feed did not take a health document."""


class HealthStale(HealthRefused):
    """The feed has a later table of the shard: someone else owns it now."""


class HealthGap(HealthRefused):
    """The delta does not follow what is on the feed: the whole table is needed."""


def put_health(delta: HealthDelta) -> None:
    """Apply what changed to the shard's table and tell the proxies; raise HealthRefused."""
    _put_health(_PUT_DELTA, delta)


def put_health_table(table: HealthTable) -> None:
    """Replace the shard's whole table; raise HealthStale.

    The notice is an empty delta. The table's version must not directly follow the one before
    (skip a sequence number or start an epoch): then proxies see a gap and read the table.
    """
    notice = HealthDelta(table.shard, table.version.epoch, table.version.sequence, {})
    _put_health(_PUT_TABLE, notice, json.dumps(dict(table.statuses)))


def _put_health(script: str, delta: HealthDelta, *more: str) -> None:
    keys = [FEED_HEALTH_INDEX_KEY, health_key(delta.shard)]
    outcome = run_script(
        script, keys, [delta.shard, str(delta.version), delta.to_json(), FEED_CHANNEL, *more]
    )
    if outcome == "stale":
        raise HealthStale(f"shard {delta.shard}: {delta.version} is not the latest")
    if outcome == "gap":
        raise HealthGap(f"shard {delta.shard}: {delta.version} does not follow")


@needs_feed
def read_health_versions() -> dict[int, HealthVersion]:
    """Return the version of each shard's table."""
    lines = client().hgetall(FEED_HEALTH_INDEX_KEY)
    return {int(shard): HealthVersion.parse(str(text)) for shard, text in lines.items()}


@needs_feed
def read_health_table(shard: int) -> HealthTable | None:
    """Return the shard's table in one consistent reading, None when there is none."""
    pipeline = client().pipeline(transaction=True)
    pipeline.hget(FEED_HEALTH_INDEX_KEY, str(shard))
    pipeline.hgetall(health_key(shard))
    version, statuses = pipeline.execute()
    if version is None:
        return None
    return HealthTable(
        shard=shard,
        version=HealthVersion.parse(version),
        statuses={probe: HealthStatus(status) for probe, status in statuses.items()},
    )


def evidence_key(shard: int) -> str:
    """Return the key of what the console shows of a shard: a hash of probe id -> Evidence."""
    return f"openclb:evidence:{shard}"


@needs_feed
def put_evidence(shard: int, evidence: Mapping[str, Evidence], forgotten: Iterable[str]) -> None:
    """Write what the last checks showed; proxies do not read it."""
    gone = list(forgotten)
    pipeline = client().pipeline(transaction=False)
    if evidence:
        lines: dict[Any, Any] = {key: json.dumps(asdict(each)) for key, each in evidence.items()}
        pipeline.hset(evidence_key(shard), mapping=lines)
    if gone:
        pipeline.hdel(evidence_key(shard), *gone)
    pipeline.execute()


@needs_feed
def read_evidence(probes: Mapping[str, int]) -> dict[str, Evidence]:
    """Return the evidence of the probes, each given with its shard."""
    by_shard: dict[int, list[str]] = {}
    for probe, shard in probes.items():
        by_shard.setdefault(shard, []).append(probe)
    pipeline = client().pipeline(transaction=False)
    for shard, wanted in by_shard.items():
        pipeline.hmget(evidence_key(shard), wanted)
    found: dict[str, Evidence] = {}
    for wanted, lines in zip(by_shard.values(), pipeline.execute(), strict=True):
        for probe, line in zip(wanted, lines, strict=True):
            if line is not None:
                raw = json.loads(line)
                found[probe] = Evidence(**{**raw, "status": HealthStatus(raw["status"])})
    return found


# --- what the proxies say ------------------------------------------------------------------------


@needs_feed
def read_reports() -> list[ApplyReport]:
    """Return the report of each live proxy node, by name; one that cannot be read is left out."""
    reports = []
    for node, text in _read_of_nodes(report_key):
        try:
            reports.append(ApplyReport.from_json(text))
        except SnapshotInvalid as error:
            log.warning("report_unreadable", node=node, reason=str(error))
    return reports


@needs_feed
def read_counters() -> dict[str, dict[str, Any]]:
    """Return the traffic counters of each live proxy node, sums since its start."""
    return {node: json.loads(text) for node, text in _read_of_nodes(counters_key)}


def _read_of_nodes(key: Callable[[str], str]) -> list[tuple[str, str]]:
    prefix = key("")
    keys = sorted(client().scan_iter(match=f"{prefix}*", count=1000))
    texts = client().mget(keys) if keys else []
    pairs = zip(keys, texts, strict=True)
    return [(name.removeprefix(prefix), str(text)) for name, text in pairs if text is not None]
