"""The values of an entry of the operation log in words that people read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

SHOWN_LINES = 5
FOLDED_LINES = 200
"""As many stand on the page behind the others; a replaced group may have thousands."""
NOTHING = ""

PARTS = frozenset({"added", "removed"})
"""Lists of servers in one entry that must be told apart."""

_VALUES_OF_VERBS = {
    "renamed": "name",
    "described": "description",
    "started": "status",
    "stopped": "status",
}

Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One value of an entry, before and after; either may be empty."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What an entry says: the first lines, and the ones that open below them."""

    lines: Sequence[ChangedValue]

    @property
    def shown(self) -> Sequence[ChangedValue]:
        """Return the lines that stand open; a single further line is no reason to fold."""
        return self.lines if len(self.lines) <= SHOWN_LINES + 1 else self.lines[:SHOWN_LINES]

    @property
    def folded(self) -> Sequence[ChangedValue]:
        """Return the lines behind "and 15 more"."""
        return self.lines[len(self.shown) :][:FOLDED_LINES]

    @property
    def folded_count(self) -> int:
        """Return how many lines there are beyond those that stand open."""
        return len(self.lines) - len(self.shown)

    @property
    def left_out(self) -> int:
        """Return how many lines only the REST API tells."""
        return self.folded_count - len(self.folded)


def describe_change(action: str, before: Any, after: Any) -> Change:
    """Return the lines of an entry: one for each server of a list, one for each value changed."""
    if _is_entries(before) or _is_entries(after):
        return Change(_server_lines(before or [], after or []))
    if isinstance(before, dict) or isinstance(after, dict):
        return Change(_value_lines(before or {}, after or {}))
    line = ChangedValue(_name_of(action), _shown(before), _shown(after))
    return Change([line] if line.before != line.after else [])


def _name_of(action: str) -> str:
    """Return what an act changes that has a single value: "weight" of server.weight_changed."""
    verb = action.rpartition(".")[2]
    return _VALUES_OF_VERBS.get(verb, verb.removesuffix("_changed").replace("_", " "))


def _value_lines(before: Any, after: Any) -> list[ChangedValue]:
    old, new = _as_dict(before), _as_dict(after)
    empty = "empty" if old and new else NOTHING
    lines: list[ChangedValue] = []
    for name in {**old, **new}:
        was, now = old.get(name), new.get(name)
        if _is_entries(was) or _is_entries(now):
            part = f"{name} " if name in PARTS else NOTHING
            servers = _server_lines(was or [], now or [])
            lines += [replace(line, name=f"{part}{line.name}") for line in servers]
        elif _shown(was) != _shown(now):
            texts = (_shown(was) or empty, _shown(now) or empty)
            lines.append(ChangedValue(_label(name), *texts))
    return lines


def _server_lines(before: Entries, after: Entries) -> list[ChangedValue]:
    """Return a line for each server; of one that stays only what is another now."""
    old, new = ({_key(each): each for each in entries} for entries in (before, after))
    lines = []
    for key, each in {**old, **new}.items():
        was, now = old.get(key), new.get(key)
        if was is not None and now is not None:
            texts = [_facts(one, but=_same(was, now)) for one in (was, now)]
        else:
            texts = [_facts(one) if one is not None else NOTHING for one in (was, now)]
        if texts[0] != texts[1]:
            lines.append(ChangedValue(str(each.get("name") or each.get("server")), *texts))
    return lines


def _facts(entry: Mapping[str, Any], but: frozenset[str] = frozenset()) -> str:
    """Return "weight 100", with a port before it and a role or note behind it where there is."""
    names = [name for name in ("port", "weight", "role", "description") if name not in but]
    facts = [f"{name} {entry[name]}" for name in names if entry.get(name) not in (None, "")]
    return ", ".join(facts)


def _same(was: Mapping[str, Any], now: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in was if was[name] == now.get(name))


def _key(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return entry.get("server"), entry.get("address"), entry.get("port")


def _is_entries(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all("server" in _as_dict(x) for x in value)


def _label(name: str) -> str:
    unit = " (s)" if name.endswith("_s") else ""
    return name.removesuffix("_s").replace("_", " ") + unit


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return "; ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items() if each != "")
    return str(value)
