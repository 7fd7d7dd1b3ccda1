"""Every write to a forwarding rule."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from balancer.actors import Actor
from balancer.domain.forwarding import (
    check_rule_group,
    check_rule_match,
    check_rule_name,
    check_rules_allowed,
)
from balancer.domain.listeners import check_options
from balancer.domain.persistence import check_persistence
from balancer.domain.quotas import check_quota
from balancer.domain.refusals import RefusalCollector
from balancer.domain.support import check_listener_supported
from balancer.exceptions import Conflict, Invalid, NotFound
from balancer.models import ForwardingRule, Listener, ServerGroup
from balancer.models.listener import HealthCheckSettings, StickySettings
from balancer.services.activity import record_activity
from balancer.services.locks import check_fresh, lock_load_balancer, lock_row, save_edit
from balancer.services.publishing import request_publish
from proxy.snapshot import CheckKind

SETTINGS = frozenset(
    {"scheduler"}
    | {field.name for field in HealthCheckSettings._meta.fields}
    | {field.name for field in StickySettings._meta.fields}
)
"""What a rule has of its own unless it inherits from its listener."""
_OPTIONS = SETTINGS | {"name", "server_group", "inherits_settings"}
_MATCH = frozenset({"listener", "domain", "path"})


@transaction.atomic
def create_forwarding_rule(
    *,
    actor: Actor,
    listener: Listener,
    name: str,
    server_group: ServerGroup,
    domain: str = "",
    path: str = "",
    **options: Any,
) -> ForwardingRule:
    """Create a rule: requests of the domain and path go to the group (S35).

    Without options of its own it has those of its listener.
    """
    match = _checked_match(name, {"domain": domain, "path": path})
    options = {"check_kind": CheckKind.HTTP.value} | _checked(options, listener)
    load_balancer = lock_load_balancer(actor, listener.load_balancer_id)
    listener = lock_row(listener)
    _check_listener(listener)
    check_quota(
        "rules_per_listener",
        current=listener.rules.count(),
        requested=1,
        what=f"forwarding rules on {listener.name}",
    )
    rule = ForwardingRule(listener=listener, server_group=server_group, **match, **options)
    _check_whole(rule)
    _check_match_free(rule)
    rule.save()
    record_activity(
        actor,
        "forwarding_rule.created",
        rule,
        load_balancer=load_balancer,
        after=_plain(rule, ["listener", "server_group", *match, *options]),
    )
    request_publish(load_balancer)
    return rule


@transaction.atomic
def update_forwarding_rule(
    *, actor: Actor, rule: ForwardingRule, expected: int | None = None, **changes: Any
) -> ForwardingRule:
    """Change a rule's name, group or settings; what it matches stays."""
    changes = _checked(changes, rule.listener)
    load_balancer = lock_load_balancer(actor, rule.listener.load_balancer_id)
    rule = _lock_rule(rule)
    check_fresh(rule, expected)
    changed = {name: value for name, value in changes.items() if getattr(rule, name) != value}
    if not changed:
        return rule
    before = _plain(rule, changed)
    for name, value in changed.items():
        setattr(rule, name, value)
    _check_whole(rule)
    save_edit(rule, *changed)
    record_activity(
        actor,
        "forwarding_rule.changed",
        rule,
        load_balancer=load_balancer,
        before=before,
        after=_plain(rule, changed),
    )
    request_publish(load_balancer)
    return rule


@transaction.atomic
def delete_forwarding_rule(
    *, actor: Actor, rule: ForwardingRule, expected: int | None = None
) -> None:
    """Delete the rule; its requests go where the next rule or the listener says. Groups stay."""
    load_balancer = lock_load_balancer(actor, rule.listener.load_balancer_id)
    rule = _lock_rule(rule)
    check_fresh(rule, expected)
    record_activity(
        actor,
        "forwarding_rule.deleted",
        rule,
        load_balancer=load_balancer,
        before=_plain(rule, ["listener", "name", "domain", "path", "server_group"]),
    )
    rule.delete()
    request_publish(load_balancer)


def _lock_rule(rule: ForwardingRule) -> ForwardingRule:
    locked = (
        ForwardingRule.objects.select_for_update(of=("self",))
        .select_related("listener__load_balancer__region", "server_group")
        .filter(pk=rule.pk)
        .first()
    )
    if locked is None:
        raise NotFound("forwarding_rule_not_found", "This forwarding rule does not exist any more.")
    return locked


def _checked_match(name: str, match: dict[str, str]) -> dict[str, str]:
    """Return name, domain and path, or every error of the three at once."""
    refusals = RefusalCollector()
    checked: dict[str, str] = {}
    with refusals.gathering():
        checked["name"] = check_rule_name(name)
    with refusals.gathering():
        checked |= check_rule_match(match)
    refusals.finish()
    return checked


def _checked(options: dict[str, Any], listener: Listener) -> dict[str, Any]:
    unknown = options.keys() - _OPTIONS
    if unknown:
        fields = {name: [_why_not(name)] for name in sorted(unknown)}
        raise Invalid("unknown_option", next(iter(fields.values()))[0], fields=fields)
    _check_listener(listener)
    checked = dict(options)
    if "name" in options:
        checked["name"] = check_rule_name(options["name"])
    settings = {name: value for name, value in options.items() if name in SETTINGS}
    check_listener_supported(settings | {"protocol": listener.protocol})
    return checked | check_options(settings, protocol=listener.protocol)


def _why_not(name: str) -> str:
    if name in _MATCH:
        return f"The {name} of a rule stays; create another rule instead."
    return f"A forwarding rule has no option {name} to set."


def _check_listener(listener: Listener) -> None:
    check_rules_allowed(listener.name, protocol=listener.protocol, redirects=listener.redirects)


def _check_whole(rule: ForwardingRule) -> None:
    """Hold the rule against its siblings, its group, and its options against each other."""
    siblings = ForwardingRule.objects.filter(listener_id=rule.listener_id).exclude(pk=rule.pk)
    if siblings.filter(name=rule.name).exists():
        message = f"The listener has a rule named {rule.name} already."
        raise Invalid("name_in_use", message, fields={"name": [message]})
    group = rule.server_group
    if not ServerGroup.objects.filter(pk=group.pk).exists():
        message = f"Server group {group.public_id} does not exist any more."
        raise Invalid("group_not_found", message, fields={"server_group": [message]})
    is_own = group.load_balancer_id == rule.listener.load_balancer_id
    check_rule_group(group.public_id, kind=group.kind, is_own=is_own)
    check_persistence(
        sticky_enabled=rule.sticky_enabled,
        sticky_kind=rule.sticky_kind,
        cookie_timeout_s=rule.cookie_timeout_s,
        cookie_name=rule.cookie_name,
    )


def _check_match_free(rule: ForwardingRule) -> None:
    siblings = ForwardingRule.objects.filter(listener_id=rule.listener_id)
    taken = siblings.filter(domain=rule.domain, path=rule.path).first()
    if taken is not None:
        raise Conflict(
            "rule_exists",
            f"The rule {taken.name} matches {rule.domain}{rule.path} already.",
            field="domain" if rule.domain else "path",
            rule=taken.public_id,
        )


def _plain(rule: ForwardingRule, names: Iterable[str]) -> dict[str, Any]:
    """Return the values as JSON-able ones, other rows by their public ids."""
    values = {name: getattr(rule, name) for name in sorted(set(names))}
    return {name: getattr(value, "public_id", value) for name, value in values.items()}
