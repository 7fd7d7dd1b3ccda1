"""The settings module as programs meet it: started with an environment, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PRINT = """
import json
from django.conf import settings
names = ["DATA_DIR", "REDIS_URL", "DATABASES", "EMBEDDED", "ALLOWED_HOSTS", "SECRET_KEY",
         "OPENCLB_ALLOW_LOOPBACK_SERVERS", "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE"]
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


def start(tmp_path, *, code=PRINT, **variables):
    """Run a program that reads the settings, with nothing but these variables."""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "OPENCLB_DATA_DIR": str(tmp_path / "data"),
    }
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, timeout=240
    )


def read(tmp_path, **variables):
    ended = start(tmp_path, **variables)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_embedded_mode_lives_in_the_data_dir(tmp_path):
    settings = read(tmp_path)
    data_dir = str(tmp_path / "data")
    assert settings["DATABASES"]["default"]["NAME"] == f"{data_dir}/openclb.sqlite3"
    assert settings["REDIS_URL"] == f"unix://{data_dir}/broker.sock"
    assert settings["EMBEDDED"] is settings["OPENCLB_ALLOW_LOOPBACK_SERVERS"] is True
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_sqlite_has_wal_busy_timeout_and_immediate_writers(tmp_path):
    options = read(tmp_path)["DATABASES"]["default"]["OPTIONS"]
    assert options["timeout"] == 5
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


def test_data_dir_may_have_any_name(tmp_path):
    odd = tmp_path / "with space & 100%25?#"
    settings = read(tmp_path, OPENCLB_DATA_DIR=str(odd))
    assert settings["DATABASES"]["default"]["NAME"] == f"{odd}/openclb.sqlite3"


def test_postgresql_url_is_taken_apart_and_loopback_servers_are_off(tmp_path):
    settings = read(tmp_path, DATABASE_URL="postgres://clb:se%40cret@db.example:5433/clb")
    database = settings["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"]) == ("db.example", 5433)
    assert (database["USER"], database["PASSWORD"]) == ("clb", "se@cret")
    assert not database.get("ATOMIC_REQUESTS")
    assert database["OPTIONS"]["options"].startswith("-c lock_timeout=5s -c idle_in_transaction")
    assert settings["OPENCLB_ALLOW_LOOPBACK_SERVERS"] is False


def test_secret_key_is_made_once_and_private(tmp_path):
    first, second = read(tmp_path), read(tmp_path)
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert len(first["SECRET_KEY"]) >= 50
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert read(tmp_path, OPENCLB_DATA_DIR=str(tmp_path / "b"))["SECRET_KEY"] != first["SECRET_KEY"]


def test_two_installations_on_one_host_do_not_share_cookies(tmp_path):
    names = {
        read(tmp_path, OPENCLB_HTTP=f"127.0.0.1:{port}")["SESSION_COOKIE_NAME"]
        for port in (8001, 8002)
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OPENCLB_HTTP", "8000"),
        ("OPENCLB_VIP_POOL", "127.88.0.0/99"),
        ("OPENCLB_DEMO_POOL", "everywhere"),
        ("OPENCLB_DEMO", "perhaps"),
        ("OPENCLB_ALLOW_LOOPBACK_SERVERS", "2"),
        ("OPENCLB_HEALTH_SHARDS", "0"),
        ("OPENCLB_PROXY_WORKERS", "many"),
        ("OPENCLB_PROBE_SOURCES", "10.0.0.0/8;::1"),
        ("OPENCLB_LOG_LEVEL", "loud"),
        ("DATABASE_URL", "nonsense://x"),
        ("OPENCLB_DATA_DIR", "/dev/null/x"),
    ],
)
def test_wrong_value_stops_the_start_with_one_line(tmp_path, name, text):
    ended = start(tmp_path, **{name: text})
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"openclb: {name}: ")


def test_unknown_name_is_reported_and_harmless(tmp_path):
    ended = start(tmp_path, OPENCLB_VIPPOOL="127.1.0.0/16")
    assert ended.returncode == 0
    assert "OPENCLB_VIPPOOL: nothing reads this variable; did you mean OPENCLB_VIP_POOL?" in (
        ended.stderr
    )


def test_every_setting_is_documented(tmp_path):
    code = "from django.conf import settings; settings.DEBUG\nfrom console import env\n"
    ended = start(tmp_path, code=code + "print(' '.join(sorted(env._asked)))")
    page = Path("docs/settings.md").read_text()
    missing = [name for name in ended.stdout.split() if f"`{name}`" not in page]
    assert not missing


DEPLOY = "import django; django.setup(); from django.core.management import call_command as c\n"


def test_production_mode_passes_the_deployment_check(tmp_path):
    """Issue 4, section 4: safe by default behind TLS."""
    code = DEPLOY + "c('check', deploy=True, fail_level='WARNING')"
    ended = start(tmp_path, code=code, OPENCLB_BEHIND_TLS="1")
    assert (ended.returncode, ended.stderr) == (0, "")


COOKIES = """
import json
from django.conf import settings as s
names = [f"{kind}_COOKIE_{rule}" for kind in ("SESSION", "CSRF") for rule in ("SECURE", "SAMESITE")]
names += ["SESSION_COOKIE_HTTPONLY", "SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "DEBUG"]
print(json.dumps({name: getattr(s, name) for name in names}))
"""


def test_cookies_and_headers_of_hops_are_safe(tmp_path):
    """Nothing in front is believed unless it is named; behind TLS cookies never leave it."""
    plain = json.loads(start(tmp_path, code=COOKIES).stdout)
    behind_tls = json.loads(start(tmp_path, code=COOKIES, OPENCLB_BEHIND_TLS="1").stdout)
    for each in (plain, behind_tls):
        assert each["SESSION_COOKIE_HTTPONLY"] is True
        assert each["SESSION_COOKIE_SAMESITE"] == each["CSRF_COOKIE_SAMESITE"] == "Lax"
        assert each["USE_X_FORWARDED_HOST"] is each["DEBUG"] is False
    assert plain["SECURE_PROXY_SSL_HEADER"] is None
    assert behind_tls["SESSION_COOKIE_SECURE"] is behind_tls["CSRF_COOKIE_SECURE"] is True
