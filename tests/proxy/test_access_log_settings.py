"""The settings of the access log: a wrong one stops the start with a line that names it."""

from pathlib import Path

import pytest

from proxy.settings import MIB, AccessLogSettings, ProxySettings


def test_access_log_is_off_unless_it_has_a_path(monkeypatch):
    monkeypatch.delenv("OPENCLB_PROXY_ACCESS_LOG", raising=False)
    assert ProxySettings.from_environment().access_log is None


def test_access_log_has_a_path_a_size_and_a_number_of_files(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENCLB_PROXY_ACCESS_LOG", str(tmp_path / "a.log"))
    found = ProxySettings.from_environment().access_log
    assert found == AccessLogSettings(tmp_path / "a.log", 100 * MIB, 5)
    monkeypatch.setenv("OPENCLB_PROXY_ACCESS_LOG_SIZE_MB", "0")
    monkeypatch.setenv("OPENCLB_PROXY_ACCESS_LOG_FILES", "1")
    found = ProxySettings.from_environment().access_log
    assert found == AccessLogSettings(tmp_path / "a.log", 0, 1)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("OPENCLB_PROXY_ACCESS_LOG", str(Path.cwd()), "needs the name of a file"),
        ("OPENCLB_PROXY_ACCESS_LOG_SIZE_MB", "-1", "needs a number between 0 and 1000000"),
        ("OPENCLB_PROXY_ACCESS_LOG_SIZE_MB", "1.5", "needs a number between 0 and 1000000"),
        ("OPENCLB_PROXY_ACCESS_LOG_FILES", "0", "needs a number between 1 and 1000"),
    ],
)
def test_wrong_value_is_refused_with_its_rule(monkeypatch, capsys, name, value, rule):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        ProxySettings.from_environment()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"openclb: {name}: {rule}")
    assert error.count("\n") == 1
