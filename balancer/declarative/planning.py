"""What has to change so that the estate is as the file says; values in, steps out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from balancer.declarative.describing import LOAD_BALANCER_DEFAULTS, PLACES, SERVER_DEFAULTS
from balancer.declarative.listeners import default_options, default_rule
from balancer.exceptions import Conflict

Entry = Mapping[str, Any]
Key = tuple[Any, ...]


class Act(StrEnum):
    """What a step does."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value before and after; None where there is none."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that comes, changes or goes, and what it belongs to."""

    act: Act
    what: str
    of: str
    changes: tuple[FieldChange, ...] = ()


def plan_estate(
    current: Sequence[Entry], wanted: Sequence[Entry], *, prunes: bool = False
) -> list[Step]:
    """Return the steps from the one to the other; without ``prunes`` no instance is deleted."""
    return list(_plan(current, wanted, prunes=prunes))


def balancer_key(entry: Entry) -> Key:
    """Return what tells an instance from all others."""
    return (entry["region"], entry["name"])


def server_key(entry: Entry) -> Key:
    """Return what tells an entry of a group from the others."""
    return (entry["type"], entry["id"], entry.get("address", ""), entry.get("port"))


def listener_key(entry: Entry) -> Key:
    """Return what tells a listener from the others."""
    return (entry["protocol"], entry["port"])


def rule_key(entry: Entry) -> Key:
    """Return what tells a rule from the others of its listener."""
    return (entry.get("domain", ""), entry.get("path", ""))


def by_key(entries: Iterable[Entry], key: Any) -> dict[Key, Entry]:
    """Return the entries by what tells them apart."""
    return {key(entry): entry for entry in entries}


def _plan(current: Sequence[Entry], wanted: Sequence[Entry], *, prunes: bool) -> Iterator[Step]:
    old, new = by_key(current, balancer_key), by_key(wanted, balancer_key)
    for key, entry in new.items():
        of = f"{entry['name']} ({entry['region']})"
        if key in old:
            yield from _plan_balancer(old[key], entry, of)
        else:
            yield Step(Act.CREATE, "instance", of, _all_of(entry, LOAD_BALANCER_DEFAULTS))
            yield from _plan_parts({}, entry, of)
    for key in old.keys() - new.keys() if prunes else ():
        yield Step(Act.DELETE, "instance", f"{key[1]} ({key[0]})")


def _plan_balancer(old: Entry, new: Entry, of: str) -> Iterator[Step]:
    for name in PLACES:
        if name in new and new[name] != old.get(name):
            raise Conflict(
                "fixed_for_life",
                f"The {name.replace('_', ' ')} of {of} is {old.get(name) or 'empty'} and stays so; "
                f"given: {new[name]}. Give the instance another name to make a new one.",
            )
    # What the file does not say of the place stays as it is.
    places = {name: old[name] for name in PLACES if name in old}
    changes = _differences(old, {**places, **new}, LOAD_BALANCER_DEFAULTS)
    if changes:
        yield Step(Act.CHANGE, "instance", of, changes)
    yield from _plan_parts(old, new, of)


def _plan_parts(old: Entry, new: Entry, of: str) -> Iterator[Step]:
    yield from _plan_servers(
        old.get("default_servers", []), new.get("default_servers", []), f"default group of {of}"
    )
    for kind, words in (
        ("vserver_groups", "VServer group"),
        ("primary_secondary_groups", "primary/secondary group"),
    ):
        yield from _plan_groups(old.get(kind, []), new.get(kind, []), words, of)
    yield from _plan_listeners(old.get("listeners", []), new.get("listeners", []), of)


def _plan_groups(old: Sequence[Entry], new: Sequence[Entry], words: str, of: str) -> Iterator[Step]:
    before = {entry["name"]: entry for entry in old}
    after = {entry["name"]: entry for entry in new}
    for name, entry in after.items():
        if name not in before:
            yield Step(Act.CREATE, f"{words} {name}", of)
        servers = before.get(name, {}).get("servers", [])
        yield from _plan_servers(servers, entry.get("servers", []), f"{words} {name} of {of}")
    for name in before.keys() - after.keys():
        yield Step(Act.DELETE, f"{words} {name}", of)


def _plan_servers(old: Sequence[Entry], new: Sequence[Entry], of: str) -> Iterator[Step]:
    before, after = by_key(old, server_key), by_key(new, server_key)
    for key, entry in after.items():
        if key not in before:
            yield Step(Act.CREATE, _server_words(entry), of, _all_of(entry, {}))
        elif changes := _differences(before[key], entry, SERVER_DEFAULTS):
            yield Step(Act.CHANGE, _server_words(entry), of, changes)
    for key, entry in before.items():
        if key not in after:
            yield Step(Act.DELETE, _server_words(entry), of)


def _plan_listeners(old: Sequence[Entry], new: Sequence[Entry], of: str) -> Iterator[Step]:
    before, after = by_key(old, listener_key), by_key(new, listener_key)
    for key, entry in after.items():
        what = f"listener {key[0].upper()}: {key[1]}"
        known = before.get(key)
        if known is None:
            yield Step(Act.CREATE, what, of, _all_of(entry, {}, without=("rules",)))
        elif changes := _differences(known, entry, default_options(*key), without=("rules",)):
            yield Step(Act.CHANGE, what, of, changes)
        rules = (known or {}).get("rules", [])
        yield from _plan_rules(rules, entry.get("rules", []), f"{what} of {of}")
    for key in before.keys() - after.keys():
        yield Step(Act.DELETE, f"listener {key[0].upper()}: {key[1]}", of)


def _plan_rules(old: Sequence[Entry], new: Sequence[Entry], of: str) -> Iterator[Step]:
    before, after = by_key(old, rule_key), by_key(new, rule_key)
    for key, entry in after.items():
        what = f"rule {key[0]}{key[1]}"
        if key not in before:
            yield Step(Act.CREATE, what, of, _all_of(entry, {}))
        elif changes := _differences(before[key], entry, default_rule()):
            yield Step(Act.CHANGE, what, of, changes)
    for key in before.keys() - after.keys():
        yield Step(Act.DELETE, f"rule {key[0]}{key[1]}", of)


def _differences(
    old: Entry, new: Entry, defaults: Entry, without: Sequence[str] = ()
) -> tuple[FieldChange, ...]:
    names = sorted({*old, *new} - set(without) - _PARTS)
    pairs = (
        (name, old.get(name, defaults.get(name)), new.get(name, defaults.get(name)))
        for name in names
    )
    return tuple(FieldChange(*each) for each in pairs if each[1] != each[2])


_PARTS = frozenset(
    name for name, default in LOAD_BALANCER_DEFAULTS.items() if isinstance(default, list)
)


def _all_of(entry: Entry, defaults: Entry, without: Sequence[str] = ()) -> tuple[FieldChange, ...]:
    names = [name for name in entry if name not in _PARTS and name not in without]
    return tuple(FieldChange(name, None, entry[name]) for name in names)


def _server_words(entry: Entry) -> str:
    place = f" {entry['address']}" if entry.get("address") else ""
    port = f":{entry['port']}" if entry.get("port") else ""
    return f"server {entry['id']}{place}{port}"
