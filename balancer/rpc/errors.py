"""What a caller of the RPC API is told when a request cannot be carried out.

Codes, statuses and sentences are those that clients match (slb-rpc-api.md sections 1.7, 3 and 7).
Refusals of the services are translated here, once, from tables.
"""

from collections.abc import Mapping
from typing import Final

from django.db import IntegrityError, OperationalError

from balancer.exceptions import (
    BalancerError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Protected,
    QuotaExceeded,
)

MAX_MESSAGE_CHARACTERS = 400


class RpcError(Exception):
    """One refusal in the words of this API."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def missing(name: str) -> RpcError:
    """Return the refusal of a request without a parameter that it needs."""
    return RpcError(
        "MissingParameter",
        f'The input parameter "{name}" that is mandatory for processing this request is not '
        "supplied.",
    )


def not_allowed(message: str) -> RpcError:
    """Return the refusal of somebody who lacks the right."""
    return RpcError("Forbidden.RAM", message, 403)


CODE_OF_REFUSAL: Final[Mapping[str, tuple[str, int]]] = {
    # refusal of a service: (code of this API, status)
    "already_in_group": ("InvalidParameter", 400),
    "bad_address": ("ObtainIpFail", 400),
    "certificate_format": ("CertificateFormatInvalid", 400),
    "certificate_in_use": ("CertificateAndPrivateKeyIsRefered", 400),
    "certificate_kind": ("CertificateTypeMismatched", 400),
    "certificate_not_found": ("CertificateNotExist", 400),
    "default_group_is_fixed": ("Operation.NotAllowed", 400),
    "deletion_protected": ("OperationDenied.DeleteProtectionIsOn", 400),
    "duplicate": ("Duplicated.AclEntry", 400),
    "duplicate_server": ("InvalidParameter", 400),
    "duplicate_tag": ("Duplicate.TagKey", 400),
    "foreign_group": ("InvalidParam.VServerGroupId", 400),
    "group_kind": ("InvalidParameter.VServerGroupId", 400),
    "group_not_found": ("ResourceNotFound.VServerGroup", 400),
    "idempotency_key_reused": ("IdempotentParameterMismatch", 400),
    "access_list_in_use": ("AclInUse", 400),
    "access_list_not_found": ("AclNotExist", 400),
    "bandwidth_exceeded": ("InvalidParameter.Bandwidth", 400),
    "name_in_use": ("InvalidParameter", 400),
    "redirect_in_use": ("ListenerForwardExist", 400),
    "redirect_target": ("ListenerForwardNotSupport", 400),
    "idc_not_allowed": ("INVALID_SERVER_TYPE", 400),
    "invalid_tag_key": ("InvalidParam.TagKey", 400),
    "invalid_tag_value": ("InvalidParam.TagValue", 400),
    "key_encrypted": ("PrivateKeyEncryption", 400),
    "key_format": ("KeyFormatError", 400),
    "key_mismatch": ("CertificateNotMatchPrivateKey", 400),
    "load_balancer_locked": ("ActionNotAllowed", 400),
    "load_balancer_not_found": ("InvalidLoadBalancerId.NotFound", 404),
    "no_free_address": ("SubnetIpExhaust", 400),
    "not_exactly_two": ("BACKEND_SERVERS_NUM_MUST_BE_TWO", 400),
    "not_one_primary": ("BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE", 400),
    "other_network": ("NetworkConflict", 400),
    "other_region": ("InvalidServerId.NotExist", 400),
    "pair_is_fixed": ("Operation.NotAllowed", 400),
    "server_not_found": ("InvalidServerId.NotExist", 400),
    "server_not_running": ("ObtainIpFail", 400),
    "specification_too_small": ("InvalidParameterValue.SpecNotSupport", 400),
    "too_many_load_balancers": ("OverQuota", 400),
}
CODE_OF_QUOTA: Final[Mapping[str, str]] = {
    "load_balancers": "OverQuota",
    "listeners_per_load_balancer": "ListenerNumberOverLimit",
    "servers_per_load_balancer": "InstanceBackendServerNumberOverLimit",
    "rules_per_listener": "TooManyRules",
    "tags_per_resource": "QuotaLimitExceeds",
    "access_lists": "AclNumberOverLimit",
    "entries_per_access_list": "AclEntryExceedLimit",
    "listeners_per_access_list": "AclListenerOverLimit",
}
CODE_OF_FIELD: Final[Mapping[str, str]] = {
    "idle_timeout_s": "InvalidParameter.IdleTimeout",
    "request_timeout_s": "InvalidParameter.RequestTimeout",
    "failover_threshold": "IllegalParam.FailoverThreshold",
    "primary_group": "InvalidParam.VServerGroupId",
    "secondary_group": "InvalidParam.VServerGroupId",
    "check_enabled": "OperationDenied.HealthCheckClosedForMasterSlaveMode",
    "check_request": "InvalidParam.HealthCheckReq",
    "check_expected_answer": "InvalidParam.HealthCheckExp",
}
CODE_OF_LAST_FIELD: Final[Mapping[str, str]] = {
    "weight": "InvalidWeight.Malformed",
}
"""The same for members of lists, by the end of their path: ``servers[2].weight``."""

SENTENCE_OF_REFUSAL: Final[Mapping[str, str]] = {
    "group_not_found": "The specified VServerGroupId does not exist.",
    "load_balancer_not_found": "The specified LoadBalancerId does not exist.",
}
"""Sentences that clients match; elsewhere our own is as good."""


def translate(error: BalancerError) -> RpcError:
    """Return what this API says to a refusal of a service or selector."""
    code, status = _code_of(error)
    message = SENTENCE_OF_REFUSAL.get(error.code, error.message)
    return RpcError(code, message[:MAX_MESSAGE_CHARACTERS], status)


def translate_database(error: IntegrityError | OperationalError) -> RpcError:
    """Return what is said when the database refused: both are worth another try."""
    if isinstance(error, IntegrityError):
        return RpcError("OperationBusy", "Something else was stored at the same moment; try again.")
    return RpcError(
        "ServiceUnavailable", "The database cannot take this now; nothing was stored.", 503
    )


def _code_of(error: BalancerError) -> tuple[str, int]:
    if isinstance(error, NotAllowed):
        return "Forbidden.RAM", 403
    if isinstance(error, QuotaExceeded):
        return CODE_OF_QUOTA.get(str(error.details.get("quota")), "OverQuota"), 400
    if error.code in CODE_OF_REFUSAL:
        return CODE_OF_REFUSAL[error.code]
    if error.code in ("group_in_use", "port_in_use"):
        return _code_of_use(error), 400
    if isinstance(error, Invalid):
        return _code_of_field(error), 400
    if isinstance(error, NotFound):
        return "ResourceNotFound", 404
    if isinstance(error, (Conflict, Protected)):
        return "Operation.NotAllowed", 400
    return "InvalidParameter", 400


def _code_of_use(error: BalancerError) -> str:
    if error.code == "port_in_use":
        is_same = error.details.get("same_protocol")
        return "ListenerAlreadyExists" if is_same else "InvalidParameter.ListenerPortConflict"
    kinds = {user.get("type") for user in error.details.get("users", ())}
    return "RspoolRuleExist" if kinds == {"rule"} else "RspoolVipExist"


def _code_of_field(error: Invalid) -> str:
    field = next(iter(error.fields), "")
    last = field.rpartition(".")[2] if "." in field else ""
    return CODE_OF_FIELD.get(field) or CODE_OF_LAST_FIELD.get(last) or "InvalidParameter"
