"""The file: YAML in and out, read strictly, so that a slip of the pen changes nothing."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from balancer.declarative.describing import (
    FORMAT,
    LOAD_BALANCER_DEFAULTS,
    PLACES,
    SERVER_DEFAULTS,
)
from balancer.declarative.listeners import (
    CERTIFICATE_OPTIONS,
    GROUP_OPTIONS,
    PAIR,
    PLAIN_OPTIONS,
    RULE_SETTINGS,
    default_options,
    default_rule,
    type_of_option,
    without_defaults,
)
from balancer.exceptions import Invalid
from balancer.models import ForwardingRule, Listener

MAX_CHARACTERS = 10_000_000
_TYPE_NAMES: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
}
_SERVER_KEY = ("type", "id", "address", "port")
_Reader = Callable[[Any, str], Any]


def write_document(document: Mapping[str, Any]) -> str:
    """Return the document as text; equal documents give equal text."""
    return yaml.safe_dump(
        dict(document), sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )


def read_document(text: str) -> list[dict[str, Any]]:
    """Return the load balancers that the text describes, without what is at its default.

    Raises Invalid for the first thing that is not as it should be, with its place.
    """
    try:
        raw = yaml.safe_load(text[: MAX_CHARACTERS + 1])
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _refusal("file", f"This is not YAML: {error}") from error
    if len(text) > MAX_CHARACTERS:
        raise _refusal("file", f"A file has {MAX_CHARACTERS} characters at most.")
    top = _mapping(raw, "file", {"openclb": int, "load_balancers": list}, {"openclb"})
    if top["openclb"] != FORMAT:
        raise _refusal("openclb", f"This program reads format {FORMAT}, not {top['openclb']}.")
    found = _each(top.get("load_balancers", []), "load_balancers", _load_balancer)
    _unique(found, "load_balancers", ("region", "name"))
    return found


def _load_balancer(raw: Any, place: str) -> dict[str, Any]:
    types = {"name": str, "region": str} | dict.fromkeys(PLACES, str)
    types |= {name: type(value) for name, value in LOAD_BALANCER_DEFAULTS.items()}
    entry = _mapping(raw, place, types, {"name", "region"})
    for name, read in (
        ("default_servers", _server),
        ("vserver_groups", _group),
        ("primary_secondary_groups", _group),
        ("listeners", _listener),
    ):
        entry[name] = _each(entry.get(name, []), f"{place}.{name}", read)
    _unique(entry["default_servers"], f"{place}.default_servers", _SERVER_KEY)
    for name in ("vserver_groups", "primary_secondary_groups"):
        _unique(entry[name], f"{place}.{name}", ("name",))
        entry[name].sort(key=lambda group: group["name"])
    _unique(entry["listeners"], f"{place}.listeners", ("protocol", "port"))
    entry["listeners"].sort(key=lambda listener: (listener["port"], listener["protocol"]))
    return without_defaults(entry, LOAD_BALANCER_DEFAULTS)


def _group(raw: Any, place: str) -> dict[str, Any]:
    entry = _mapping(raw, place, {"name": str, "servers": list}, {"name"})
    servers = _each(entry.get("servers", []), f"{place}.servers", _server)
    _unique(servers, f"{place}.servers", _SERVER_KEY)
    return {"name": entry["name"]} | ({"servers": servers} if servers else {})


def _server(raw: Any, place: str) -> dict[str, Any]:
    types = {"type": str, "id": str, "address": str, "port": int, "weight": int}
    types |= {"description": str, "role": str}
    entry = _mapping(raw, place, types, {"type", "id"})
    return without_defaults(entry, SERVER_DEFAULTS)


def _listener(raw: Any, place: str) -> dict[str, Any]:
    types = {name: type_of_option(Listener, name) for name in PLAIN_OPTIONS}
    types |= dict.fromkeys((*GROUP_OPTIONS, *CERTIFICATE_OPTIONS, PAIR), str)
    types |= {"protocol": str, "port": int, "status": str, "name": str, "description": str}
    types |= {"access_lists": list, "rules": list}
    entry = _mapping(raw, place, types, {"protocol", "port"})
    entry = {"protocol": entry["protocol"], "port": entry["port"], "status": "running"} | entry
    lists = _each(entry.get("access_lists", []), f"{place}.access_lists", _text)
    entry["access_lists"] = sorted(lists)
    entry["rules"] = _each(entry.get("rules", []), f"{place}.rules", _rule)
    _unique(entry["rules"], f"{place}.rules", ("domain", "path"))
    entry["rules"].sort(key=lambda rule: (rule.get("domain", ""), rule.get("path", "")))
    return without_defaults(entry, _defaults_of(entry))


def _defaults_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return default_options(entry["protocol"], entry["port"])
    except KeyError:  # no such protocol: the service says so
        return {}


def _rule(raw: Any, place: str) -> dict[str, Any]:
    types = {name: type_of_option(ForwardingRule, name) for name in RULE_SETTINGS}
    types |= {"name": str, "domain": str, "path": str, "server_group": str}
    entry = _mapping(raw, place, types | {"inherits_settings": bool}, {"name", "server_group"})
    return without_defaults(entry, default_rule())


def _text(raw: Any, place: str) -> str:
    _check_type(raw, str, place)
    return str(raw)


def _each(raw: Any, place: str, read: _Reader) -> list[Any]:
    return [read(each, f"{place}[{at}]") for at, each in enumerate(raw)]


def _mapping(
    raw: Any, place: str, types: Mapping[str, type], required: Iterable[str]
) -> dict[str, Any]:
    """Return the mapping with every member known and of its type; null means left out."""
    _check_type(raw, dict, place)
    for name, value in raw.items():
        if name not in types:
            known = ", ".join(sorted(types))
            raise _refusal(
                f"{place}.{name!s:.80}", f"There is no {name!s:.80} here. Known: {known}."
            )
        if value is not None:
            _check_type(value, types[name], f"{place}.{name}")
    for name in required:
        if raw.get(name) is None:
            raise _refusal(f"{place}.{name}", "This is needed.")
    return {name: value for name, value in raw.items() if value is not None}


def _check_type(value: Any, expected: type, place: str) -> None:
    if type(value) is not expected:
        given = _TYPE_NAMES.get(type(value), type(value).__name__)
        message = f"This must be {_TYPE_NAMES[expected]}, not {given}"
        raise _refusal(place, f"{message}: {value!s:.80}.")


def _unique(entries: Iterable[Mapping[str, Any]], place: str, names: tuple[str, ...]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for at, entry in enumerate(entries):
        key = tuple(entry.get(name, "") for name in names)
        if key in seen:
            words = " ".join(str(each) for each in key)
            raise _refusal(f"{place}[{at}]", f"{words} stands at [{seen[key]}] already.")
        seen[key] = at


def _refusal(place: str, message: str) -> Invalid:
    return Invalid("invalid_file", f"{place}: {message}", fields={place: [message]})
