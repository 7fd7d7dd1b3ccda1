"""The guide to the REST API is true: its commands run as they stand, its answers are as shown."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop.conftest import HERE, ROOT, Server

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEXT = "--- next block ---"
ANYTHING = "…"
LONGEST_S = 240
DIRECT = {"NO_PROXY": "*", "no_proxy": "*"}


@dataclass
class Block:
    """Commands, and what the guide shows of their answer."""

    commands: str
    shown: list[tuple[str, str]] = field(default_factory=list)


def blocks() -> list[Block]:
    found: list[Block] = []
    for kind, text in FENCE.findall((ROOT / "docs/api.md").read_text()):
        if kind == "sh":
            found.append(Block(text))
        else:
            found[-1].shown.append((kind, text))
    return found


def run(guide: list[Block], server: Server, folder: Path) -> list[str]:
    """Return what each block writes; all run in one shell, as the guide says."""
    (folder / "var").mkdir()
    (folder / "var/credentials.json").symlink_to(server.data_dir / "credentials.json")
    script = "set -e\n" + f"echo '{NEXT}'\n".join(block.commands + "\necho\n" for block in guide)
    ended = subprocess.run(
        ["sh", "-c", script.replace("127.0.0.1:8000", server.endpoint)],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | DIRECT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert ended.returncode == 0, (ended.stdout[-2000:], ended.stderr)
    return ended.stdout.split(NEXT)


def test_every_command_of_the_guide_answers_as_shown(server, tmp_path):
    subprocess.run(["sh", str(HERE / "find-curl.sh")], check=True)
    guide = blocks()
    assert len(guide) > 15
    wrong = []
    for block, told in zip(guide, run(guide, server, tmp_path), strict=True):
        for kind, shown in block.shown:
            differences = list(compare(kind, shown, told))
            wrong += [block.commands, *differences, told[-600:]] if differences else []
    assert not wrong, "\n".join(wrong)


def compare(kind: str, shown: str, told: str) -> Iterator[str]:
    """Yield where an answer is not as shown: words from the start, or members of a document."""
    if kind == "text":
        words = shown.split()
        return differ(words, told.split()[: len(words)])
    return differ(json.loads(shown), documents(told)[-1])


def documents(told: str) -> list[Any]:
    """Return the JSON documents among what was written."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while (start := re.compile(r"[\[{]").search(told, at)) is not None:
        value, at = decoder.raw_decode(told, start.start())
        found.append(value)
    return found


def differ(shown: Any, told: Any, path: str = "") -> Iterator[str]:
    """Yield where the answer is not as shown; it may have more members than the guide shows."""
    if shown == ANYTHING:
        return
    if isinstance(shown, dict) and isinstance(told, dict):
        for name, below in shown.items():
            if name in told:
                yield from differ(below, told[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is missing"
    elif isinstance(shown, list) and isinstance(told, list) and len(shown) == len(told):
        for index, below in enumerate(shown):
            yield from differ(below, told[index], f"{path}[{index}]")
    elif shown != told:
        yield f"{path}: shown {shown!r}, told {told!r}"


def test_a_wrong_answer_is_noticed():
    assert list(differ({"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 3}]}))
    assert list(differ({"a": 1}, {}))
    assert not list(differ({"a": [ANYTHING]}, {"a": [5], "more": 1}))
