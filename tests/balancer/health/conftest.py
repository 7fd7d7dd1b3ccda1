"""Checkers are tested against a real broker, real rows and real servers."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from balancer import feed
from balancer.health.checker import run_shard
from proxy.snapshot import (
    CheckKind,
    GroupKind,
    HealthCheck,
    HealthStatus,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    Snapshot,
    probe_id,
)
from tests.balancer.estate import estate
from tests.broker import broker, broker_process

__all__ = ["broker", "broker_process", "estate"]

DEADLINE_S = 60.0
WARM_SHUTDOWN_S = 10.0


def eventually(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.01)


def http_check(**changes) -> HealthCheck:
    """Return a brisk HTTP check: every second, down after 2, up after 2."""
    values = {
        "kind": CheckKind.HTTP,
        "interval_s": 1,
        "timeout_s": 1,
        "healthy_threshold": 2,
        "unhealthy_threshold": 2,
    }
    return HealthCheck(**{**values, **changes})


def put_snapshot(
    version: int,
    ports: list[int],
    check: HealthCheck | None,
    load_balancer: str = "lb-1",
    weight: int = 100,
) -> None:
    """Put a load balancer on the feed whose servers are these ports of 127.0.0.1."""
    servers = tuple(Server(f"bs-{port}", "127.0.0.1", port, weight) for port in ports)
    group = ServerGroup(f"rsp-{load_balancer}", GroupKind.VSERVER, servers)
    put_group(version, group, check, load_balancer)


def put_group(
    version: int,
    group: ServerGroup,
    check: HealthCheck | None,
    load_balancer: str = "lb-1",
    protocol: Protocol = Protocol.HTTP,
) -> None:
    """Put a load balancer on the feed with one listener on this group."""
    listener = Listener(
        id=f"lsn-{load_balancer}",
        protocol=protocol,
        port=80,
        group=group.id,
        backend_port=None,
        scheduler=SchedulerName.WEIGHTED_ROUND_ROBIN,
        health_check=check,
        connect_timeout_s=5,
        idle_timeout_s=15,
        request_timeout_s=60,
    )
    feed.put_snapshot(Snapshot(load_balancer, version, "127.88.0.1", (listener,), (group,)))


def status_of(port: int, check: HealthCheck, shard: int = 0) -> HealthStatus | None:
    """Return what the feed says of the server at the port."""
    table = feed.read_health_table(shard)
    return table and table.statuses.get(probe_id("127.0.0.1", port, check))


class Turn:
    """One checker in a thread of its own."""

    def __init__(self, instead_of: str = "", turn_s: float = 60, shard: int = 0, shards: int = 1):
        self.token: str | None = None
        self.stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(shard, shards, instead_of, turn_s), daemon=True
        )
        self._thread.start()

    def _run(self, shard: int, shards: int, instead_of: str, turn_s: float) -> None:
        self.token = run_shard(
            shard, shards=shards, instead_of=instead_of, stopping=self.stopping, turn_s=turn_s
        )

    @property
    def is_over(self) -> bool:
        """Tell whether the turn has ended."""
        return not self._thread.is_alive()

    def stop(self) -> str:
        """End the turn as a warm shutdown does; return the token for the next owner."""
        self.stopping.set()
        self._thread.join(WARM_SHUTDOWN_S)
        assert self.is_over
        return self.token or ""


@pytest.fixture
def take_turn(broker, transactional_db) -> Iterator[Callable[..., Turn]]:
    """Return a function that starts a checker; all are stopped at the end."""
    turns: list[Turn] = []

    def start(**options) -> Turn:
        turns.append(Turn(**options))
        return turns[-1]

    yield start
    broker.start()
    for turn in turns:
        turn.stop()
