"""Both ways of relaying bulk: copied through the worker's buffer, and by the kernel alone."""

import pytest

from proxy.net import exchange, tcp_relay


@pytest.fixture(params=["copied", "spliced"])
def relaying(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Relay in one way from the second read of a direction on, however small it is."""
    large_reads = 1 if request.param == "spliced" else 1 << 30
    for module in (exchange, tcp_relay):
        monkeypatch.setattr(module, "LARGE_BYTES", 1)
        monkeypatch.setattr(module, "LARGE_READS", large_reads)
    return request.param
