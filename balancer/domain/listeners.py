"""What the options of a listener may be (slb-rpc-api.md section 3.0)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from balancer.constants import (
    CHECK_INTERVAL_RANGE_S,
    CHECK_THRESHOLD_RANGE,
    CHECK_TIMEOUT_RANGE_S,
    DRAIN_TIMEOUT_RANGE_S,
    ESTABLISHED_TIMEOUT_RANGE_S,
    FAILOVER_THRESHOLD_RANGE,
    IDLE_TIMEOUT_RANGE_S,
    MAX_DOMAIN_CHARACTERS,
    MAX_PATH_CHARACTERS,
    MAX_UDP_CHECK_CHARACTERS,
    PERSISTENCE_TIMEOUT_RANGE_S,
    REQUEST_TIMEOUT_RANGE_S,
)
from balancer.domain.bandwidth import check_bandwidth
from balancer.domain.names import check_group_name, check_listener_description
from balancer.domain.numbers import read_integer
from balancer.domain.persistence import PERSISTENCE_CHECKERS
from balancer.domain.tls import check_tls_policy
from balancer.domain.weights import check_port
from balancer.exceptions import Invalid
from proxy.snapshot import CheckKind, GroupKind, Protocol, SchedulerName

_PATH = re.compile(r"/[A-Za-z0-9\-/.%?#&_=]*")
_HOST = re.compile(r"[A-Za-z0-9.\-]*")
_CLASSES = re.compile(r"[2-5](,[2-5])*")
_UDP_TEXT = re.compile(r"[A-Za-z0-9]*")

PAIR_PROTOCOLS: Final = (Protocol.TCP, Protocol.UDP)

CHECK_KINDS_OF_PROTOCOL: Final[Mapping[str, tuple[CheckKind, ...]]] = {
    Protocol.TCP: (CheckKind.TCP, CheckKind.HTTP),
    Protocol.UDP: (CheckKind.UDP,),
    Protocol.HTTP: (CheckKind.HTTP,),
    Protocol.HTTPS: (CheckKind.HTTP,),
}

_ROBINS_AND_LEAST: Final = (
    SchedulerName.WEIGHTED_ROUND_ROBIN,
    SchedulerName.ROUND_ROBIN,
    SchedulerName.WEIGHTED_LEAST_CONNECTIONS,
)
ADDRESS_HASHES: Final = (SchedulerName.SOURCE_HASH, SchedulerName.TUPLE_HASH)
CONSISTENT_HASHES: Final = (*ADDRESS_HASHES, SchedulerName.CONNECTION_ID_HASH)

SCHEDULERS_OF_PROTOCOL: Final[Mapping[str, tuple[SchedulerName, ...]]] = {
    # slb-rpc-api.md section 5.1
    Protocol.TCP: (*_ROBINS_AND_LEAST, *ADDRESS_HASHES),
    Protocol.UDP: (*_ROBINS_AND_LEAST, *CONSISTENT_HASHES),
    Protocol.HTTP: _ROBINS_AND_LEAST,
    Protocol.HTTPS: _ROBINS_AND_LEAST,
}

_RANGES: Final[Mapping[str, tuple[tuple[int, int], str]]] = {
    "check_interval_s": (CHECK_INTERVAL_RANGE_S, "Check interval in seconds"),
    "check_timeout_s": (CHECK_TIMEOUT_RANGE_S, "Check timeout in seconds"),
    "check_healthy_threshold": (CHECK_THRESHOLD_RANGE, "Healthy threshold"),
    "check_unhealthy_threshold": (CHECK_THRESHOLD_RANGE, "Unhealthy threshold"),
    "idle_timeout_s": (IDLE_TIMEOUT_RANGE_S, "Idle timeout in seconds"),
    "request_timeout_s": (REQUEST_TIMEOUT_RANGE_S, "Request timeout in seconds"),
    "persistence_timeout_s": (PERSISTENCE_TIMEOUT_RANGE_S, "Persistence timeout in seconds"),
    "established_timeout_s": (ESTABLISHED_TIMEOUT_RANGE_S, "Connection timeout in seconds"),
}


_OPTIONAL_RANGES: Final[Mapping[str, tuple[tuple[int, int], str]]] = {
    "failover_threshold": (FAILOVER_THRESHOLD_RANGE, "Failover threshold"),
    "drain_timeout_s": (DRAIN_TIMEOUT_RANGE_S, "Drain timeout in seconds"),
}


def check_options(values: Mapping[str, Any], *, protocol: str) -> dict[str, Any]:
    """Return the options with their numbers read; raise Invalid with every field that is wrong."""
    checked = dict(values)
    fields: dict[str, list[str]] = {}
    for option, value in values.items():
        try:
            checked[option] = _check_option(option, value)
        except Invalid as error:
            fields |= error.fields
    if "check_kind" in values:
        _check_kind(fields, values["check_kind"], protocol)
    if "scheduler" in values:
        _check_scheduler(fields, values["scheduler"], protocol)
    if fields:
        first = next(iter(fields.values()))[0]
        raise Invalid("invalid_option", first, fields=fields)
    return checked


def check_scheduler_allowed(scheduler: str, *, instance: str, is_guaranteed: bool) -> None:
    """Raise Invalid when an instance of this specification has no such scheduler (5.1)."""
    if scheduler in CONSISTENT_HASHES and not is_guaranteed:
        message = (
            f"{instance} is a shared-performance instance; consistent hashing needs a "
            "guaranteed-performance one."
        )
        raise Invalid("specification_too_small", message, fields={"scheduler": [message]})


def check_group_kind(kind: str, *, protocol: str) -> None:
    """Raise Invalid when listeners of the protocol cannot use groups of this kind (S40, S127)."""
    if kind == GroupKind.PRIMARY_SECONDARY and protocol not in PAIR_PROTOCOLS:
        message = (
            "Primary/secondary server groups serve TCP and UDP listeners only; use the default "
            f"or a VServer group for a listener of protocol {protocol.upper()}."
        )
        raise Invalid("group_kind", message, fields={"server_group": [message]})


def check_udp_answer(request: str, expected_answer: str) -> None:
    """Raise Invalid when an answer is expected although nothing is asked."""
    if expected_answer and not request:
        message = "A check that expects an answer needs a request to send."
        raise Invalid("required", message, fields={"check_request": [message]})


def _check_option(option: str, value: Any) -> Any:
    if option in _RANGES:
        (minimum, maximum), label = _RANGES[option]
        return read_integer(value, field=option, minimum=minimum, maximum=maximum, label=label)
    if option in _OPTIONAL_RANGES:
        return _read_optional(option, value)
    checker = _CHECKERS.get(option)
    return checker(value) if checker else value


def _read_optional(option: str, value: Any) -> int | None:
    if value in (None, ""):
        return None
    (minimum, maximum), label = _OPTIONAL_RANGES[option]
    return read_integer(value, field=option, minimum=minimum, maximum=maximum, label=label)


def _check_optional_port(value: Any) -> int | None:
    return None if value in (None, "") else check_port(value, "check_port", "Health check port")


def _check_path(value: Any) -> str:
    rule = f"Check path must begin with / and have 1 to {MAX_PATH_CHARACTERS} characters"
    return _match(value, "check_path", _PATH, MAX_PATH_CHARACTERS, rule)


def _check_host(value: Any) -> str:
    rule = f"Check host may have up to {MAX_DOMAIN_CHARACTERS} letters, digits, periods and hyphens"
    return _match(value, "check_host", _HOST, MAX_DOMAIN_CHARACTERS, rule)


def _check_classes(value: Any) -> str:
    rule = "Success codes must name one or more of 2xx, 3xx, 4xx and 5xx"
    text = _match(value, "check_expected_classes", _CLASSES, 7, rule)
    return ",".join(sorted(set(text.split(","))))


def _check_method(value: Any) -> str:
    if value not in ("HEAD", "GET"):
        raise _refusal("check_method", f"Check method must be HEAD or GET; given: {value!s:.40}.")
    return str(value)


def _check_udp_text(value: Any, field: str, label: str) -> str:
    rule = f"{label} may have up to {MAX_UDP_CHECK_CHARACTERS} letters and digits"
    return _match(value, field, _UDP_TEXT, MAX_UDP_CHECK_CHARACTERS, rule)


def _check_kind(fields: dict[str, list[str]], kind: Any, protocol: str) -> None:
    allowed = CHECK_KINDS_OF_PROTOCOL[protocol]
    if kind not in allowed:
        names = " or ".join(each.upper() for each in allowed)
        fields["check_kind"] = [
            f"The health check of a {protocol.upper()} listener must be {names}; "
            f"given: {kind!s:.40}."
        ]


def _check_scheduler(fields: dict[str, list[str]], scheduler: Any, protocol: str) -> None:
    allowed = SCHEDULERS_OF_PROTOCOL[protocol]
    if scheduler not in allowed:
        fields["scheduler"] = [
            f"The scheduling algorithm of {_article(protocol)} listener must be one of: "
            f"{', '.join(_in_words(each) for each in allowed)}; "
            f"given: {_in_words(scheduler):.40}."
        ]


def _in_words(scheduler: Any) -> str:
    return str(scheduler).replace("_", " ")


def _article(protocol: str) -> str:
    return f"{'an' if protocol.startswith('http') else 'a'} {protocol.upper()}"


def _match(value: Any, field: str, pattern: re.Pattern[str], most: int, rule: str) -> str:
    if not isinstance(value, str) or len(value) > most or not pattern.fullmatch(value):
        raise _refusal(field, f"{rule}; given: {value!s:.100}.")
    return value


def _refusal(field: str, message: str) -> Invalid:
    return Invalid("invalid_option", message, fields={field: [message]})


_CHECKERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": check_group_name,
    "tls_policy": check_tls_policy,
    "bandwidth_mbps": check_bandwidth,
    "description": check_listener_description,
    "backend_port": lambda value: (
        None if value in (None, "") else check_port(value, "backend_port", "Backend port")
    ),
    "redirect_port": lambda value: (
        None if value in (None, "") else check_port(value, "redirect_port", "Redirection port")
    ),
    "check_port": _check_optional_port,
    "check_path": _check_path,
    "check_host": _check_host,
    "check_method": _check_method,
    "check_expected_classes": _check_classes,
    "check_request": lambda value: _check_udp_text(value, "check_request", "Check request"),
    "check_expected_answer": lambda value: _check_udp_text(
        value, "check_expected_answer", "Expected answer"
    ),
    **PERSISTENCE_CHECKERS,
}
