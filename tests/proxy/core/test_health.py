"""Which servers may be chosen: tables, deltas, unknown, and ejection after connect failures."""

import pytest

from proxy.core.health import EJECTION_S, Availability, Target
from proxy.snapshot import HealthDelta, HealthStatus, HealthTable, HealthVersion

HEALTHY, UNHEALTHY, UNKNOWN = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN


def target(probe: str | None, port: int = 80) -> Target:
    return Target(f"i-{probe}", "10.0.0.1", port, 100, probe)


def table(shard: int = 0, epoch: int = 1, sequence: int = 1, **statuses) -> HealthTable:
    return HealthTable(shard, HealthVersion(epoch, sequence), statuses)


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        pytest.param("good", True, id="healthy"),
        pytest.param("bad", False, id="unhealthy"),
        pytest.param("new", False, id="unknown-in-the-table"),
        pytest.param("never-heard-of", False, id="not-in-any-table"),
        pytest.param(None, True, id="checks-off"),
    ],
)
def test_what_the_checks_say_decides(probe, expected):
    """A new server gets nothing before its first success; with checks off it does."""
    availability = Availability()
    availability.replace(table(good=HEALTHY, bad=UNHEALTHY, new=UNKNOWN))
    assert availability.is_available(target(probe), 0.0) is expected


def test_delta_applies_on_the_version_before():
    availability = Availability()
    availability.replace(table(a=HEALTHY, b=UNHEALTHY, c=HEALTHY))
    stamp = availability.stamp
    delta = HealthDelta(0, 1, 2, {"a": UNHEALTHY, "b": HEALTHY}, forgotten=("c",))
    assert availability.apply(delta)
    assert availability.stamp > stamp
    assert availability.versions == {0: HealthVersion(1, 2)}
    assert [availability.is_healthy(target(each)) for each in "abc"] == [False, True, False]
    assert availability.table(0).statuses == {"a": UNHEALTHY, "b": HEALTHY}


@pytest.mark.parametrize(
    ("epoch", "sequence"), [(1, 3), (1, 1), (2, 1), (2, 2)], ids=["gap", "again", "new", "epoch"]
)
def test_delta_that_does_not_follow_changes_nothing(epoch, sequence):
    availability = Availability()
    availability.replace(table(a=HEALTHY))
    assert not availability.apply(HealthDelta(0, epoch, sequence, {"a": UNHEALTHY}))
    assert availability.is_healthy(target("a"))


def test_delta_of_an_unknown_shard_is_not_enough():
    assert not Availability().apply(HealthDelta(5, 1, 1, {"a": HEALTHY}))


def test_table_replaces_only_its_shard():
    availability = Availability()
    availability.replace(table(0, a=HEALTHY, b=HEALTHY))
    availability.replace(table(1, c=HEALTHY))
    availability.replace(table(0, epoch=2, b=HEALTHY))
    assert [availability.is_healthy(target(each)) for each in "abc"] == [False, True, True]


def test_probe_that_moves_to_another_shard_keeps_its_health():
    availability = Availability()
    availability.replace(table(0, a=HEALTHY))
    availability.replace(table(1, a=HEALTHY))
    availability.replace(table(0, epoch=2))
    assert availability.is_healthy(target("a"))


def test_ejection_is_short_and_concerns_one_address():
    availability = Availability()
    availability.eject(target(None), 100.0)
    assert not availability.is_available(target(None), 100.0)
    assert availability.is_healthy(target(None))
    assert availability.is_available(target(None, port=81), 100.0)
    assert availability.next_return == 100.0 + EJECTION_S
    assert availability.is_available(target(None), availability.next_return)
    availability.readmit(availability.next_return)
    assert availability.next_return == float("inf")
