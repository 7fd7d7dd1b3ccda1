"""Makes the estate as the file says, through the services, all of it or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from balancer.actors import Actor
from balancer.constants import UNLIMITED_BANDWIDTH_MBPS
from balancer.declarative.describing import (
    LOAD_BALANCER_DEFAULTS,
    SERVER_DEFAULTS,
    describe_load_balancer,
)
from balancer.declarative.listeners import (
    CERTIFICATE_OPTIONS,
    PAIR,
    default_options,
    default_rule,
)
from balancer.declarative.planning import (
    Entry,
    balancer_key,
    by_key,
    listener_key,
    rule_key,
    server_key,
)
from balancer.exceptions import BalancerError, Conflict, Invalid
from balancer.models import (
    AccessList,
    Certificate,
    ForwardingRule,
    Listener,
    LoadBalancer,
    Region,
    ServerGroup,
    Vpc,
    VSwitch,
    Zone,
)
from balancer.services.backend_servers import NewServer, list_entries
from balancer.services.forwarding_rules import (
    create_forwarding_rule,
    delete_forwarding_rule,
    update_forwarding_rule,
)
from balancer.services.listeners import (
    create_listener,
    delete_listener,
    start_listener,
    stop_listener,
    update_listener,
)
from balancer.services.load_balancers import (
    create_load_balancer,
    release_load_balancer,
    set_deletion_protection,
    set_modification_protection,
    start_load_balancer,
    stop_load_balancer,
)
from balancer.services.server_changes import ServerChanges, ServerEdit, change_servers
from balancer.services.server_groups import create_server_group, delete_server_group
from balancer.services.specifications import (
    bandwidth_of_listeners,
    change_bandwidth,
    change_specification,
)
from proxy.snapshot import GroupKind, Protocol

_PLACE_MODELS: Mapping[str, Any] = {
    "primary_zone": Zone,
    "backup_zone": Zone,
    "vpc": Vpc,
    "vswitch": VSwitch,
}
_GROUP_KINDS = (
    ("vserver_groups", GroupKind.VSERVER),
    ("primary_secondary_groups", GroupKind.PRIMARY_SECONDARY),
)


@transaction.atomic
def carry_out(*, actor: Actor, wanted: Sequence[Entry], prunes: bool = False) -> None:
    """Make every load balancer as it is wanted; raise what a service refuses, with its place."""
    rows = LoadBalancer.objects.select_related("region")
    known = {(row.region.public_id, row.name): row for row in rows}
    for entry in wanted:
        row = known.pop(balancer_key(entry), None)
        with _named(f"instance {entry['name']}"):
            _make_balancer(actor, row, entry)
    for row in known.values() if prunes else ():
        with _named(f"instance {row.name}"):
            release_load_balancer(actor=actor, load_balancer=row)


class _named:  # noqa: N801  (a context manager that reads like a word)
    """Says in a refusal what it is about."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, BalancerError):
            error.message = f"{self._what}: {error.message}"


def _make_balancer(actor: Actor, row: LoadBalancer | None, entry: Entry) -> None:
    row = row or _create_balancer(actor, entry)
    current = describe_load_balancer(row)
    _set_specification(actor, row, entry)
    _make_servers(actor, _default_group(row), current, entry, "default_servers")
    for field, kind in _GROUP_KINDS:
        _make_groups(actor, row, kind, current.get(field, []), entry.get(field, []))
    _set_bandwidth(actor, row, entry, only_if_fits=True)
    _make_listeners(actor, row, current.get("listeners", []), entry.get("listeners", []))
    _set_bandwidth(actor, row, entry)
    for field, kind in _GROUP_KINDS:
        _delete_groups(actor, row, kind, entry.get(field, []))
    _set_switches(actor, row, entry)


def _create_balancer(actor: Actor, entry: Entry) -> LoadBalancer:
    values: dict[str, Any] = {
        name: _find(model, entry[name], name)
        for name, model in _PLACE_MODELS.items()
        if name in entry
    }
    values |= {name: entry[name] for name in ("address", "address_type") if name in entry}
    return create_load_balancer(
        actor=actor,
        region=_find(Region, entry["region"], "region"),
        name=entry["name"],
        specification=entry.get("specification", ""),
        **values,
    )


def _set_specification(actor: Actor, row: LoadBalancer, entry: Entry) -> None:
    """Before servers and listeners, which may need guaranteed performance."""
    change_specification(
        actor=actor, load_balancer=row, specification=entry.get("specification", "")
    )


