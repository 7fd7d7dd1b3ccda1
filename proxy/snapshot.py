"""The contract between the planes: what a configuration, a health table and a proxy's report are.

The proxy owns this file because it is the consumer; the control plane imports it, never the other
way round. Everything here is a value: no clock, no socket, no framework.

Wire form: each value is one JSON object with the field names below, enums as their values and
tuples as arrays. Decoding is strict: a missing, unknown or wrongly typed field refuses the whole
document (``SnapshotInvalid``), so that a proxy never serves half of what it was told.

Where the documents are found (Redis keys) stands at the end of the file.
"""

import dataclasses
import functools
import hashlib
import json
import re
import typing
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from proxy.decoding import Undecodable, decode, decode_in_parts

T = typing.TypeVar("T")

SCHEMA = 1
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_NETWORK = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}/(?:3[0-2]|[12]?[0-9])")
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
MAX_WEIGHT = 100
MAX_PORT = 65535


class SnapshotInvalid(ValueError):
    """The document is not a configuration this proxy can serve; the message names the place."""


class Protocol(StrEnum):
    """What a listener speaks with its clients."""

    TCP = "tcp"
    UDP = "udp"
    HTTP = "http"
    HTTPS = "https"


class SchedulerName(StrEnum):
    """How a listener chooses the next server."""

    WEIGHTED_ROUND_ROBIN = "weighted_round_robin"
    ROUND_ROBIN = "round_robin"
    WEIGHTED_LEAST_CONNECTIONS = "weighted_least_connections"
    SOURCE_HASH = "source_hash"
    TUPLE_HASH = "tuple_hash"
    CONNECTION_ID_HASH = "connection_id_hash"


class GroupKind(StrEnum):
    """The three kinds of server group (S31, S34, S36)."""

    DEFAULT = "default"
    VSERVER = "vserver"
    PRIMARY_SECONDARY = "primary_secondary"


class ServerRole(StrEnum):
    """What a server is in its group; only primary/secondary groups use the last two."""

    MEMBER = "member"
    PRIMARY = "primary"
    SECONDARY = "secondary"


class CheckKind(StrEnum):
    """How a health check asks a server whether it works."""

    TCP = "tcp"
    HTTP = "http"
    UDP = "udp"


class HealthStatus(StrEnum):
    """What the checks know of one probe target. Unknown: it has never had a success."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class StickyKind(StrEnum):
    """How HTTP sessions stay with a server."""

    INSERT = "insert"
    REWRITE = "rewrite"


class AccessKind(StrEnum):
    """Whether an access list names who may enter or who may not."""

    ALLOW = "allow"
    DENY = "deny"


class TlsPolicy(StrEnum):
    """Which TLS versions and ciphers an HTTPS listener offers."""

    TLS_1_0 = "tls_1_0"
    TLS_1_1 = "tls_1_1"
    TLS_1_2 = "tls_1_2"
    TLS_1_2_STRICT = "tls_1_2_strict"
    TLS_1_2_STRICT_WITH_1_3 = "tls_1_2_strict_with_1_3"


class ListenerError(StrEnum):
    """Why a proxy could not open a listener."""

    ADDRESS_IN_USE = "address_in_use"
    NOT_PERMITTED = "not_permitted"
    ADDRESS_UNAVAILABLE = "address_unavailable"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How servers of a listener are probed; times in seconds, start to start.

    ``port`` None means the server's own port; ``host`` empty means the server's address;
    ``expected_classes`` are first digits of good status codes (2 for 2xx). A UDP check sends
    ``request`` and, with ``expected_answer``, takes nothing else for an answer.
    """

    kind: CheckKind
    interval_s: int
    timeout_s: int
    healthy_threshold: int
    unhealthy_threshold: int
    port: int | None = None
    method: str = "HEAD"
    path: str = "/"
    host: str = ""
    expected_classes: tuple[int, ...] = (2, 3)
    request: str = ""
    expected_answer: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """One backend server of a group. ``port`` None: the listener's backend port (default group)."""

    id: str
    address: str
    port: int | None
    weight: int
    role: ServerRole = ServerRole.MEMBER


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """Servers that share a policy, in the order they were added."""

    id: str
    kind: GroupKind
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class Sticky:
    """Cookies that keep HTTP sessions with a server.

    An inserted cookie is ours and lives ``cookie_timeout_s``; a rewritten one is the cookie of the
    servers' application, by its name.
    """

    kind: StickyKind
    cookie_timeout_s: int | None = None
    cookie_name: str = ""


