"""Listeners and their rules in the words of the file: each option that is not at its default."""

from collections.abc import Mapping
from typing import Any

from django.db.models import BooleanField, Field, IntegerField

from balancer.models import ForwardingRule, Listener
from balancer.services.forwarding_rules import SETTINGS
from balancer.services.listeners import OPTIONS, check_defaults
from proxy.snapshot import GroupKind

PAIR = "primary_secondary_group"
GROUP_OPTIONS = ("server_group", "primary_group", "secondary_group")
CERTIFICATE_OPTIONS = ("certificate", "client_ca_certificate")
PLAIN_OPTIONS = tuple(
    sorted(OPTIONS - {*GROUP_OPTIONS, *CERTIFICATE_OPTIONS, "name", "description"})
)
RULE_SETTINGS = tuple(sorted(SETTINGS))


def describe_listener(row: Listener) -> dict[str, Any]:
    """Return the listener; options at their defaults are left out."""
    defaults = default_options(row.protocol, row.port)
    entry: dict[str, Any] = {"protocol": row.protocol, "port": row.port, "status": row.status}
    entry |= {name: _plain(row, name) for name in ("name", "description", *PLAIN_OPTIONS)}
    entry |= {name: _name_of(getattr(row, name)) for name in GROUP_OPTIONS}
    entry |= {name: _id_of(getattr(row, name)) for name in CERTIFICATE_OPTIONS}
    if row.server_group is not None and row.server_group.kind == GroupKind.PRIMARY_SECONDARY:
        entry |= {"server_group": None, PAIR: row.server_group.name}
    entry["access_lists"] = sorted(each.public_id for each in row.access_lists.all())
    rules = sorted(row.rules.all(), key=lambda rule: (rule.domain, rule.path))
    entry["rules"] = [describe_rule(rule) for rule in rules]
    return without_defaults(entry, defaults)


def describe_rule(row: ForwardingRule) -> dict[str, Any]:
    """Return a forwarding rule, with settings only where it has its own."""
    entry: dict[str, Any] = {
        "name": row.name,
        "domain": row.domain,
        "path": row.path,
        "server_group": row.server_group.name,
        "inherits_settings": row.inherits_settings,
    }
    if not row.inherits_settings:
        entry |= {name: _plain(row, name) for name in RULE_SETTINGS}
    return without_defaults(entry, default_rule())


def default_options(protocol: str, port: int) -> dict[str, Any]:
    """Return the value of every option that a file leaves out."""
    untouched = Listener()
    defaults = {name: _plain(untouched, name) for name in PLAIN_OPTIONS}
    defaults |= {name: _text(value) for name, value in check_defaults(protocol).items()}
    defaults |= dict.fromkeys((*GROUP_OPTIONS, *CERTIFICATE_OPTIONS, PAIR))
    return defaults | {
        "name": f"{protocol}_{port}",
        "description": "",
        "access_lists": [],
        "rules": [],
    }


def default_rule() -> dict[str, Any]:
    """Return the value of everything that a rule in a file may leave out."""
    untouched = ForwardingRule()
    settings = {name: _plain(untouched, name) for name in RULE_SETTINGS}
    return settings | {"check_kind": "http", "domain": "", "path": "", "inherits_settings": True}


def without_defaults(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry without what would be so anyway."""
    return {
        name: value
        for name, value in entry.items()
        if name not in defaults or defaults[name] != value
    }


def type_of_option(model: type[Listener] | type[ForwardingRule], name: str) -> type:
    """Return what an option is in the file: a flag, a number or a text."""
    field: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]
    if isinstance(field, BooleanField):
        return bool
    return int if isinstance(field, IntegerField) else str


def _plain(row: Listener | ForwardingRule, name: str) -> Any:
    return _text(getattr(row, name))


def _text(value: Any) -> Any:
    """Return a plain text for a member of an enumeration: the file knows none."""
    return str(value) if isinstance(value, str) else value


def _name_of(group: Any) -> str | None:
    return None if group is None or group.is_default else str(group.name)


def _id_of(row: Any) -> str | None:
    return None if row is None else str(row.public_id)
