"""How values of one kind are written on the wire and what they are inside."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from balancer.constants import MAX_UDP_CHECK_CHARACTERS
from balancer.rpc.parameters import Parameters, bad_value
from proxy.snapshot import AccessKind, SchedulerName, StickyKind, TlsPolicy

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)

SAME_PORT: Final = -520
"""How the vendor writes "the port of each server"; 0 and nothing mean it too."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Reads a parameter (None when it is absent) and writes a value (None leaves it out)."""

    read: Callable[[Parameters, str], Any]
    write: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Port:
    """A port that was read; None stands for the port of each server."""

    number: str | None


def _words(meaning: Mapping[str, Any], code: str = "InvalidParameter") -> Kind:
    word_of = {value: word for word, value in meaning.items()}
    return Kind(lambda parameters, name: parameters.choice(name, meaning, code), word_of.get)


def _read_port(parameters: Parameters, name: str) -> Port | None:
    value = parameters.optional(name)
    if value is None:
        return None
    return Port(None if value in ("0", str(SAME_PORT)) else value)


def _read_host(parameters: Parameters, name: str) -> str | None:
    value = parameters.optional(name)
    return "" if value == "$_ip" else value


def _read_classes(parameters: Parameters, name: str) -> str | None:
    value = parameters.optional(name)
    if value is None:
        return None
    words = [each.strip().lower() for each in value.split(",")]
    return ",".join(each.removeprefix("http_").removesuffix("xx") for each in words)


def _write_classes(value: str) -> str:
    return ",".join(f"http_{each}xx" for each in value.split(","))


def _read_udp_text(parameters: Parameters, name: str) -> str | None:
    value = parameters.optional(name)
    if value is not None and len(value) > MAX_UDP_CHECK_CHARACTERS:
        rule = f"up to {MAX_UDP_CHECK_CHARACTERS} letters and digits"
        raise bad_value(name, rule, value, f"InvalidParamLength.{name}")
    return value


def _read_number(parameters: Parameters, name: str) -> int | str | None:
    """Return the number; what is none goes on as text, for the services to refuse by its name."""
    value = parameters.optional(name)
    return int(value) if value is not None and _WHOLE_NUMBER.fullmatch(value) else value


def _text_or_nothing(value: Any) -> Any:
    return None if value == "" else value


NUMBER: Final = Kind(_read_number, lambda value: value)
TEXT: Final = Kind(Parameters.optional, _text_or_nothing)
UDP_TEXT: Final = Kind(_read_udp_text, _text_or_nothing)
SWITCH: Final = Kind(Parameters.switch, lambda value: "on" if value else "off")
BOOLEAN: Final = Kind(Parameters.boolean, bool)
ABLE: Final = _words({"enable": True, "disable": False})
PORT: Final = Kind(_read_port, lambda value: SAME_PORT if value is None else value)
HOST: Final = Kind(_read_host, _text_or_nothing)
METHOD: Final = _words({"head": "HEAD", "get": "GET"})
CLASSES: Final = Kind(_read_classes, _write_classes)
CHECK_KIND: Final = _words({"tcp": "tcp", "http": "http"})
SCHEDULER: Final = _words(
    {
        "wrr": SchedulerName.WEIGHTED_ROUND_ROBIN.value,
        "rr": SchedulerName.ROUND_ROBIN.value,
        "wlc": SchedulerName.WEIGHTED_LEAST_CONNECTIONS.value,
        "sch": SchedulerName.SOURCE_HASH.value,
        "tch": SchedulerName.TUPLE_HASH.value,
        "qch": SchedulerName.CONNECTION_ID_HASH.value,
    }
)
STICKY_KIND: Final = _words({"insert": StickyKind.INSERT.value, "server": StickyKind.REWRITE.value})
ACCESS_KIND: Final = _words({"white": AccessKind.ALLOW.value, "black": AccessKind.DENY.value})
TLS_POLICY: Final = _words(
    {f"tls_cipher_policy_{each[4:]}": each.value for each in TlsPolicy},
    "InvalidTLSPolicyId.NotExist",
)