@dataclass(frozen=True, slots=True)
class Failover:
    """A second group for a listener (S24 to S30).

    It serves while at least ``threshold`` servers of the first are unhealthy, and for ``hold_s``
    seconds after there are fewer.
    """

    group: str
    threshold: int
    hold_s: int


@dataclass(frozen=True, slots=True)
class Access:
    """Who may connect: only the networks (allow), or everybody but them (deny), in CIDR form."""

    kind: AccessKind
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainCertificate:
    """The certificate for clients that ask for this domain; ``*.`` begins a wildcard."""

    domain: str
    certificate: str


@dataclass(frozen=True, slots=True)
class Tls:
    """How an HTTPS listener meets its clients; certificates by their ids in the snapshot.

    With ``client_ca`` clients must show a certificate that this authority has signed.
    """

    policy: TlsPolicy
    certificate: str
    domains: tuple[DomainCertificate, ...] = ()
    client_ca: str | None = None


@dataclass(frozen=True, slots=True)
class ForwardingRule:
    """Requests of one domain and path prefix go to a group of their own (S35).

    An empty domain or path matches everything; ``*.`` begins a wildcard domain. The settings are
    those in force for the rule, its listener's where it has none of its own.
    """

    id: str
    domain: str
    path: str
    group: str
    scheduler: SchedulerName
    health_check: HealthCheck | None
    sticky: Sticky | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """One running listener. ``health_check`` None: checks are off and every server may serve.

    ``group`` is the first group; ``failover`` names a second one. ``drain_timeout_s`` None: what
    is open at a server that leaves is closed at once. ``persistence_timeout_s`` 0: a client's
    connections need not meet the same server. ``bandwidth_mbps`` None: no limit.
    """

    id: str
    protocol: Protocol
    port: int
    group: str
    backend_port: int | None
    scheduler: SchedulerName
    health_check: HealthCheck | None
    connect_timeout_s: int
    idle_timeout_s: int
    request_timeout_s: int
    forwarded_for: bool = True
    forwarded_proto: bool = False
    forwarded_port: bool = False
    forwarded_client_port: bool = False
    forwarded_instance_address: bool = False
    forwarded_instance_id: bool = False
    gzip: bool = False
    redirect_port: int | None = None
    sticky: Sticky | None = None
    rules: tuple[ForwardingRule, ...] = ()
    tls: Tls | None = None
    failover: Failover | None = None
    access: Access | None = None
    persistence_timeout_s: int = 0
    drain_timeout_s: int | None = None
    proxy_protocol: bool = False
    bandwidth_mbps: int | None = None

    @property
    def uses(self) -> Iterator[tuple[str, HealthCheck | None]]:
        """Yield each group that the listener sends to and how its servers are checked."""
        yield self.group, self.health_check
        if self.failover is not None:
            yield self.failover.group, self.health_check
        for rule in self.rules:
            yield rule.group, rule.health_check


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain in PEM, and its private key when it is a server's."""

    id: str
    chain_pem: str
    key_pem: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an instance may carry on each node, all its listeners together; None: no limit.

    The bandwidth counts for each direction; the others come with the specification.
    """

    connections: int | None = None
    connections_per_s: int | None = None
    requests_per_s: int | None = None
    bandwidth_mbps: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole configuration of one load balancer at one version; only what runs is in it.

    ``cookie_key`` signs the cookies that keep sessions with a server, as hexadecimal digits.
    """

    load_balancer: str
    version: int
    address: str
    listeners: tuple[Listener, ...]
    groups: tuple[ServerGroup, ...]
    certificates: tuple[Certificate, ...] = ()
    cookie_key: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)
    schema: int = SCHEMA

    def to_json(self) -> str:
        """Return the wire form; equal snapshots give equal text."""
        return _canonical_json(self._form())

    def _form(self) -> dict[str, Any]:
        form = dataclasses.asdict(self)
        if self.limits.bandwidth_mbps is None:
            # A field that came later: a proxy of before refuses what it does not know.
            del form["limits"]["bandwidth_mbps"]
        return form

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the snapshot in the text, validated; raise SnapshotInvalid otherwise."""
        snapshot = _from_text(cls, text)
        snapshot.validate()
        return snapshot

    @classmethod
    def from_json_in_parts(cls, text: str | bytes) -> Generator[None, None, Self]:
        """Do the same in parts: a proxy serves its clients in between."""
        try:
            snapshot = yield from decode_in_parts(cls, text)
        except Undecodable as error:
            raise SnapshotInvalid(str(error)) from error
        yield
        snapshot.validate()
        return snapshot

    @property
    def content_hash(self) -> str:
        """Return a short digest of everything but the version: equal content, equal hash."""
        return _digest(dataclasses.replace(self, version=0)._form())

    def validate(self) -> None:
        """Raise SnapshotInvalid unless every reference, address and number is usable."""
        _require(self.schema == SCHEMA, f"schema {self.schema} is not {SCHEMA}")
        _require(self.version > 0, "version must be positive")
        _require(_is_address(self.address), f"address {self.address!r} is no IPv4 address")
        groups = {group.id: group for group in self.groups}
        _require(len(groups) == len(self.groups), "two groups have the same id")
        for group in self.groups:
            _validate_group(group)
        _require(
            len({(_is_datagram(entry), entry.port) for entry in self.listeners})
            == len(self.listeners),
            "two listeners have the same port",
        )
        bandwidth = self.limits.bandwidth_mbps
        _require(bandwidth is None or bandwidth > 0, "limits: bandwidth_mbps must be positive")
        certificates = {each.id: each for each in self.certificates}
        _require(len(certificates) == len(self.certificates), "two certificates have the same id")
        for listener in self.listeners:
            _validate_listener(listener, groups)
            _validate_options(listener, certificates)
            _require(
                bool(self.cookie_key) or not _has_sticky(listener),
                f"listener {listener.id}: persistence needs a cookie key",
            )


def _is_datagram(listener: Listener) -> bool:
    return listener.protocol is Protocol.UDP


def _validate_group(group: ServerGroup) -> None:
    _require(
        len({server.id for server in group.servers}) == len(group.servers),
        f"group {group.id}: two servers have the same id",
    )
    for server in group.servers:
        if fault := _fault_of(server):
            raise SnapshotInvalid(f"group {group.id}, server {server.id}: {fault}")


def _fault_of(server: Server) -> str | None:
    if not _is_address(server.address):
        return f"address {server.address!r} is no IPv4"
    if not 0 <= server.weight <= MAX_WEIGHT:
        return f"weight {server.weight} not 0-100"
    if server.port is not None and not _is_port(server.port):
        return f"port {server.port} not usable"
    return None


def _validate_listener(listener: Listener, groups: Mapping[str, ServerGroup]) -> None:
    place = f"listener {listener.id}"
    _require(_is_port(listener.port), f"{place}: port {listener.port} not usable")
    _require(
        listener.backend_port is None or _is_port(listener.backend_port),
        f"{place}: backend port {listener.backend_port} not usable",
    )
    for group, check in listener.uses:
        _require(group in groups, f"{place}: group {group} is not in the snapshot")
        _validate_use(listener, groups[group], place)
        if check is not None:
            _validate_check(check, place)
    for name in ("connect_timeout_s", "idle_timeout_s", "request_timeout_s"):
        _require(getattr(listener, name) > 0, f"{place}: {name} must be positive")


def _validate_use(listener: Listener, group: ServerGroup, place: str) -> None:
    needs_port = listener.redirect_port is None and any(
        server.port is None for server in group.servers
    )
    _require(
        listener.backend_port is not None or not needs_port,
        f"{place}: servers of group {group.id} need a backend port",
    )
    _require(
        group.kind is not GroupKind.PRIMARY_SECONDARY
        or (listener.protocol in (Protocol.TCP, Protocol.UDP) and listener.failover is None),
        f"{place}: a primary/secondary group serves TCP and UDP listeners without failover only",
    )


def _validate_options(listener: Listener, certificates: Mapping[str, Certificate]) -> None:
    place = f"listener {listener.id}"
    if listener.redirect_port is not None:
        _require(_is_port(listener.redirect_port), f"{place}: redirect port not usable")
    if listener.failover is not None:
        _require(listener.failover.threshold > 0, f"{place}: the threshold must be positive")
        _require(listener.failover.hold_s >= 0, f"{place}: the hold time is negative")
        _require(listener.failover.group != listener.group, f"{place}: it fails over to itself")
    for name in ("drain_timeout_s", "bandwidth_mbps"):
        value = getattr(listener, name)
        _require(value is None or value > 0, f"{place}: {name} must be positive")
    _require(listener.persistence_timeout_s >= 0, f"{place}: persistence_timeout_s is negative")
    _validate_rules(listener, place)
    if listener.access is not None:
        for network in listener.access.networks:
            _require(_is_network(network), f"{place}: {network!r} is no IPv4 network")
    _require(
        (listener.tls is not None) == (listener.protocol is Protocol.HTTPS),
        f"{place}: HTTPS listeners, and no others, have TLS settings",
    )
    if listener.tls is not None:
        _validate_tls(listener.tls, certificates, place)


def _validate_rules(listener: Listener, place: str) -> None:
    rules = {rule.id for rule in listener.rules}
    matches = {(rule.domain.lower(), rule.path) for rule in listener.rules}
    _require(len(rules) == len(listener.rules), f"{place}: two rules have the same id")
    _require(len(matches) == len(listener.rules), f"{place}: two rules match the same")
    _validate_sticky(listener.sticky, place)
    for rule in listener.rules:
        _validate_sticky(rule.sticky, f"{place}, rule {rule.id}")


def _validate_sticky(sticky: Sticky | None, place: str) -> None:
    if sticky is None:
        return
    if sticky.kind is StickyKind.INSERT:
        is_usable = (sticky.cookie_timeout_s or 0) > 0
        _require(is_usable, f"{place}: an inserted cookie needs a positive timeout")
    else:
        is_usable = _COOKIE_NAME.fullmatch(sticky.cookie_name) is not None
        _require(is_usable, f"{place}: cookie name {sticky.cookie_name!r} is not usable")


def _validate_tls(tls: Tls, certificates: Mapping[str, Certificate], place: str) -> None:
    for id_ in (tls.certificate, *(each.certificate for each in tls.domains)):
        known = certificates.get(id_)
        _require(known is not None, f"{place}: certificate {id_} is not in the snapshot")
        _require(bool(known and known.key_pem), f"{place}: certificate {id_} has no private key")
    _require(
        tls.client_ca is None or tls.client_ca in certificates,
        f"{place}: certificate {tls.client_ca} is not in the snapshot",
    )


def _has_sticky(listener: Listener) -> bool:
    return listener.sticky is not None or any(rule.sticky for rule in listener.rules)


def _validate_check(check: HealthCheck, place: str) -> None:
    for name in ("interval_s", "timeout_s", "healthy_threshold", "unhealthy_threshold"):
        _require(getattr(check, name) > 0, f"{place}: health check {name} must be positive")
    _require(check.port is None or _is_port(check.port), f"{place}: health check port not usable")


def probe_id(address: str, port: int, check: HealthCheck) -> str:
    """Return the identity of a probe: who is asked, where and how (never which group asks).

    Servers of several groups that are checked in the same way share one probe, and editing a
    weight or moving a server keeps its health.
    """
    # The text is that of the list [address, port, settings], put together for speed: a node
    # computes one for each server of each listener.
    text = f'["{address}",{check.port or port},{_settings_json(check)}]'
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=1024)
def _settings_json(check: HealthCheck) -> str:
    settings = dataclasses.asdict(dataclasses.replace(check, port=None))
    if check.kind is not CheckKind.UDP:
        # Fields that came later are left out, so that an upgrade keeps what is known of servers.
        del settings["request"], settings["expected_answer"]
    return _canonical_json(settings)


@dataclass(frozen=True, slots=True, order=True)
class HealthVersion:
    """Orders health tables of one shard: a new owner of the shard starts a new epoch."""

    epoch: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the version written as ``epoch.sequence``."""
        epoch, _, sequence = text.partition(".")
        return cls(int(epoch), int(sequence))


