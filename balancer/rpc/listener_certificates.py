"""Certificates of an HTTPS listener on the wire."""

from typing import Any

from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller


def read_certificates(caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Return the certificates that a call names, by columns."""
    return {}
