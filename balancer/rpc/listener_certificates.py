"""Certificates of an HTTPS listener on the wire."""

from typing import Any

from balancer.models import Certificate
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import or_refuse
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller
from balancer.selectors.certificates import get_certificate

_COLUMNS = {"ServerCertificateId": "certificate", "CACertificateId": "client_ca_certificate"}


def read_certificates(caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Return the certificates that a call names, by columns."""
    ids = {column: parameters.optional(name) for name, column in _COLUMNS.items()}
    return {column: find_certificate(caller, each) for column, each in ids.items() if each}


def find_certificate(
    caller: Caller, certificate_id: str, *, right: Right = Right.VIEW, region_id: str | None = None
) -> Certificate:
    """Return a certificate; what is not there is told in the words of this API."""
    message = f"The specified certificate {certificate_id:.40} does not exist."
    return or_refuse(
        lambda: get_certificate(
            user=caller.user, right=right, certificate_id=certificate_id, region_id=region_id
        ),
        RpcError("ResourceNotFound.Certificate", message, 404),
    )
