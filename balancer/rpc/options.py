"""The options of listeners and rules: names on the wire, columns, and which protocol has which.

One table in each direction. A parameter that a protocol does not have is not in its table, so it
is ignored, as clients count on (slb-rpc-api.md, traps 5 and 10).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Model

from balancer.rpc.kinds import (
    ABLE,
    BOOLEAN,
    CHECK_KIND,
    CLASSES,
    HOST,
    METHOD,
    NUMBER,
    PORT,
    SCHEDULER,
    STICKY_KIND,
    SWITCH,
    TEXT,
    TLS_POLICY,
    UDP_TEXT,
    Kind,
    Port,
)
from balancer.rpc.parameters import Parameters
from proxy.snapshot import Protocol


@dataclass(frozen=True, slots=True)
class Option:
    """One option; ``answer`` is its name in answers where that is another."""

    name: str
    column: str
    kind: Kind
    answer: str = ""


CHECK_DETAILS: Final = (
    Option("HealthCheckInterval", "check_interval_s", NUMBER),
    Option("HealthyThreshold", "check_healthy_threshold", NUMBER),
    Option("UnhealthyThreshold", "check_unhealthy_threshold", NUMBER),
    Option("HealthCheckConnectPort", "check_port", PORT),
)
HTTP_CHECK: Final = (
    Option("HealthCheckDomain", "check_host", HOST),
    Option("HealthCheckURI", "check_path", TEXT),
    Option("HealthCheckHttpCode", "check_expected_classes", CLASSES),
    Option("HealthCheckMethod", "check_method", METHOD),
)
CHECK_SWITCH_4: Final = Option("HealthCheckSwitch", "check_enabled", SWITCH, "HealthCheck")
CHECK_SWITCH_7: Final = Option("HealthCheck", "check_enabled", SWITCH)
CHECK_TIMEOUT_4: Final = Option("HealthCheckConnectTimeout", "check_timeout_s", NUMBER)
CHECK_TIMEOUT_7: Final = Option("HealthCheckTimeout", "check_timeout_s", NUMBER)
HTTP_CHECK_DETAILS: Final = (CHECK_TIMEOUT_7, *CHECK_DETAILS, *HTTP_CHECK)
STICKY_SWITCH: Final = Option("StickySession", "sticky_enabled", SWITCH)
STICKY_DETAILS: Final = (
    Option("StickySessionType", "sticky_kind", STICKY_KIND),
    Option("CookieTimeout", "cookie_timeout_s", NUMBER),
    Option("Cookie", "cookie_name", TEXT),
)
SCHEDULING: Final = Option("Scheduler", "scheduler", SCHEDULER)
HEAD: Final = (Option("Bandwidth", "bandwidth_mbps", NUMBER), SCHEDULING)
DRAINING: Final = (
    Option("ConnectionDrain", "drain_enabled", SWITCH),
    Option("ConnectionDrainTimeout", "drain_timeout_s", NUMBER),
)
FAILOVER: Final = (
    Option("MasterSlaveModeEnabled", "failover_enabled", BOOLEAN),
    Option("FailoverThreshold", "failover_threshold", NUMBER),
)
PERSISTENCE_4: Final = Option("PersistenceTimeout", "persistence_timeout_s", NUMBER)
PROXY_PROTOCOL: Final = Option("ProxyProtocolV2Enabled", "proxy_protocol_v2", BOOLEAN)
FIELDS_7: Final = (
    STICKY_SWITCH,
    *STICKY_DETAILS,
    Option("IdleTimeout", "idle_timeout_s", NUMBER),
    Option("RequestTimeout", "request_timeout_s", NUMBER),
    Option("Gzip", "gzip_enabled", SWITCH),
    Option("XForwardedFor", "forwarded_for", SWITCH),
    Option("XForwardedFor_SLBIP", "forwarded_instance_address", SWITCH),
    Option("XForwardedFor_SLBID", "forwarded_instance_id", SWITCH),
    Option("XForwardedFor_proto", "forwarded_proto", SWITCH),
    Option("XForwardedFor_SLBPORT", "forwarded_port", SWITCH),
    Option("XForwardedFor_ClientSrcPort", "forwarded_client_port", SWITCH),
)
TLS: Final = (
    Option("EnableHttp2", "http2_enabled", SWITCH),
    Option("TLSCipherPolicy", "tls_policy", TLS_POLICY),
)

CONFIG_OF_PROTOCOL: Final[Mapping[Protocol, Sequence[Option]]] = {
    Protocol.TCP: (
        CHECK_SWITCH_4,
        Option("HealthCheckType", "check_kind", CHECK_KIND),
        CHECK_TIMEOUT_4,
        *CHECK_DETAILS,
        *HTTP_CHECK,
        PERSISTENCE_4,
        Option("EstablishedTimeout", "established_timeout_s", NUMBER),
        Option("SynProxy", "syn_proxy", ABLE),
        PROXY_PROTOCOL,
        *DRAINING,
        *FAILOVER,
    ),
    Protocol.UDP: (
        CHECK_SWITCH_4,
        CHECK_TIMEOUT_4,
        *CHECK_DETAILS,
        Option("HealthCheckReq", "check_request", UDP_TEXT),
        Option("HealthCheckExp", "check_expected_answer", UDP_TEXT),
        PERSISTENCE_4,
        PROXY_PROTOCOL,
        *DRAINING,
        *FAILOVER,
    ),
    Protocol.HTTP: (CHECK_SWITCH_7, *HTTP_CHECK_DETAILS, *FIELDS_7),
    Protocol.HTTPS: (CHECK_SWITCH_7, *HTTP_CHECK_DETAILS, *FIELDS_7, *TLS),
}
"""What stands in the ``...ListenerConfig`` of an answer, beside what all listeners have."""

RULE_OPTIONS: Final = (
    SCHEDULING,
    STICKY_SWITCH,
    *STICKY_DETAILS,
    CHECK_SWITCH_7,
    *HTTP_CHECK_DETAILS,
)

HIDDEN_WHEN_OFF: Final[Mapping[str, frozenset[str]]] = {
    "check_enabled": frozenset(option.column for option in HTTP_CHECK_DETAILS),
    "sticky_enabled": frozenset(option.column for option in STICKY_DETAILS),
    "drain_enabled": frozenset({"drain_timeout_s"}),
    "failover_enabled": frozenset({"failover_threshold"}),
}
"""What answers leave out when the switch is off."""


DETAILS_GO_WITH: Final = ("drain_enabled", "failover_enabled")
"""Switches that take their details away; clients name those beside a switch that is off."""


def read_options(parameters: Parameters, options: Iterable[Option]) -> dict[str, Any]:
    """Return what the call says, by columns."""
    said = {option.column: option.kind.read(parameters, option.name) for option in options}
    for switch in DETAILS_GO_WITH:
        if said.get(switch) is False:
            said |= dict.fromkeys(HIDDEN_WHEN_OFF[switch])
    return {
        column: value.number if isinstance(value, Port) else value
        for column, value in said.items()
        if value is not None
    }


def write_options(row: Model, options: Iterable[Option]) -> dict[str, Any]:
    """Return the row's values by the names of answers; what is switched off is left out."""
    hidden = set[str]()
    for switch, columns in HIDDEN_WHEN_OFF.items():
        if not getattr(row, switch, True):
            hidden |= columns
    return {
        option.answer or option.name: option.kind.write(getattr(row, option.column))
        for option in options
        if option.column not in hidden
    }