def _set_bandwidth(
    actor: Actor, row: LoadBalancer, entry: Entry, *, only_if_fits: bool = False
) -> None:
    """Before listeners that need it, and after those that give some of theirs up."""
    mbps = entry.get("bandwidth_mbps", UNLIMITED_BANDWIDTH_MBPS)
    fits = mbps == UNLIMITED_BANDWIDTH_MBPS or bandwidth_of_listeners(row) <= mbps
    if fits or not only_if_fits:
        change_bandwidth(actor=actor, load_balancer=row, bandwidth_mbps=mbps)


def _set_switches(actor: Actor, row: LoadBalancer, entry: Entry) -> None:
    values = LOAD_BALANCER_DEFAULTS | dict(entry)
    set_deletion_protection(actor=actor, load_balancer=row, enabled=values["deletion_protection"])
    set_modification_protection(
        actor=actor,
        load_balancer=row,
        enabled=values["modification_protection"],
        reason=values["modification_protection_reason"],
    )
    switches = {"active": start_load_balancer, "inactive": stop_load_balancer}
    if values["status"] not in switches:
        raise _refusal("status", f"must be active or inactive; given: {values['status']:.40}.")
    switches[values["status"]](actor=actor, load_balancer=row)


# --- groups --------------------------------------------------------------------------------------


def _make_groups(
    actor: Actor,
    row: LoadBalancer,
    kind: GroupKind,
    current: Sequence[Entry],
    wanted: Sequence[Entry],
) -> None:
    known = {entry["name"]: entry for entry in current}
    for entry in wanted:
        with _named(f"group {entry['name']}"):
            if entry["name"] not in known:
                create_server_group(
                    actor=actor,
                    load_balancer=row,
                    kind=kind,
                    name=entry["name"],
                    servers=[_new_server(each) for each in entry.get("servers", [])],
                )
            else:
                group = row.server_groups.get(kind=kind, name=entry["name"])
                _make_servers(actor, group, known[entry["name"]], entry, "servers")


def _delete_groups(
    actor: Actor, row: LoadBalancer, kind: GroupKind, wanted: Sequence[Entry]
) -> None:
    names = [entry["name"] for entry in wanted]
    for group in row.server_groups.filter(kind=kind).exclude(name__in=names):
        with _named(f"group {group.name}"):
            delete_server_group(actor=actor, group=group)


def _make_servers(
    actor: Actor, group: ServerGroup, current: Entry, wanted: Entry, field: str
) -> None:
    before = by_key(current.get(field, []), server_key)
    after = by_key(wanted.get(field, []), server_key)
    if before == after:
        return
    rows = {_row_key(row): row.public_id for row in list_entries(group)}
    edits = {
        rows[key]: _edit(entry)
        for key, entry in after.items()
        if key in before and entry != before[key]
    }
    changes = ServerChanges(
        remove=[rows[key] for key in before if key not in after],
        edit=edits,
        add=[_new_server(entry) for key, entry in after.items() if key not in before],
    )
    change_servers(actor=actor, group=group, changes=changes)


def _row_key(row: Any) -> tuple[Any, ...]:
    address = row.address if row.machine_type == "eni" else ""
    return (row.machine_type, row.machine_id, address, row.port)


def _edit(entry: Entry) -> ServerEdit:
    values = SERVER_DEFAULTS | dict(entry)
    return ServerEdit(values["weight"], values["description"])


def _new_server(entry: Entry) -> NewServer:
    values = SERVER_DEFAULTS | dict(entry)
    return NewServer(machine_type=values.pop("type"), machine_id=values.pop("id"), **values)


def _default_group(row: LoadBalancer) -> ServerGroup:
    return row.server_groups.get(kind=GroupKind.DEFAULT)


# --- listeners -----------------------------------------------------------------------------------


def _make_listeners(
    actor: Actor, row: LoadBalancer, current: Sequence[Entry], wanted: Sequence[Entry]
) -> None:
    before, after = by_key(current, listener_key), by_key(wanted, listener_key)
    # HTTPS comes first and goes last: HTTP listeners may redirect to it.
    order = sorted(after.items(), key=lambda item: item[0][0] != Protocol.HTTPS)
    leaving = [key for key in before if key not in after]
    for key in sorted(leaving, key=lambda each: each[0] == Protocol.HTTPS):
        with _named(f"listener {key[0]} {key[1]}"):
            delete_listener(actor=actor, listener=_listener(row, key))
    for key, entry in order:
        with _named(f"listener {key[0]} {key[1]}"):
            _make_listener(actor, row, before.get(key), entry)


