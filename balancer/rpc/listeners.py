"""How answers show a listener, alone and in a list."""

from collections.abc import Mapping
from typing import Any, Final

from balancer.choices import TaggedResource
from balancer.models import Listener
from balancer.rpc.listener_access import access_payload
from balancer.rpc.listener_groups import groups_payload, working_group_id
from balancer.rpc.options import CONFIG_OF_PROTOCOL, HEAD, write_options
from balancer.rpc.registry import Caller
from balancer.rpc.responses import Payload
from balancer.rpc.tags import tags_of
from proxy.snapshot import CheckKind, Protocol

CONFIG_NAME: Final[Mapping[Protocol, str]] = {
    each: f"{each.value.upper()}ListenerConfig" for each in Protocol
}


GROUPS_OF_CONFIG: Final = (
    "MasterSlaveServerGroupId",
    "MasterServerGroupId",
    "SlaveServerGroupId",
)
"""What stands in the config of an entry of a list, and beside the rest of a single listener."""

NEVER_SENT: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "XForwardedFor_ClientCertSubjectDN",
        "XForwardedFor_ClientCertIssuerDN",
        "XForwardedFor_ClientCertFingerprint",
        "XForwardedFor_ClientCertClientVerify",
    ),
    "off",
)
"""Headers of the original about the client's certificate; servers do not get them here."""


def listener_payload(caller: Caller, listener: Listener) -> Payload:
    """Return everything about one listener."""
    tags = tags_of(caller, TaggedResource.LISTENER, [listener.public_id])
    return {
        **_head(listener),
        **_config(listener),
        **access_payload(listener),
        **_requests(listener),
        "WorkingServerGroupId": working_group_id(listener),
        "Tags": tags[listener.public_id],
    }


def listed_payload(listener: Listener, tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a list of listeners; tags and access lists have no wrapper there."""
    config = _config(listener)
    groups = groups_payload(listener)
    if (flag := config.get("ProxyProtocolV2Enabled")) is not None:
        config["ProxyProtocolV2Enabled"] = "true" if flag else "false"
    of_config = {name: groups.get(name) for name in GROUPS_OF_CONFIG}
    return {
        **_head(listener),
        **access_payload(listener, in_list=True),
        **dict.fromkeys(GROUPS_OF_CONFIG),
        "ListenerProtocol": listener.protocol,
        "Tags": tags["Tag"],
        CONFIG_NAME[Protocol(listener.protocol)]: {
            **config,
            **_forward(listener),
            **_check_of_list(listener),
            **of_config,
        },
    }


def _check_of_list(listener: Listener) -> dict[str, Any]:
    """Return what only lists say of the checks of HTTP and HTTPS listeners."""
    if not listener.is_http or not listener.check_enabled:
        return {}
    return {"HealthCheckType": CheckKind.HTTP.value, "HealthCheckHttpVersion": "http1.0"}


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
        config |= NEVER_SENT
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
