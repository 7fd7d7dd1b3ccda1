"""Forwarding rules of HTTP and HTTPS listeners."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.db import transaction

from balancer.exceptions import BalancerError, Conflict, Invalid
from balancer.models import ForwardingRule, Listener, ServerGroup
from balancer.rights import Right
from balancer.rpc.dry_run import can_run_dry
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.finding import find_listener, named_protocol, named_region_id, or_refuse
from balancer.rpc.options import RULE_OPTIONS, read_options, write_options
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.selectors.forwarding_rules import get_forwarding_rule, list_forwarding_rules
from balancer.selectors.server_groups import get_server_group
from balancer.services.forwarding_rules import (
    create_forwarding_rule,
    delete_forwarding_rule,
    update_forwarding_rule,
)
from proxy.snapshot import CheckKind, GroupKind

MAX_PER_CALL: Final = 10
NEEDED_WITHOUT_SYNC: Final = ("Scheduler", "HealthCheck", "StickySession")
FOREIGN_GROUP: Final = (
    "The specified VServerGroupId does not belong to the LoadBalancerId of the rule."
)
CODE_OF_FIELD: Final = {"domain": "DomainMalformed", "path": "UrlMalformed"}


@action("CreateRules")
@can_run_dry
@transaction.atomic
def create_rules(caller: Caller, parameters: Parameters) -> Payload:
    """Create up to ten rules of a listener, all or none."""
    listener = find_listener(caller, parameters, Right.CHANGE, named_protocol(parameters))
    parameters.text("RuleList")
    members = parameters.objects("RuleList", malformed="RuleListMalformed")
    if not members:
        raise missing("RuleList")
    if len(members) > MAX_PER_CALL:
        raise RpcError("TooManyRules", f"A call may create {MAX_PER_CALL} rules at most.")
    rules = [_create(caller, listener, each) for each in members]
    return {
        "Rules": {"Rule": [{"RuleId": each.public_id, "RuleName": each.name} for each in rules]}
    }


@action("SetRule")
@can_run_dry
def set_rule(caller: Caller, parameters: Parameters) -> Payload:
    """Change a rule's name, group, or settings of its own."""
    rule = _find(caller, parameters, Right.CHANGE)
    changes: dict[str, Any] = {}
    if name := parameters.optional("RuleName"):
        changes["name"] = name
    if group_id := parameters.optional("VServerGroupId"):
        changes["server_group"] = _find_group(caller, rule.listener, group_id)
    changes |= _read_settings(parameters)
    if changes:
        with _in_words_of_rules():
            update_forwarding_rule(actor=caller.actor, rule=rule, **changes)
    return {}


@action("DeleteRules")
@transaction.atomic
def delete_rules(caller: Caller, parameters: Parameters) -> Payload:
    """Delete up to ten rules, all or none."""
    ids = list(dict.fromkeys(parameters.texts_in_list("RuleIds")))
    if not ids:
        raise missing("RuleIds")
    if len(ids) > MAX_PER_CALL:
        raise RpcError("InvalidParameter", f"A call may delete {MAX_PER_CALL} rules at most.")
    for rule in [_find_by_id(caller, each, Right.CHANGE) for each in ids]:
        delete_forwarding_rule(actor=caller.actor, rule=rule)
    return {}


@action("DescribeRules")
def describe_rules(caller: Caller, parameters: Parameters) -> Payload:
    """List the rules of a listener."""
    listener = find_listener(caller, parameters, Right.VIEW, named_protocol(parameters))
    rules = list_forwarding_rules(user=caller.user, listener=listener)
    return {"Rules": {"Rule": [_payload(each) for each in rules]}}


@action("DescribeRuleAttribute")
def describe_rule_attribute(caller: Caller, parameters: Parameters) -> Payload:
    """Show one rule; its port is a text here."""
    rule = _find(caller, parameters, Right.VIEW)
    return {
        **_payload(rule),
        "LoadBalancerId": rule.listener.load_balancer.public_id,
        "ListenerPort": str(rule.listener.port),
        "ListenerProtocol": rule.listener.protocol,
    }


