"""Listeners of four protocols: create, look at, change, start, stop, delete."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from balancer.choices import TaggedResource
from balancer.models import Listener
from balancer.rights import Right
from balancer.rpc.dry_run import can_run_dry
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import (
    NO_LISTENER,
    find_listener,
    find_load_balancer,
    listener_port,
    named_protocol,
    named_region_id,
)
from balancer.rpc.kinds import NUMBER, TEXT
from balancer.rpc.listener_access import read_access
from balancer.rpc.listener_certificates import read_certificates
from balancer.rpc.listener_groups import read_group_changes, read_new_groups
from balancer.rpc.listeners import listed_payload, listener_payload
from balancer.rpc.options import CONFIG_OF_PROTOCOL, HEAD, Option, read_options
from balancer.rpc.parameters import Parameters
from balancer.rpc.parts import read_token, write_token
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.tags import ids_with_tags, read_new_tags, read_tag_pairs, tags_of
from balancer.selectors.listeners import list_listeners
from balancer.services.listeners import (
    create_listener,
    delete_listener,
    start_listener,
    stop_listener,
    update_listener,
)
from balancer.services.tags import set_tags
from proxy.snapshot import CheckKind, Protocol

MAX_NAME_CHARACTERS: Final = 80
MAX_RESULTS, DEFAULT_RESULTS, MAX_LOAD_BALANCERS = 100, 20, 10

DESCRIPTION: Final = Option("Description", "description", TEXT)
REDIRECT: Final = Option("ForwardPort", "redirect_port", NUMBER)
NEEDED: Final[Mapping[Protocol, tuple[str, ...]]] = {
    Protocol.TCP: ("Bandwidth",),
    Protocol.UDP: ("Bandwidth",),
    Protocol.HTTP: ("HealthCheck",),
    Protocol.HTTPS: ("Bandwidth", "HealthCheck", "ServerCertificateId"),
}
DEFAULTS: Final[Mapping[Protocol, Mapping[str, Any]]] = {
    # What this entrance sets when a client says nothing and the console's default is another.
    Protocol.TCP: {"check_expected_classes": "2"},
    Protocol.UDP: {},
    Protocol.HTTP: {"check_expected_classes": "2", "gzip_enabled": True},
    Protocol.HTTPS: {"check_expected_classes": "2", "gzip_enabled": True, "http2_enabled": True},
}
DEFAULTS_OF_REDIRECT: Final[Mapping[str, Any]] = {"check_enabled": False}
"""A listener that only sends its clients on has no servers to check."""


def _create(caller: Caller, parameters: Parameters, protocol: Protocol) -> Payload:
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    port = listener_port(parameters)
    redirect = _read_redirect(parameters, protocol)
    if not redirect:
        for name in NEEDED[protocol]:
            parameters.text(name)
    options = {
        **(DEFAULTS_OF_REDIRECT if redirect else DEFAULTS[protocol]),
        **_read_options(caller, parameters, protocol),
        **redirect,
        **read_new_groups(caller, parameters, protocol, redirects=bool(redirect)),
    }
    if protocol == Protocol.TCP and options.get("check_kind") == CheckKind.HTTP:
        options.setdefault("check_method", "GET")  # section 5.4
    description = options.get("description", "")
    if description and len(description) <= MAX_NAME_CHARACTERS:
        options["name"] = description
    tags = read_new_tags(parameters)
    with transaction.atomic():
        listener = create_listener(
            actor=caller.actor,
            load_balancer=load_balancer,
            protocol=protocol.value,
            port=port,
            **options,
        )
        if tags:
            set_tags(actor=caller.actor, resources=[listener], tags=tags)
    return {}


def _set(caller: Caller, parameters: Parameters, protocol: Protocol) -> Payload:
    listener = find_listener(caller, parameters, Right.CHANGE, protocol)
    if listener.redirect_port is not None:
        raise RpcError(
            "Operation.NotAllowed",
            "Operation Denied. The HTTP listener does not support this action.",
        )
    changes = {
        **_read_options(caller, parameters, protocol, is_guarded=listener.access_enabled),
        **read_group_changes(caller, parameters, listener),
    }
    if changes:
        update_listener(actor=caller.actor, listener=listener, **changes)
    return {}


def _describe(caller: Caller, parameters: Parameters, protocol: Protocol) -> Payload:
    return listener_payload(caller, find_listener(caller, parameters, Right.VIEW, protocol))


def _read_options(
    caller: Caller, parameters: Parameters, protocol: Protocol, *, is_guarded: bool = False
) -> dict[str, Any]:
    options = read_options(parameters, (*HEAD, DESCRIPTION, *CONFIG_OF_PROTOCOL[protocol]))
    options |= read_access(caller, parameters, is_on=is_guarded)
    if protocol == Protocol.HTTPS:
        options |= read_certificates(caller, parameters)
    return options


def _read_redirect(parameters: Parameters, protocol: Protocol) -> dict[str, Any]:
    """Return where an HTTP listener sends its clients, nothing when it serves them itself."""
    if protocol != Protocol.HTTP or not parameters.switch("ListenerForward"):
        return {}
    parameters.text(REDIRECT.name)
    return read_options(parameters, [REDIRECT])


@action("CreateLoadBalancerTCPListener")
def create_tcp(caller: Caller, parameters: Parameters) -> Payload:
    """Create a TCP listener, stopped."""
    return _create(caller, parameters, Protocol.TCP)


@action("CreateLoadBalancerUDPListener")
def create_udp(caller: Caller, parameters: Parameters) -> Payload:
    """Create a UDP listener, stopped."""
    return _create(caller, parameters, Protocol.UDP)


@action("CreateLoadBalancerHTTPListener")
def create_http(caller: Caller, parameters: Parameters) -> Payload:
    """Create an HTTP listener, stopped."""
    return _create(caller, parameters, Protocol.HTTP)


@action("CreateLoadBalancerHTTPSListener")
def create_https(caller: Caller, parameters: Parameters) -> Payload:
    """Create an HTTPS listener, stopped."""
    return _create(caller, parameters, Protocol.HTTPS)


@action("SetLoadBalancerTCPListenerAttribute")
@can_run_dry
def set_tcp(caller: Caller, parameters: Parameters) -> Payload:
    """Change a TCP listener."""
    return _set(caller, parameters, Protocol.TCP)


@action("SetLoadBalancerUDPListenerAttribute")
@can_run_dry
def set_udp(caller: Caller, parameters: Parameters) -> Payload:
    """Change a UDP listener."""
    return _set(caller, parameters, Protocol.UDP)


@action("SetLoadBalancerHTTPListenerAttribute")
@can_run_dry
def set_http(caller: Caller, parameters: Parameters) -> Payload:
    """Change an HTTP listener."""
    return _set(caller, parameters, Protocol.HTTP)


@action("SetLoadBalancerHTTPSListenerAttribute")
@can_run_dry
def set_https(caller: Caller, parameters: Parameters) -> Payload:
    """Change an HTTPS listener."""
    return _set(caller, parameters, Protocol.HTTPS)


@action("DescribeLoadBalancerTCPListenerAttribute")
def describe_tcp(caller: Caller, parameters: Parameters) -> Payload:
    """Show a TCP listener."""
    return _describe(caller, parameters, Protocol.TCP)


@action("DescribeLoadBalancerUDPListenerAttribute")
def describe_udp(caller: Caller, parameters: Parameters) -> Payload:
    """Show a UDP listener."""
    return _describe(caller, parameters, Protocol.UDP)


@action("DescribeLoadBalancerHTTPListenerAttribute")
def describe_http(caller: Caller, parameters: Parameters) -> Payload:
    """Show an HTTP listener."""
    return _describe(caller, parameters, Protocol.HTTP)


@action("DescribeLoadBalancerHTTPSListenerAttribute")
def describe_https(caller: Caller, parameters: Parameters) -> Payload:
    """Show an HTTPS listener."""
    return _describe(caller, parameters, Protocol.HTTPS)


@action("StartLoadBalancerListener")
def start(caller: Caller, parameters: Parameters) -> Payload:
    """Let a listener serve."""
    start_listener(actor=caller.actor, listener=_find_any(caller, parameters, "ListenerNotFound"))
    return {}


@action("StopLoadBalancerListener")
def stop(caller: Caller, parameters: Parameters) -> Payload:
    """Stop a listener."""
    stop_listener(actor=caller.actor, listener=_find_any(caller, parameters, "ListenerNotFound"))
    return {}


@action("DeleteLoadBalancerListener")
def delete(caller: Caller, parameters: Parameters) -> Payload:
    """Delete a listener with its rules."""
    listener = _find_any(caller, parameters, "ResourceNotFound.Listener")
    delete_listener(actor=caller.actor, listener=listener)
    return {}


def _find_any(caller: Caller, parameters: Parameters, missing_code: str) -> Listener:
    try:
        return find_listener(caller, parameters, Right.CHANGE, named_protocol(parameters))
    except RpcError as error:
        if error.message == NO_LISTENER:
            raise RpcError(missing_code, NO_LISTENER, 404) from None
        raise


@action("DescribeLoadBalancerListeners")
def describe_listeners(caller: Caller, parameters: Parameters) -> Payload:
    """List listeners of several instances, a part at a time."""
    most = _read_max_results(parameters)
    rows = _filtered(caller, parameters)
    after = read_token(parameters, "IllegalParam.NextToken")
    part = list(rows.filter(pk__gt=after)[: most + 1])
    shown, has_more = part[:most], len(part) > most
    tags = tags_of(caller, TaggedResource.LISTENER, [each.public_id for each in shown])
    return {
        "TotalCount": rows.count(),
        "MaxResults": most,
        "NextToken": write_token(shown[-1].pk if has_more else None),
        "Listeners": [listed_payload(each, tags[each.public_id]) for each in shown],
    }


def _read_max_results(parameters: Parameters) -> int:
    try:
        most = parameters.integer("MaxResults", minimum=0, maximum=MAX_RESULTS + 1)
    except RpcError as error:
        raise RpcError("IllegalParam.MaxResults", error.message) from None
    return min(most or DEFAULT_RESULTS, MAX_RESULTS)


def _filtered(caller: Caller, parameters: Parameters) -> QuerySet[Listener]:
    rows = list_listeners(user=caller.user).order_by("pk")
    if region_id := named_region_id(caller, parameters):
        rows = rows.filter(load_balancer__region__public_id=region_id)
    ids = parameters.numbered("LoadBalancerId")
    if len(ids) > MAX_LOAD_BALANCERS:
        rule = f"A call may name {MAX_LOAD_BALANCERS} load balancers at most."
        raise RpcError("IllegalParamSize.LoadBalancerId", rule)
    if ids:
        rows = rows.filter(load_balancer__public_id__in=ids)
    if protocol := named_protocol(parameters, "IllegalParam.ListenerProtocol"):
        rows = rows.filter(protocol=protocol)
    if (port := parameters.integer("ListenerPort")) is not None:
        rows = rows.filter(port=port)
    if description := parameters.optional("Description"):
        named = rows.filter(description="", name=description)
        rows = rows.filter(description=description) | named
    tagged = ids_with_tags(caller, TaggedResource.LISTENER, read_tag_pairs(parameters))
    return rows if tagged is None else rows.filter(public_id__in=tagged)
