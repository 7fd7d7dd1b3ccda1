"""How answers show a listener, alone and in a list."""

from collections.abc import Mapping
from typing import Any, Final

from balancer.choices import TaggedResource
from balancer.models import Listener
from balancer.rpc.listener_access import access_payload
from balancer.rpc.listener_groups import groups_payload
from balancer.rpc.options import CONFIG_OF_PROTOCOL, HEAD, write_options
from balancer.rpc.registry import Caller
from balancer.rpc.responses import Payload
from balancer.rpc.tags import tags_of
from proxy.snapshot import Protocol

CONFIG_NAME: Final[Mapping[Protocol, str]] = {
    each: f"{each.value.upper()}ListenerConfig" for each in Protocol
}


def listener_payload(caller: Caller, listener: Listener) -> Payload:
    """Return everything about one listener."""
    tags = tags_of(caller, TaggedResource.LISTENER, [listener.public_id])
    return {
        **_head(listener),
        **_config(listener),
        **access_payload(listener),
        **_requests(listener),
        "Tags": tags[listener.public_id],
    }


def listed_payload(listener: Listener, tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a list of listeners; tags and access lists have no wrapper there."""
    config = _config(listener)
    groups = groups_payload(listener)
    if (flag := config.get("ProxyProtocolV2Enabled")) is not None:
        config["ProxyProtocolV2Enabled"] = "true" if flag else "false"
    pair = groups.pop("MasterSlaveServerGroupId")
    return {
        **_head(listener),
        **access_payload(listener, in_list=True),
        "MasterSlaveServerGroupId": None,
        "ListenerProtocol": listener.protocol,
        "Tags": tags["Tag"],
        CONFIG_NAME[Protocol(listener.protocol)]: {
            **config,
            **_forward(listener),
            "MasterSlaveServerGroupId": pair,
        },
    }


def _head(listener: Listener) -> dict[str, Any]:
    """Return what listeners of all protocols have."""
    return {
        "LoadBalancerId": listener.load_balancer.public_id,
        "ListenerPort": listener.port,
        "BackendServerPort": listener.backend_port,
        "Status": listener.status,
        "Description": listener.description or listener.name,
        **write_options(listener, HEAD),
        **groups_payload(listener),
    }


def _config(listener: Listener) -> dict[str, Any]:
    protocol = Protocol(listener.protocol)
    config = write_options(listener, CONFIG_OF_PROTOCOL[protocol])
    if protocol == Protocol.HTTPS:
        for name, certificate in (
            ("ServerCertificateId", listener.certificate),
            ("CACertificateId", listener.client_ca_certificate),
        ):
            config[name] = certificate.public_id if certificate else None
    return config


def _forward(listener: Listener) -> dict[str, Any]:
    if listener.protocol != Protocol.HTTP:
        return {}
    return {
        "ListenerForward": "off" if listener.redirect_port is None else "on",
        "ForwardPort": listener.redirect_port,
    }


def _requests(listener: Listener) -> dict[str, Any]:
    """Return what only listeners have that look at requests: rules, domains, the redirection."""
    if not listener.is_http:
        return {}
    said: dict[str, Any] = {
        **_forward(listener),
        "SecurityStatus": "on",
        "Rules": {"Rule": [_rule(each) for each in listener.rules.select_related("server_group")]},
    }
    if listener.protocol == Protocol.HTTPS:
        domains = listener.domain_certificates.select_related("certificate")
        said["DomainExtensions"] = {
            "DomainExtension": [
                {
                    "DomainExtensionId": each.public_id,
                    "Domain": each.domain,
                    "ServerCertificateId": each.certificate.public_id,
                }
                for each in domains
            ]
        }
    return said


def _rule(rule: Any) -> dict[str, Any]:
    return {
        "RuleId": rule.public_id,
        "RuleName": rule.name,
        "Domain": rule.domain or None,
        "Url": rule.path or None,
        "VServerGroupId": rule.server_group.public_id,
    }