def _create(caller: Caller, listener: Listener, member: Mapping[str, Any]) -> ForwardingRule:
    said = Parameters(
        [(name, str(value)) for name, value in _wire_names(member).items() if value != ""]
    )
    if "RuleName" not in said:
        raise RpcError("MissingParameter.RuleName", "The RuleName of a rule is missing.")
    if "VServerGroupId" not in said:
        raise missing("VServerGroupId")
    if "Domain" not in said and "Url" not in said:
        raise RpcError("MissingParameter", "The Domain or Url of a rule is required at least.")
    with _in_words_of_rules():
        return create_forwarding_rule(
            actor=caller.actor,
            listener=listener,
            name=said.text("RuleName"),
            server_group=_find_group(caller, listener, said.text("VServerGroupId")),
            domain=said.optional("Domain") or "",
            path=said.optional("Url") or "",
            **_read_settings(said),
        )


_WIRE_NAMES: Final = {
    name.lower(): name
    for name in (
        "RuleName",
        "VServerGroupId",
        "Domain",
        "Url",
        "ListenerSync",
        *(option.name for option in RULE_OPTIONS),
    )
}


def _wire_names(member: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a member, by the usual names; its keys come in small letters."""
    if not all(isinstance(each, str | int) for each in member.values()):
        raise RpcError("RuleListMalformed", "A member of RuleList may hold texts and numbers only.")
    return {_WIRE_NAMES[key]: value for key, value in member.items() if key in _WIRE_NAMES}


def _read_settings(said: Parameters) -> dict[str, Any]:
    """Return what a rule gets of its own; with ListenerSync on it has the listener's settings."""
    sync = said.switch("ListenerSync")
    if sync is None:
        return {}
    if sync:
        return {"inherits_settings": True}
    for name in NEEDED_WITHOUT_SYNC:
        said.text(name)
    settings = read_options(said, RULE_OPTIONS)
    return {"inherits_settings": False, "check_kind": CheckKind.HTTP.value, **settings}


def _find(caller: Caller, parameters: Parameters, right: Right) -> ForwardingRule:
    rule = _find_by_id(caller, parameters.text("RuleId"), right)
    region_id = named_region_id(caller, parameters)
    if region_id not in (None, rule.listener.load_balancer.region.public_id):
        raise _no_rule()
    return rule


def _find_by_id(caller: Caller, rule_id: str, right: Right) -> ForwardingRule:
    return or_refuse(
        lambda: get_forwarding_rule(user=caller.user, right=right, rule_id=rule_id), _no_rule()
    )


def _no_rule() -> RpcError:
    return RpcError("InvalidRuleId.NotFound", "Rule does not exist.", 404)


def _find_group(caller: Caller, listener: Listener, group_id: str) -> ServerGroup:
    refusal = RpcError("InvalidParameter", FOREIGN_GROUP)
    group = or_refuse(
        lambda: get_server_group(
            user=caller.user, right=Right.VIEW, group_id=group_id, kind=GroupKind.VSERVER
        ),
        refusal,
    )
    if group.load_balancer_id != listener.load_balancer_id:
        raise refusal
    return group


@contextmanager
def _in_words_of_rules() -> Iterator[None]:
    """Turn the refusals of rules into the codes of rules, where elsewhere others are usual."""
    try:
        yield
    except BalancerError as error:
        code = _code_of(error)
        if not code:
            raise
        raise RpcError(code, error.message) from None


def _code_of(error: BalancerError) -> str:
    if isinstance(error, Conflict) and error.code == "rule_exists":
        return "DomainExist"
    if error.code in ("rules_not_supported", "listener_redirects"):
        return "RuleNotSupport"
    if isinstance(error, Invalid) and error.code == "invalid_rule":
        return CODE_OF_FIELD.get(next(iter(error.fields)), "InvalidParameter")
    return ""


def _payload(rule: ForwardingRule) -> dict[str, Any]:
    """Return a rule; what it has from its listener is shown as if it were its own."""
    settings = rule.listener if rule.inherits_settings else rule
    return {
        "RuleId": rule.public_id,
        "RuleName": rule.name,
        "Domain": rule.domain or None,
        "Url": rule.path or None,
        "VServerGroupId": rule.server_group.public_id,
        "ListenerSync": "on" if rule.inherits_settings else "off",
        **write_options(settings, RULE_OPTIONS),
    }