def _make_listener(actor: Actor, row: LoadBalancer, before: Entry | None, entry: Entry) -> None:
    protocol, port = listener_key(entry)
    status = entry.get("status", "running")
    if status not in ("running", "stopped"):
        raise _refusal("status", f"must be running or stopped; given: {status:.40}.")
    if before is None:
        options = _options(row, {name: entry[name] for name in entry if name not in _NO_OPTIONS})
        listener = create_listener(
            actor=actor,
            load_balancer=row,
            protocol=protocol,
            port=port,
            start=status == "running",
            **options,
        )
    else:
        listener = _change_listener(actor, row, before, entry)
        switch = start_listener if status == "running" else stop_listener
        switch(actor=actor, listener=listener)
    _make_rules(actor, listener, (before or {}).get("rules", []), entry.get("rules", []))


_NO_OPTIONS = frozenset({"protocol", "port", "status", "rules"})


def _change_listener(actor: Actor, row: LoadBalancer, before: Entry, entry: Entry) -> Listener:
    listener = _listener(row, listener_key(entry))
    defaults = default_options(*listener_key(entry))
    changed = {
        name: entry.get(name, defaults.get(name))
        for name in {*before, *entry} - _NO_OPTIONS
        if before.get(name, defaults.get(name)) != entry.get(name, defaults.get(name))
    }
    if not changed:
        return listener
    return update_listener(actor=actor, listener=listener, **_options(row, changed))


def _options(row: LoadBalancer, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the service's arguments: rows in the place of their names."""
    options = dict(values)
    if PAIR in options:
        pair = options.pop(PAIR)
        if pair is not None:
            if options.get("server_group") is not None:
                raise _refusal(PAIR, "a listener has one group: this or server_group, not both.")
            options["server_group"] = _group_named(row, GroupKind.PRIMARY_SECONDARY, pair, PAIR)
        else:
            options.setdefault("server_group", None)
    for name in ("server_group", "primary_group", "secondary_group"):
        if isinstance(options.get(name), str):
            options[name] = _group_named(row, GroupKind.VSERVER, options[name], name)
    for name in CERTIFICATE_OPTIONS:
        if options.get(name) is not None:
            options[name] = _find(Certificate, options[name], name)
    if "access_lists" in options:
        options["access_lists"] = [
            _find(AccessList, each, "access_lists") for each in options["access_lists"]
        ]
    return options


def _make_rules(
    actor: Actor, listener: Listener, current: Sequence[Entry], wanted: Sequence[Entry]
) -> None:
    before, after = by_key(current, rule_key), by_key(wanted, rule_key)
    for key in before.keys() - after.keys():
        delete_forwarding_rule(actor=actor, rule=_rule(listener, key))
    for key, entry in after.items():
        with _named(f"rule {key[0]}{key[1]}"):
            if key not in before:
                values = _rule_values(listener, entry)
                create_forwarding_rule(actor=actor, listener=listener, **values)
            elif entry != before[key]:
                values = _rule_values(listener, default_rule() | dict(entry))
                del values["domain"], values["path"]
                update_forwarding_rule(actor=actor, rule=_rule(listener, key), **values)


def _rule_values(listener: Listener, entry: Entry) -> dict[str, Any]:
    group = _group_named(
        listener.load_balancer, GroupKind.VSERVER, entry["server_group"], "server_group"
    )
    return {**entry, "server_group": group}


def _rule(listener: Listener, key: tuple[Any, ...]) -> ForwardingRule:
    return listener.rules.get(domain=key[0], path=key[1])


def _listener(row: LoadBalancer, key: tuple[Any, ...]) -> Listener:
    return row.listeners.get(protocol=key[0], port=key[1])


def _group_named(row: LoadBalancer, kind: GroupKind, name: str, field: str) -> ServerGroup:
    group = row.server_groups.filter(kind=kind, name=name).first()
    if group is None:
        raise _refusal(field, f"{row.name} has no group {name:.80} of this kind in the file.")
    return group


def _find(model: Any, public_id: str, field: str) -> Any:
    found = model.objects.filter(public_id=public_id).first()
    if found is None:
        raise _refusal(field, f"there is no {model._meta.verbose_name} {public_id:.80}.")
    return found


def _refusal(field: str, message: str) -> Invalid:
    text = f"{field}: {message}"
    return Invalid("invalid_file", text, fields={field: [text]})


def check_no_ambiguity(rows: Sequence[LoadBalancer], wanted: Sequence[Entry]) -> None:
    """Raise Conflict when a name of the file stands for two instances."""
    wanted_keys = {balancer_key(entry) for entry in wanted}
    seen = set()
    for row in rows:
        key = (row.region.public_id, row.name)
        if key in wanted_keys and key in seen:
            raise Conflict(
                "ambiguous_name", f"Region {key[0]} has two instances named {key[1]}; rename one."
            )
        seen.add(key)
