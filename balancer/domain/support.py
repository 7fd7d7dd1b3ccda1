"""What the proxies apply today: an option they do not apply is refused, never stored.

One table. When the data plane learns an option, its line goes.
"""

from collections.abc import Mapping
from typing import Any, Final

from balancer.constants import (
    DEFAULT_ESTABLISHED_TIMEOUT_S,
    DEFAULT_IDLE_TIMEOUT_S,
    DEFAULT_REQUEST_TIMEOUT_S,
)
from balancer.exceptions import Unsupported
from proxy.snapshot import Protocol, SchedulerName, TlsPolicy

SUPPORTED_PROTOCOLS: Final = tuple(Protocol)
SUPPORTED_SCHEDULERS: Final = (
    SchedulerName.WEIGHTED_ROUND_ROBIN,
    SchedulerName.ROUND_ROBIN,
    SchedulerName.WEIGHTED_LEAST_CONNECTIONS,
    SchedulerName.SOURCE_HASH,
    SchedulerName.TUPLE_HASH,
)

ONLY_VALUE: Final[Mapping[str, tuple[Any, str]]] = {
    # option: (the one value in force, its name for people)
    "syn_proxy": (False, "SYN proxy"),
}

_LAYER_4: Final = (Protocol.TCP, Protocol.UDP)
_HTTP: Final = (Protocol.HTTP, Protocol.HTTPS)

ONLY_FOR: Final[Mapping[str, tuple[tuple[Protocol, ...], Any, str]]] = {
    # option: (the protocols that have it, its value elsewhere, its name for people)
    "idle_timeout_s": (_HTTP, DEFAULT_IDLE_TIMEOUT_S, "The idle timeout"),
    "request_timeout_s": (_HTTP, DEFAULT_REQUEST_TIMEOUT_S, "The request timeout"),
    "forwarded_for": (_HTTP, True, "X-Forwarded-For"),
    "forwarded_proto": (_HTTP, False, "X-Forwarded-Proto"),
    "forwarded_port": (_HTTP, False, "X-Forwarded-Port"),
    "forwarded_client_port": (_HTTP, False, "The client port header"),
    "forwarded_instance_address": (_HTTP, False, "The instance address header"),
    "forwarded_instance_id": (_HTTP, False, "The instance ID header"),
    "gzip_enabled": (_HTTP, False, "Gzip"),
    "certificate": ((Protocol.HTTPS,), None, "A server certificate"),
    "client_ca_certificate": ((Protocol.HTTPS,), None, "A client CA certificate"),
    "tls_policy": ((Protocol.HTTPS,), TlsPolicy.TLS_1_2, "A TLS policy"),
    "http2_enabled": ((Protocol.HTTPS,), False, "HTTP/2"),
    "redirect_port": ((Protocol.HTTP,), None, "Redirection to HTTPS"),
    "established_timeout_s": (
        (Protocol.TCP,),
        DEFAULT_ESTABLISHED_TIMEOUT_S,
        "The timeout of connections",
    ),
    "sticky_enabled": (_HTTP, False, "Session persistence by cookie"),
    "sticky_kind": (_HTTP, "", "Session persistence by cookie"),
    "cookie_timeout_s": (_HTTP, None, "Session persistence by cookie"),
    "cookie_name": (_HTTP, "", "Session persistence by cookie"),
    "persistence_timeout_s": (_LAYER_4, 0, "Session persistence by source address"),
    "drain_enabled": (_LAYER_4, False, "Connection draining"),
    "drain_timeout_s": (_LAYER_4, None, "A drain timeout"),
    "proxy_protocol_v2": (_LAYER_4, False, "PROXY protocol v2"),
    "failover_enabled": (_LAYER_4, False, "Two-group failover"),  # S30
    "primary_group": (_LAYER_4, None, "A primary group"),
    "secondary_group": (_LAYER_4, None, "A secondary group"),
    "failover_threshold": (_LAYER_4, None, "A failover threshold"),
    "check_request": ((Protocol.UDP,), "", "A UDP check request"),
    "check_expected_answer": ((Protocol.UDP,), "", "A UDP check answer"),
}


def check_listener_supported(values: Mapping[str, Any]) -> None:
    """Raise Unsupported, naming every option among the values that no proxy applies.

    With the protocol among them, options that listeners of this protocol do not have are named
    too.
    """
    fields: dict[str, list[str]] = {}
    _check_choice(fields, values, "protocol", SUPPORTED_PROTOCOLS, "Listener protocol")
    _check_choice(fields, values, "scheduler", SUPPORTED_SCHEDULERS, "Scheduling algorithm")
    for option, (only, label) in ONLY_VALUE.items():
        if option in values and values[option] != only:
            fields[option] = [f"{label} is not applied by the proxies yet, so it is not stored."]
    protocol = values.get("protocol")
    for option, (owners, elsewhere, label) in ONLY_FOR.items():
        if protocol not in (None, *owners) and values.get(option, elsewhere) != elsewhere:
            names = " and ".join(each.upper() for each in owners)
            fields[option] = [
                f"{label} belongs to {names} listeners; leave it out of this "
                f"{str(protocol).upper():.10} listener."
            ]
    if fields:
        first = next(iter(fields.values()))[0]
        raise Unsupported("unsupported_option", first, fields=fields)


def _check_choice(
    fields: dict[str, list[str]],
    values: Mapping[str, Any],
    option: str,
    supported: tuple[str, ...],
    label: str,
) -> None:
    given = values.get(option, supported[0])
    if given not in supported:
        names = ", ".join(supported)
        fields[option] = [f"{label} {given} is not applied by the proxies yet; use: {names}."]
