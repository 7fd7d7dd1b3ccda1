"""Following a real feed: deltas, gaps, new epochs, and a broker that comes and goes."""

import asyncio

import pytest

from proxy.net.config_feed import ConfigFeed
from proxy.snapshot import (
    ApplyReport,
    HealthDelta,
    HealthStatus,
    HealthTable,
    HealthVersion,
    IndexEntry,
    Snapshot,
)
from tests.proxy.node_scene import FeedWriter

HEALTHY, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY


class Follower:
    """A node that only remembers what it was told."""

    def __init__(self) -> None:
        self.report_wanted = asyncio.Event()
        self.news = asyncio.Event()
        self.versions: dict[str, int] = {}
        self.offers: list[tuple[str, int]] = []
        self.removed: list[str] = []
        self.table: HealthTable | None = None
        self.whole_tables = 0

    def wants(self, load_balancer: str, entry: IndexEntry) -> bool:
        return entry.version > self.versions.get(load_balancer, 0)

    def offer(self, load_balancer: str, version: int, text: bytes) -> None:
        self.versions[load_balancer] = version
        self.offers.append((load_balancer, version))
        self.news.set()

    def remove(self, load_balancer: str, version: int) -> None:
        self.versions[load_balancer] = version
        self.removed.append(load_balancer)
        self.news.set()

    def adopt_health(self, delta: HealthDelta) -> bool:
        known = self.table.version if self.table else HealthVersion(0, 0)
        if delta.version != HealthVersion(known.epoch, known.sequence + 1):
            return False
        assert self.table is not None
        statuses = {**self.table.statuses, **delta.statuses}
        self.table = HealthTable(delta.shard, delta.version, statuses)
        self.news.set()
        return True

    def replace_health(self, table: HealthTable) -> None:
        self.table = table
        self.whole_tables += 1
        self.news.set()

    def health_version(self, shard: int) -> HealthVersion | None:
        return self.table.version if self.table else None

    def report_text(self) -> str:
        return ApplyReport("node-9", at=1.0, started_at=1.0, workers=1).to_json()

    def counters_text(self) -> str:
        return "{}"

    async def until(self, condition) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()


def following(broker, scene) -> None:
    """Run the coroutine beside a feed that is followed."""

    async def run() -> None:
        follower = Follower()
        feed = ConfigFeed(broker.url, "node-9", follower)
        job = asyncio.create_task(feed.run())
        try:
            await scene(follower)
        finally:
            feed.stop()
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            await feed.aclose()

    asyncio.run(run())


def snapshot(name: str, version: int) -> Snapshot:
    return Snapshot(name, version, "127.0.0.1", (), ())


def delta(sequence: int, epoch: int = 1, **statuses: HealthStatus) -> HealthDelta:
    return HealthDelta(0, epoch, sequence, statuses)


def table(sequence: int, epoch: int = 1, **statuses: HealthStatus) -> HealthTable:
    return HealthTable(0, HealthVersion(epoch, sequence), statuses)


@pytest.fixture
def followed(broker, feed: FeedWriter):
    """Two load balancers and a health table are on the feed before anybody follows it."""
    feed.put(snapshot("lb-1", 1))
    feed.put(snapshot("lb-2", 5))
    feed.put_table(table(1, a=HEALTHY))
    return feed


def is_level(follower: Follower) -> bool:
    return follower.versions == {"lb-1": 1, "lb-2": 5} and follower.table is not None


def test_connect_reads_everything_and_a_notice_only_what_differs(broker, followed):
    async def scene(follower: Follower) -> None:
        await follower.until(lambda: is_level(follower))
        followed.put(snapshot("lb-2", 6))
        await follower.until(lambda: follower.versions["lb-2"] == 6)
        followed.delete("lb-1", 2)
        await follower.until(lambda: follower.removed == ["lb-1"])
        assert follower.offers == [("lb-1", 1), ("lb-2", 5), ("lb-2", 6)]

    following(broker, scene)


def test_delta_applies_without_reading_the_table(broker, followed):
    async def scene(follower: Follower) -> None:
        await follower.until(lambda: is_level(follower))
        followed.put_delta(delta(2, a=UNHEALTHY))
        followed.put_delta(delta(3, b=HEALTHY))
        await follower.until(lambda: follower.table.version.sequence == 3)
        assert follower.table.statuses == {"a": UNHEALTHY, "b": HEALTHY}
        assert follower.whole_tables == 1

    following(broker, scene)


@pytest.mark.parametrize(
    "late",
    [delta(7, b=HEALTHY), delta(1, epoch=2, b=HEALTHY)],
    ids=["gap", "new-epoch"],
)
def test_gap_and_new_epoch_read_the_whole_table(broker, followed, late):
    async def scene(follower: Follower) -> None:
        await follower.until(lambda: is_level(follower))
        missed = HealthVersion(late.epoch, late.sequence - 1)
        followed.put_table(HealthTable(0, missed, {"a": UNHEALTHY}))
        followed.put_delta(late)
        await follower.until(lambda: follower.table.version == late.version)
        assert follower.table.statuses == {"a": UNHEALTHY, "b": HEALTHY}
        assert follower.whole_tables == 2

    following(broker, scene)


def test_broker_that_comes_back_is_read_again_as_a_whole(broker, followed):
    """A missed notice, a restart and a new node are one case."""

    async def scene(follower: Follower) -> None:
        await follower.until(lambda: is_level(follower))
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        # The flushed feed is rebuilt; what happened meanwhile had no notice.
        followed.put(snapshot("lb-1", 2), notify=False)
        await follower.until(lambda: follower.versions["lb-1"] == 2)
        assert follower.versions["lb-2"] == 5
        assert follower.removed == []

    following(broker, scene)


@pytest.mark.parametrize(
    ("key", "field", "text"),
    [
        ("openclb:index", "lb-0", "not JSON"),
        ("openclb:index", "lb-0", '{"version":"one"}'),
        ("openclb:health", "7", "1.5"),
    ],
)
def test_garbage_in_one_place_does_not_stop_the_rest(broker, followed, key, field, text):
    followed.client.hset(key, field, text)
    followed.client.hset("openclb:health:7", "p", "sideways")

    async def scene(follower: Follower) -> None:
        await follower.until(lambda: is_level(follower))
        followed.client.publish("openclb:notice", "health {}")
        followed.client.publish("openclb:notice", "nonsense")
        followed.put(snapshot("lb-1", 2))
        await follower.until(lambda: follower.versions["lb-1"] == 2)

    following(broker, scene)


def test_report_is_written_at_once_and_expires_with_the_node(broker, followed):
    async def scene(follower: Follower) -> None:
        await follower.until(lambda: is_level(follower))
        async with asyncio.timeout(10):
            while followed.report("node-9") is None:
                await asyncio.sleep(0.01)
        assert 0 < followed.client.ttl("openclb:report:node-9") <= 10
        followed.client.delete("openclb:report:node-9")
        follower.report_wanted.set()
        async with asyncio.timeout(2):
            while followed.report("node-9") is None:
                await asyncio.sleep(0.01)

    following(broker, scene)
    assert followed.report("node-9") is None
