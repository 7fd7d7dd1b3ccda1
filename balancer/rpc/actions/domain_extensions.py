"""Certificates of an HTTPS listener for single domains."""

from typing import Any

from balancer.models import DomainCertificate
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import find_listener, or_refuse
from balancer.rpc.listener_certificates import find_certificate
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.selectors.certificates import get_domain_certificate, list_domain_certificates
from balancer.services.listener_tls import (
    add_domain_certificate,
    change_domain_certificate,
    delete_domain_certificate,
)
from proxy.snapshot import Protocol


@action("CreateDomainExtension")
def create_domain_extension(caller: Caller, parameters: Parameters) -> Payload:
    """Show clients of one domain a certificate of their own."""
    listener = find_listener(caller, parameters, Right.CHANGE, Protocol.HTTPS)
    row = add_domain_certificate(
        actor=caller.actor,
        listener=listener,
        domain=parameters.text("Domain"),
        certificate=find_certificate(caller, parameters.text("ServerCertificateId")),
    )
    return {"DomainExtensionId": row.public_id, "ListenerPort": listener.port}


@action("SetDomainExtensionAttribute")
def set_domain_extension_attribute(caller: Caller, parameters: Parameters) -> Payload:
    """Show clients of the domain another certificate."""
    row = _find(caller, parameters, Right.CHANGE)
    certificate = find_certificate(caller, parameters.text("ServerCertificateId"))
    change_domain_certificate(actor=caller.actor, domain_certificate=row, certificate=certificate)
    return {}


@action("DeleteDomainExtension")
def delete_domain_extension(caller: Caller, parameters: Parameters) -> Payload:
    """Show clients of the domain the listener's own certificate again."""
    row = _find(caller, parameters, Right.CHANGE)
    delete_domain_certificate(actor=caller.actor, domain_certificate=row)
    return {}


@action("DescribeDomainExtensions")
def describe_domain_extensions(caller: Caller, parameters: Parameters) -> Payload:
    """List the further certificates of a listener."""
    listener = find_listener(caller, parameters, Right.VIEW, Protocol.HTTPS)
    rows = list_domain_certificates(user=caller.user, listener=listener)
    if domain_id := parameters.optional("DomainExtensionId"):
        rows = rows.filter(public_id=domain_id)
    return {"DomainExtensions": {"DomainExtension": [_payload(each) for each in rows]}}


@action("DescribeDomainExtensionAttribute")
def describe_domain_extension_attribute(caller: Caller, parameters: Parameters) -> Payload:
    """Show one further certificate."""
    row = _find(caller, parameters, Right.VIEW)
    return {
        **_payload(row),
        "LoadBalancerId": row.listener.load_balancer.public_id,
        "ListenerPort": row.listener.port,
    }


def _payload(row: DomainCertificate) -> dict[str, Any]:
    return {
        "DomainExtensionId": row.public_id,
        "Domain": row.domain,
        "ServerCertificateId": row.certificate.public_id,
    }


def _find(caller: Caller, parameters: Parameters, right: Right) -> DomainCertificate:
    domain_id = parameters.text("DomainExtensionId")
    message = f"The specified DomainExtensionId {domain_id:.40} does not exist."
    return or_refuse(
        lambda: get_domain_certificate(
            user=caller.user, right=right, domain_certificate_id=domain_id
        ),
        RpcError("InvalidDomainExtensionId.NotFound", message, 404),
    )