@dataclass(frozen=True, slots=True)
class HealthDelta:
    """What changed in one shard's table from the version just before to this one."""

    shard: int
    epoch: int
    sequence: int
    statuses: Mapping[str, HealthStatus]
    forgotten: tuple[str, ...] = ()

    @property
    def version(self) -> HealthVersion:
        """Return the table's version after this delta."""
        return HealthVersion(self.epoch, self.sequence)

    def to_json(self) -> str:
        """Return the wire form."""
        return _canonical_json(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the delta in the text; raise SnapshotInvalid otherwise."""
        return _from_text(cls, text)


@dataclass(frozen=True, slots=True)
class HealthTable:
    """The whole state of one shard: the status of every probe it owns."""

    shard: int
    version: HealthVersion
    statuses: Mapping[str, HealthStatus]


@dataclass(frozen=True, slots=True)
class AppliedSnapshot:
    """Which version of a load balancer is in force on a node."""

    version: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that a node refused whole; what was in force before still is."""

    version: int
    error: str


@dataclass(frozen=True, slots=True)
class ListenerFault:
    """A listener of an applied snapshot that a node cannot serve, and why."""

    load_balancer: str
    listener: str
    error: ListenerError
    detail: str


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What one proxy node says of itself. ``at`` and ``started_at`` are Unix times in seconds."""

    node: str
    at: float
    started_at: float
    workers: int
    applied: Mapping[str, AppliedSnapshot] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    faults: tuple[ListenerFault, ...] = ()
    health: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the wire form."""
        return _canonical_json(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the report in the text; raise SnapshotInvalid otherwise."""
        return _from_text(cls, text)


# --- where the documents are found ---------------------------------------------------------------

FEED_INDEX_KEY = "openclb:index"
"""Hash: load balancer id -> IndexEntry as JSON."""
FEED_CHANNEL = "openclb:notice"
"""Channel: a message is ``snapshot <load balancer id>`` or ``health <HealthDelta as JSON>``."""
FEED_HEALTH_INDEX_KEY = "openclb:health"
"""Hash: shard number -> HealthVersion as text."""
REPORT_TTL_S = 10
"""Reports expire, so a proxy that is gone stops counting; a node writes one every 3 s."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of the feed's index. ``deleted`` marks the tombstone of a load balancer."""

    version: int
    content_hash: str
    deleted: bool = False

    def to_json(self) -> str:
        """Return the wire form."""
        return _canonical_json(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the entry in the text; raise SnapshotInvalid otherwise."""
        return _from_text(cls, text)


def snapshot_key(load_balancer: str) -> str:
    """Return the key that holds the load balancer's snapshot as JSON text."""
    return f"openclb:snapshot:{load_balancer}"


def health_key(shard: int) -> str:
    """Return the key of a shard's table: a hash of probe id -> HealthStatus value."""
    return f"openclb:health:{shard}"


def report_key(node: str) -> str:
    """Return the key that holds a node's ApplyReport for ``REPORT_TTL_S``."""
    return f"openclb:report:{node}"


def counters_key(node: str) -> str:
    """Return the key that holds a node's traffic counters as JSON for ``REPORT_TTL_S``."""
    return f"openclb:counters:{node}"


# --- rules and wire form -------------------------------------------------------------------------


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SnapshotInvalid(message)


def _is_port(value: int) -> bool:
    return 1 <= value <= MAX_PORT


def _is_address(value: str) -> bool:
    return _ADDRESS.fullmatch(value) is not None


def _is_network(value: str) -> bool:
    return _NETWORK.fullmatch(value) is not None


def _canonical_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(value: object) -> str:
    return hashlib.sha256(_canonical_json(value).encode()).hexdigest()[:16]


def _from_text(cls: type[T], text: str | bytes) -> T:
    try:
        return decode(cls, text)
    except Undecodable as error:
        raise SnapshotInvalid(str(error)) from error
