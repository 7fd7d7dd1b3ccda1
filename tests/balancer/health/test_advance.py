"""When results change a status (slb-rpc-api 5.4); pure, no clock, no network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.domain.health import ProbeState, advance
from proxy.snapshot import HealthStatus

UNKNOWN, HEALTHY, UNHEALTHY = HealthStatus.UNKNOWN, HealthStatus.HEALTHY, HealthStatus.UNHEALTHY
LETTER = {UNKNOWN: "?", HEALTHY: "H", UNHEALTHY: "U"}


def run(start: HealthStatus, results: str, healthy: int = 3, unhealthy: int = 2) -> str:
    """Return the status after each result; ``+`` is a success."""
    state, seen = ProbeState(start), ""
    for each in results:
        state = advance(
            state,
            succeeded=each == "+",
            healthy_threshold=healthy,
            unhealthy_threshold=unhealthy,
        )
        seen += LETTER[state.status]
    return seen


@pytest.mark.parametrize(
    ("start", "results", "expected"),
    [
        pytest.param(UNKNOWN, "+", "H", id="first-success-is-enough"),
        pytest.param(UNKNOWN, "--", "?U", id="unknown-that-fails-the-threshold-is-down"),
        pytest.param(UNKNOWN, "-+", "?H", id="one-failure-before-the-first-success"),
        pytest.param(HEALTHY, "--", "HU", id="failures-in-a-row-take-it-down"),
        pytest.param(HEALTHY, "-+-+-", "HHHHH", id="a-success-between-starts-over"),
        pytest.param(UNHEALTHY, "+++", "UUH", id="recovery-takes-the-threshold"),
        pytest.param(UNHEALTHY, "++-+++", "UUUUUH", id="a-failure-between-starts-over"),
        pytest.param(UNHEALTHY, "-----", "UUUUU", id="down-stays-down"),
        pytest.param(HEALTHY, "--+++--", "HUUUHHU", id="down-up-down"),
    ],
)
def test_status_after_each_result(start, results, expected):
    assert run(start, results) == expected


@given(
    results=st.text(alphabet="+-", max_size=60),
    healthy=st.integers(1, 10),
    unhealthy=st.integers(1, 10),
)
def test_no_flip_without_its_results_in_a_row(results, healthy, unhealthy):
    """Whatever comes, a status is only reached by as many equal results in a row as it needs."""
    previous = "?"
    for at, now in enumerate(run(UNKNOWN, results, healthy, unhealthy)):
        if now != previous:
            needed = unhealthy if now == "U" else 1 if previous == "?" else healthy
            sign = "-" if now == "U" else "+"
            assert results[: at + 1].endswith(sign * needed)
        previous = now
