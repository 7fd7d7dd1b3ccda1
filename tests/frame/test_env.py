"""Environment variables are typed; a wrong one stops the start with one line that names it."""

import ipaddress
from pathlib import Path

import pytest

from console import env


@pytest.fixture
def name(monkeypatch):
    monkeypatch.setattr(env, "_asked", set())
    return "OPENCLB_TRIED"


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        pytest.param(lambda n: env.env_str(n, "d"), " a b ", "a b", id="text-is-trimmed"),
        pytest.param(lambda n: env.env_str(n, "d"), "", "d", id="empty-is-not-set"),
        pytest.param(lambda n: env.env_int(n, 3), "12", 12, id="number"),
        pytest.param(lambda n: env.env_int(n, 3), "", 3, id="number-default"),
        pytest.param(lambda n: env.env_bool(n, False), "On", True, id="yes"),
        pytest.param(lambda n: env.env_bool(n, True), "0", False, id="no"),
        pytest.param(lambda n: env.env_list(n), "a, b,,c ", ["a", "b", "c"], id="list"),
        pytest.param(
            lambda n: env.env_network(n, "127.0.0.0/8"),
            "10.1.0.0/16",
            ipaddress.ip_network("10.1.0.0/16"),
            id="network",
        ),
        pytest.param(
            lambda n: env.env_socket_address(n, "127.0.0.1:1"), "[::1]:80", ("::1", 80), id="ipv6"
        ),
        pytest.param(
            lambda n: env.env_limits(n, ["rows", "columns"]), "rows=3", {"rows": 3}, id="limits"
        ),
        pytest.param(
            lambda n: env.env_path(n, Path("/d")), "x", Path.cwd() / "x", id="path-is-absolute"
        ),
    ],
)
def test_reads_value(monkeypatch, name, read, text, expected):
    monkeypatch.setenv(name, text)
    assert read(name) == expected


@pytest.mark.parametrize(
    ("read", "text"),
    [
        pytest.param(lambda n: env.env_int(n, 3), "-1", id="negative"),
        pytest.param(lambda n: env.env_int(n, 3), "１２", id="not-ascii-digits"),
        pytest.param(lambda n: env.env_int(n, 3), "0_5", id="underscore"),
        pytest.param(lambda n: env.env_int(n, 3, at_least=1, at_most=4), "5", id="too-large"),
        pytest.param(lambda n: env.env_bool(n, True), "maybe", id="neither-yes-nor-no"),
        pytest.param(lambda n: env.env_choice(n, "a", ["a", "b"]), "c", id="not-a-choice"),
        pytest.param(lambda n: env.env_network(n, "127.0.0.0/8"), "10.1.2.3/16", id="host-bits"),
        pytest.param(lambda n: env.env_networks(n), "10.0.0.0/8,x", id="one-bad-network"),
        pytest.param(lambda n: env.env_limits(n, ["rows"]), "row=3", id="unknown-limit"),
        pytest.param(lambda n: env.env_limits(n, ["rows"]), "rows=0", id="limit-of-nothing"),
        pytest.param(lambda n: env.env_socket_address(n, "127.0.0.1:1"), "8000", id="port-alone"),
        pytest.param(lambda n: env.env_socket_address(n, "127.0.0.1:1"), "a:0", id="port-zero"),
    ],
)
def test_refuses_value_in_one_line_that_names_it(monkeypatch, capsys, name, read, text):
    monkeypatch.setenv(name, text)
    with pytest.raises(SystemExit) as ended:
        read(name)
    assert ended.value.code == env.EXIT_BAD_ENVIRONMENT
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said


def test_reports_name_that_nothing_reads(monkeypatch, capsys, name):
    monkeypatch.setenv("OPENCLB_TRYED", "1")
    env.env_str(name)
    assert "OPENCLB_TRYED" in env.unknown_names()
    env.report_unknown()
    assert "OPENCLB_TRYED: nothing reads this variable; did you mean OPENCLB_TRIED?" in (
        capsys.readouterr().err
    )
