"""The benchmarks run and leave out what is not installed; how fast anything is, is not tested."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run benchmarks where no peer is installed."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "name", ["http-connections", "https-handshakes", "udp-packets", "tcp-idle-memory"]
)
def test_measure_runs_without_peers(tmp_path, name):
    done = run(tmp_path, name, "--rounds", "1", "--seconds", "0.1", "--idle", "8")
    assert done.returncode == 0, done.stderr
    assert "haproxy: not installed, skipped" in done.stdout
    assert "nginx: not installed, skipped" in done.stdout
    assert name in done.stdout
    assert "openclb " in done.stdout


def test_unknown_measure_is_refused_with_the_known_ones(tmp_path):
    done = run(tmp_path, "nonsense")
    assert done.returncode == 2
    assert "no such measure: nonsense; there are http-keep-alive" in done.stderr
