"""Who may import whom, as the table in architecture.md says; each file is parsed, none is run."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("proxy", "balancer", "console")
FEED = "proxy/net/config_feed.py"


@dataclass(frozen=True)
class Rule:
    """Files below ``folder`` import none of ``banned``; ``but`` are exceptions within those."""

    folder: str
    banned: tuple[str, ...]
    but: tuple[str, ...] = ()


RULES = (
    Rule("proxy/", ("django", "rest_framework", "celery", "balancer", "console")),
    Rule(
        "proxy/core/",
        ("asyncio", "socket", "select", "ssl", "time", "random", "proxy.net", "proxy.node"),
    ),
    Rule("balancer/", ("console",)),
    Rule("balancer/domain/", ("django", "balancer.models", "balancer.services")),
    Rule(
        "balancer/services/",
        ("django.http", "rest_framework", "balancer.tasks", "balancer.api", "balancer.rpc"),
    ),
    # "None of them knows the other two."
    Rule("balancer/api/", ("balancer.rpc", "balancer.tasks")),
    Rule("balancer/rpc/", ("balancer.api", "balancer.tasks")),
    Rule("balancer/tasks/", ("balancer.api", "balancer.rpc")),
    # The only line between the planes.
    Rule("balancer/", ("proxy",), but=("proxy.snapshot",)),
    Rule("console/", ("proxy",), but=("proxy.snapshot",)),
)


def imported_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything a module imports, wherever it does so."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level
            else:
                for alias in node.names:
                    yield node.lineno, f"{node.module}.{alias.name}"


def is_within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def violations(path: str, source: str) -> list[str]:
    """Return what the file imports against the rules."""
    found = []
    for line, name in imported_names(source):
        if name.startswith("."):
            found.append(f"{path}:{line} imports relatively")
        for rule in RULES:
            if (
                path.startswith(rule.folder)
                and is_within(name, rule.banned)
                and not is_within(name, rule.but)
            ):
                found.append(f"{path}:{line} {rule.folder} must not import {name}")
        if path.startswith("proxy/") and not is_known_to_proxy(path, name):
            found.append(f"{path}:{line} the proxy runs without {name}")
    return found


def is_known_to_proxy(path: str, name: str) -> bool:
    """The data plane has the standard library and itself; the feed has a Redis client too."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top == "proxy" or (top == "redis" and path == FEED)


def files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((PROJECT / package).rglob("*.py"))


def test_every_file_keeps_the_rules():
    found = [
        each
        for path in files()
        for each in violations(path.relative_to(PROJECT).as_posix(), path.read_text())
    ]
    assert found == []


def test_contract_between_the_planes_needs_nothing_but_the_standard_library():
    own = ("proxy/snapshot.py", "proxy/decoding.py")
    names = {name for path in own for _, name in imported_names((PROJECT / path).read_text())}
    names = {name for name in names if not name.startswith("proxy.decoding.")}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("proxy/node.py", "import django"),
        ("proxy/net/server.py", "import redis.asyncio"),
        ("proxy/net/server.py", "def late():\n    from balancer import feed"),
        ("proxy/core/health.py", "from time import monotonic"),
        ("proxy/core/health.py", "from proxy import net"),
        ("proxy/core/health.py", "from . import generation"),
        ("proxy/worker.py", "import uvloop"),
        ("balancer/models/base.py", "from console.env import env_str"),
        ("balancer/domain/weights.py", "from django.db import models"),
        ("balancer/services/health.py", "from balancer.tasks.health import check_shard"),
        ("balancer/api/views/x.py", "from balancer.rpc import errors"),
        ("balancer/feed.py", "from proxy.core import health"),
        ("console/pages/x.py", "from proxy.node import ProxyNode"),
    ],
)
def test_breach_is_found(path, source):
    assert violations(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (FEED, "import redis.asyncio"),
        ("balancer/feed.py", "from proxy.snapshot import Snapshot"),
        ("balancer/choices.py", "from proxy import snapshot"),
        ("proxy/core/generation.py", "from proxy.snapshot import Snapshot"),
        ("console/pages/x.py", "from balancer.services import listeners"),
    ],
)
def test_permitted_import_is_no_breach(path, source):
    assert violations(path, source) == []
