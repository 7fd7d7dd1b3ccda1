"""Cost of choosing a server among many, and of the table that consistent hashing needs.

Each figure is CPU time, the best of five rounds. Least connections also pays when work begins and
ends, so that is shown too, as is how long schedulers take to follow a change of one weight.
"""

import argparse
import time
from collections.abc import Callable
from random import Random

from proxy.core.scheduling.consistent_hash import ConsistentHash, SourceHash, TupleHash
from proxy.core.scheduling.least_connections import WeightedLeastConnections
from proxy.core.scheduling.maglev_table import MaglevTable
from proxy.core.scheduling.round_robin import RoundRobin
from proxy.core.scheduling.scheduler import Scheduler
from proxy.core.scheduling.weighted_round_robin import WeightedRoundRobin

PICKS = 100_000
ROUNDS = 5
OPEN = 10_000
PEERS = [(f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}", 1024 + at % 60000) for at in range(PICKS)]


def best_us(work: Callable[[], int]) -> float:
    """Return the cost of one operation in microseconds; ``work`` returns how many it did."""
    costs = []
    for _ in range(ROUNDS):
        began = time.process_time()
        count = work()
        costs.append((time.process_time() - began) / count * 1e6)
    return min(costs)


def measure_robin(scheduler: WeightedRoundRobin) -> float:
    """Return the cost of a pick in order."""

    def work() -> int:
        for _ in range(PICKS):
            scheduler.pick()
        return PICKS

    return best_us(work)


def measure_hash(scheduler: ConsistentHash, weights: dict[str, int]) -> float:
    """Return the cost of a pick by hash, with the table complete."""
    scheduler.know_members(weights)
    scheduler.replace(weights)

    def work() -> int:
        for peer in PEERS:
            scheduler.pick(peer)
        return PICKS

    return best_us(work)


def measure_least_connections(weights: dict[str, int]) -> tuple[float, float]:
    """Return the cost of a pick alone, and of a pick with the begin and end of its work."""
    random, open_work = Random(1), dict.fromkeys(weights, 0)
    scheduler = WeightedLeastConnections(open_work)
    scheduler.replace(weights)
    queue: list[str] = []

    def begin() -> None:
        server = scheduler.pick()
        assert server is not None
        open_work[server] += 1
        scheduler.begin(server)
        queue.append(server)

    def end() -> None:
        at = int(random.random() * len(queue))
        queue[at], queue[-1] = queue[-1], queue[at]
        server = queue.pop()
        open_work[server] -= 1
        scheduler.end(server)

    def picks() -> int:
        for _ in range(PICKS):
            scheduler.pick()
        return PICKS

    def turns() -> int:
        for _ in range(PICKS):
            begin()
            end()
        return PICKS

    for _ in range(OPEN):
        begin()
    return best_us(picks), best_us(turns)


def measure_table(weights: dict[str, int]) -> tuple[float, float]:
    """Return how long a table takes, and its longest part, both in milliseconds."""
    table, parts = MaglevTable(weights), []
    while not table.is_complete:
        began = time.process_time()
        table.advance()
        parts.append(time.process_time() - began)
    return sum(parts) * 1000, max(parts) * 1000


def measure_change(scheduler: Scheduler, weights: dict[str, int]) -> float:
    """Return how long a new plan takes to go on after one weight was changed, in milliseconds."""
    scheduler.replace(weights)
    scheduler.pick(PEERS[0])
    changed = weights | {next(iter(weights)): 77}

    def work() -> int:
        scheduler.successor(weights).replace(changed)
        return 1

    return best_us(work) / 1000


def main(count: int) -> None:
    """Measure everything for so many servers, with weights at random and all alike."""
    random = Random(count)
    for name in ("random", "equal"):
        weights = {
            f"i-{at:06}": random.randint(1, 100) if name == "random" else 100 for at in range(count)
        }
        pick, turn = measure_least_connections(weights)
        total, longest = measure_table(weights)
        print(f"{count} servers, {name} weights")
        print(f"  weighted round robin   {measure_robin(WeightedRoundRobin(weights)):6.2f} µs")
        print(f"  round robin            {measure_robin(RoundRobin(weights)):6.2f} µs")
        print(f"  least connections      {pick:6.2f} µs, with begin and end {turn:.2f} µs")
        print(f"  source hash            {measure_hash(SourceHash(), weights):6.2f} µs")
        print(f"  tuple hash             {measure_hash(TupleHash(), weights):6.2f} µs")
        print(f"  Maglev table           {total:6.0f} ms, longest part {longest:.1f} ms")
        for scheduler in (WeightedRoundRobin({}), WeightedLeastConnections({}), SourceHash()):
            change = measure_change(scheduler, weights)
            print(f"  change: {type(scheduler).__name__:26} {change:6.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=2000)
    main(parser.parse_known_args()[0].servers)
