"""Numbers that several workers share, each writing its own."""

import os

import pytest

from proxy.net.ledger import INWARD, OPEN, ROWS, Ledger, LedgerRows, create_ledger
from proxy.snapshot import Limits, Listener, Protocol, SchedulerName, ServerGroup, Snapshot


@pytest.fixture
def workers():
    descriptor = create_ledger(3)
    yield [Ledger(descriptor, 3, index) for index in range(3)]
    os.close(descriptor)


def snapshot(version: int = 1, limits: Limits | None = None, **mbps: int | None) -> Snapshot:
    listeners = tuple(
        Listener(
            id=name,
            protocol=Protocol.TCP,
            port=port,
            group="rsp-1",
            backend_port=1,
            scheduler=SchedulerName.ROUND_ROBIN,
            health_check=None,
            connect_timeout_s=1,
            idle_timeout_s=1,
            request_timeout_s=1,
            bandwidth_mbps=limit,
        )
        for port, (name, limit) in enumerate(mbps.items(), 1)
    )
    groups = (ServerGroup("rsp-1", "default", ()),)
    return Snapshot("lb-1", version, "127.0.0.1", listeners, groups, limits=limits or Limits())


def test_each_worker_writes_its_own_and_reads_the_sum(workers):
    cells = [worker.cell(7, OPEN) for worker in workers]
    for number, cell in enumerate(cells, 1):
        cell.add(number)
    assert [cell.total() for cell in cells] == [6, 6, 6]
    cells[0].set(100)
    assert cells[2].total() == 105
    assert workers[0].cell(6, OPEN).total() == workers[0].cell(7, 1).total() == 0
    workers[2].cell(ROWS - 1, 2).add(2**40)
    assert workers[1].cell(ROWS - 1, 2).total() == 2**40


def test_what_has_a_limit_keeps_its_row():
    rows = LedgerRows()
    first = rows.assign(snapshot(a=5, b=None, limits=Limits(connections=1)))
    assert first.keys() == {"lb-1", "a"}
    second = rows.assign(snapshot(2, a=9, b=5))
    assert second.keys() == {"a", "b"}
    assert second["a"] == first["a"]
    assert second["b"] not in first.values(), "a row that was just left is not given at once"
    rows.release("lb-1")
    assert rows.assign(snapshot(3)) == {}


def test_without_a_free_row_nothing_is_shared():
    rows = LedgerRows()
    rows._free.clear()
    assert rows.assign(snapshot(a=5)) == {}
    assert INWARD == 0
