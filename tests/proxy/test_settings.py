"""The limits of HTTP as an operator sets them (data-plane issue: limits are settings)."""

import dataclasses

import pytest

from proxy.core.http.limits import DEFAULT_LIMITS, LIMIT_RANGES, HttpLimits
from proxy.settings import ProxySettings

NAME = "OPENCLB_PROXY_HTTP_LIMITS"


def limits_of(monkeypatch, text: str) -> HttpLimits:
    monkeypatch.setenv(NAME, text)
    return ProxySettings.from_environment().http_limits


def test_every_limit_has_a_range_and_a_default_within():
    assert LIMIT_RANGES.keys() == {each.name for each in dataclasses.fields(HttpLimits)}
    for name, (least, most) in LIMIT_RANGES.items():
        assert least <= getattr(DEFAULT_LIMITS, name) <= most


@pytest.mark.parametrize("text", ["", " ", ","])
def test_defaults_hold_where_nothing_is_said(monkeypatch, text):
    assert limits_of(monkeypatch, text) == DEFAULT_LIMITS


def test_each_limit_can_be_set_and_the_others_stay(monkeypatch):
    limits = limits_of(monkeypatch, "max_header_bytes=32768, head_timeout_s=10")
    expected = dataclasses.replace(DEFAULT_LIMITS, max_header_bytes=32768, head_timeout_s=10)
    assert limits == expected


@pytest.mark.parametrize(
    "text",
    [
        "max_header_bytes",
        "max_header_bytes=",
        "max_header_bytes=many",
        "max_header_bytes=-1",
        "max_header_bytes=8191",
        "max_header_bytes=1048577",
        "max_header_bytes=٨١٩٢",
        "max_head_bytes=9000",
        "=5",
        "5",
    ],
)
def test_a_wrong_limit_ends_the_program_with_a_line_that_says_why(monkeypatch, capsys, text):
    with pytest.raises(SystemExit) as ended:
        limits_of(monkeypatch, text)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"openclb: {NAME}: ")
