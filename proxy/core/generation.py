"""A snapshot in its runnable form: per listener its routes to servers.

A generation is replaced whole. Requests in flight keep the plan they started with.
"""

from collections.abc import Generator, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from proxy.core.access import AccessRules
from proxy.core.added_fields import AddedFields
from proxy.core.failover import FailoverRoute
from proxy.core.health import Target
from proxy.core.http.events import RequestHead
from proxy.core.marks import Marks
from proxy.core.persistence import PersistentRoute
from proxy.core.proxy_protocol import ProxyHeader
from proxy.core.route import Route, RouteSettings
from proxy.core.routing import RuleTable
from proxy.core.scheduling.scheduler import Peer
from proxy.core.stickiness import Stickiness
from proxy.core.targets import Place, TargetBook
from proxy.snapshot import (
    ForwardingRule,
    Listener,
    Protocol,
    SchedulerName,
    ServerGroup,
    Snapshot,
    Sticky,
)

SERVED_PROTOCOLS = frozenset(Protocol)
SERVED_SCHEDULERS = frozenset(SchedulerName) - {SchedulerName.CONNECTION_ID_HASH}
HASH_SCHEDULERS = frozenset({SchedulerName.SOURCE_HASH, SchedulerName.TUPLE_HASH})
LAYER_4_PROTOCOLS = frozenset({Protocol.TCP, Protocol.UDP})

__all__ = ["Generation", "ListenerPlan", "Target", "build_generation", "unserved_reason"]


class ListenerPlan:
    """The runnable form of one listener at one version.

    ``route`` is where requests go that no forwarding rule takes, ``rule_routes`` the others by the
    ids of the rules. ``is_simple`` tells that every request goes the same way and no header but
    the usual ones is read or written, so that the short way of simple requests may be taken.
    ``access`` None: everybody may connect.
    ``layer4_route`` is where connections and packets go: like ``route``, but over two groups where
    the listener fails over. ``proxy_header`` None: servers are not told who their clients are.
    """

    __slots__ = (
        "_book",
        "_counting",
        "_groups",
        "_open_work",
        "_phase",
        "_routes",
        "_rules",
        "_schedulers",
        "added_fields",
        "access",
        "has_failover",
        "is_simple",
        "layer4_route",
        "listener",
        "load_balancer",
        "places",
        "proxy_header",
        "route",
        "rule_routes",
        "targets",
        "version",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        listener: Listener,
        groups: Mapping[str, ServerGroup],
        before: "ListenerPlan | None" = None,
        phase: float = 0.0,
        book: TargetBook | None = None,
    ) -> None:
        self.load_balancer = snapshot.load_balancer
        self.version = snapshot.version
        self.listener = listener
        self.added_fields = AddedFields(listener, snapshot.load_balancer, snapshot.address) or None
        self.is_simple = _is_simple(listener) and snapshot.limits.bandwidth_mbps is None
        self.access = AccessRules(listener.access) if listener.access else None
        # One count for all plans of a listener: connections outlive the plan they began with.
        self._open_work: dict[str, int] = before._open_work if before else {}
        self._groups = groups
        self._phase = phase
        self._book = book
        self.route: Route = self._route(snapshot, listener, before.route if before else None)
        self.has_failover = listener.failover is not None
        self.proxy_header = _proxy_header(listener, (snapshot.address, listener.port))
        self.layer4_route = self._layer4_route(snapshot, before)
        self.rule_routes: Mapping[str, Route] = {
            rule.id: self._route(snapshot, rule, _rule_route(before, rule), rule.id)
            for rule in listener.rules
        }
        self._rules = RuleTable(listener.rules)
        self._routes = routes = (*self.layer4_route.routes, *self.rule_routes.values())
        self._schedulers = tuple(each.scheduler for each in routes)
        self._counting = tuple(each for each in self._schedulers if each.counts_work)
        # Rules often lead to one group, which counts once.
        members = {id(each.members): each.members for each in routes}.values()
        self.targets = tuple(target for each in members for target in each.targets)
        self.places: AbstractSet[Place] = (
            routes[0].members.places
            if len(members) == 1
            else frozenset().union(*(each.places for each in members))
        )

    def _route(
        self,
        snapshot: Snapshot,
        use: Listener | ForwardingRule,
        known: Route | None,
        rule: str | None = None,
    ) -> Route:
        listener = self.listener
        settings = _settings(snapshot, listener, use, self._groups)
        timeout_s = listener.persistence_timeout_s
        if timeout_s and listener.protocol in LAYER_4_PROTOCOLS:
            settings = replace(settings, scheduler=SchedulerName.SOURCE_HASH)
            return PersistentRoute(settings, self._open_work, timeout_s, known, self._book)
        built = Route(settings, self._open_work, known, self._phase, rule, self._book)
        built.stickiness = _stickiness(snapshot, listener, use.sticky, settings.group, known)
        return built

    def _layer4_route(
        self, snapshot: Snapshot, before: "ListenerPlan | None"
    ) -> Route | FailoverRoute:
        failover = self.listener.failover
        if failover is None:
            return self.route
        known = before.layer4_route if before else None
        going_on = known if isinstance(known, FailoverRoute) else None
        use = replace(self.listener, group=failover.group)
        second = self._route(snapshot, use, _second_route(before))
        return FailoverRoute(failover, self.route, second, going_on)

    def route_for(self, head: RequestHead) -> Route:
        """Return where the request goes: by the rule that takes it, else as the listener says."""
        rule = self._rules.find(head.authority or head.fields.host, head.target)
        return self.route if rule is None else self.rule_routes[rule]

    def layer4_route_of(self, target: Target) -> Route:
        """Return by which of its routes a TCP or UDP listener has just picked the server."""
        routes = self.layer4_route.routes
        return next((route for route in routes if route.reaches(target)), self.route)

    def reaches(self, target: Target) -> bool:
        """Tell whether the plan still has this server at this address."""
        return self.layer4_route.reaches(target) or any(
            each.reaches(target) for each in self.rule_routes.values()
        )

    @property
    def group_ids(self) -> frozenset[str]:
        """Return the groups that the listener sends to."""
        return frozenset(each.settings.group.id for each in self._routes)

    def group_of(self, server_id: str) -> str:
        """Return the group of a server; "" when the plan does not have the server."""
        found = (each.settings.group.id for each in self._routes if each.knows(server_id))
        return next(found, "")

    def begin_work(self, target: Target) -> None:
        """Count a connection or a request that the target has from now on."""
        server = target.server_id
        self._open_work[server] = self._open_work.get(server, 0) + 1
        for scheduler in self._counting:
            scheduler.begin(server)

    def end_work(self, target: Target) -> None:
        """Count a connection or a request that the target has no more."""
        server = target.server_id
        left = self._open_work[server] - 1
        if left:
            self._open_work[server] = left
        else:
            del self._open_work[server]
        for scheduler in self._counting:
            scheduler.end(server)

    @property
    def is_ready(self) -> bool:
        """Tell whether a pick would not have to do much work first."""
        return all(each.is_ready for each in self._schedulers)

    def prepare(self) -> bool:
        """Do a small part of the work ahead of picks and return whether more of it is left."""
        return any(each.prepare() for each in self._schedulers)


def _proxy_header(listener: Listener, destination: Peer) -> ProxyHeader | None:
    if not listener.proxy_protocol or listener.protocol not in LAYER_4_PROTOCOLS:
        return None
    return ProxyHeader(listener.protocol, destination)


def _settings(
    snapshot: Snapshot,
    listener: Listener,
    use: Listener | ForwardingRule,
    groups: Mapping[str, ServerGroup],
) -> RouteSettings:
    group = groups[use.group]
    return RouteSettings(
        group if listener.redirect_port is None else replace(group, servers=()),
        listener.backend_port,
        use.scheduler,
        use.health_check,
        (snapshot.address, listener.port),
    )


def _second_route(before: ListenerPlan | None) -> Route | None:
    """Return the route to the group that the listener failed over to so far."""
    known = before.layer4_route if before else None
    return known.routes[1] if isinstance(known, FailoverRoute) else None


def _rule_route(before: ListenerPlan | None, rule: ForwardingRule) -> Route | None:
    return before.rule_routes.get(rule.id) if before else None


@dataclass(frozen=True, slots=True)
class Generation:
    """One snapshot, ready to serve: a plan for each listener that this proxy can serve."""

    snapshot: Snapshot
    listeners: Mapping[str, ListenerPlan]


def foresee_targets(
    snapshot: Snapshot, previous: Generation | None
) -> Generator[None, None, TargetBook]:
    """Make the servers ready in parts, while what was before goes on serving."""
    book = TargetBook()
    groups = {group.id: group for group in snapshot.groups}
    before = previous.listeners if previous else {}
    for listener in snapshot.listeners:
        if not unserved_reason(listener):
            for use, known in _uses(listener, before.get(listener.id)):
                yield from book.make(_settings(snapshot, listener, use, groups), known)
    return book


def _uses(
    listener: Listener, before: ListenerPlan | None
) -> Iterator[tuple[Listener | ForwardingRule, Route | None]]:
    """Yield each use of a group by the listener, with its route so far."""
    yield listener, before.route if before else None
    if listener.failover is not None:
        yield replace(listener, group=listener.failover.group), _second_route(before)
    for rule in listener.rules:
        yield rule, _rule_route(before, rule)


def build_generation(
    snapshot: Snapshot,
    previous: Generation | None,
    phase: float = 0.0,
    book: TargetBook | None = None,
) -> Generation:
    """Return the runnable form; ``phase`` (0 to 1) is where new schedulers start their cycle.

    ``book`` has what was foreseen for the two, if there was time for it.
    """
    book = book or TargetBook()
    groups = {group.id: group for group in snapshot.groups}
    before = previous.listeners if previous else {}
    plans = {}
    for listener in snapshot.listeners:
        if unserved_reason(listener):
            continue
        plan = before.get(listener.id)
        plans[listener.id] = ListenerPlan(snapshot, listener, groups, plan, phase, book)
    return Generation(snapshot, plans)


def _stickiness(
    snapshot: Snapshot,
    listener: Listener,
    sticky: Sticky | None,
    group: ServerGroup,
    known: Route | None,
) -> Stickiness | None:
    """Return the cookies of a route.

    Groups have cookies of their own: a client goes from the listener's servers to those of a rule
    and back, and each session keeps its server.
    """
    if sticky is None:
        return None
    before = known.stickiness.marks if known and known.stickiness else None
    servers = (server.id for server in group.servers)
    marks = Marks(snapshot.cookie_key.encode(), servers, before)
    is_shared = group.id == listener.group
    return Stickiness(
        sticky,
        marks,
        is_secure=listener.protocol is Protocol.HTTPS and not _has_plain_sessions(snapshot),
        suffix="" if is_shared else f"_{marks.label(group.id)}",
        lifetime_s=max(_lifetimes(snapshot), default=0) if is_shared else 0,
    )


def _has_plain_sessions(snapshot: Snapshot) -> bool:
    """Tell whether cookies are set without encryption, too: browsers do not let these replace one
    that is marked as secure (RFC 6265bis, "leave secure cookies alone").
    """
    return any(
        each.protocol is Protocol.HTTP and (each.sticky or any(rule.sticky for rule in each.rules))
        for each in snapshot.listeners
    )


def _lifetimes(snapshot: Snapshot) -> Iterator[int]:
    """Yield how long the marks in the cookie that listeners share may live."""
    for listener in snapshot.listeners:
        if listener.sticky is not None and listener.sticky.cookie_timeout_s is not None:
            yield listener.sticky.cookie_timeout_s


def _is_simple(listener: Listener) -> bool:
    has_added_fields = (
        listener.forwarded_proto
        or listener.forwarded_port
        or listener.forwarded_client_port
        or listener.forwarded_instance_address
        or listener.forwarded_instance_id
    )
    changes_answers = listener.gzip or listener.redirect_port is not None
    has_choices = bool(listener.rules) or listener.sticky is not None
    is_plain = not has_added_fields and not changes_answers and not has_choices
    return listener.forwarded_for and is_plain and listener.bandwidth_mbps is None


def unserved_reason(listener: Listener) -> str | None:
    """Return why this proxy cannot serve such a listener, or None when it can."""
    if listener.protocol not in SERVED_PROTOCOLS:
        return f"protocol {listener.protocol} is not served by this proxy"
    for scheduler in (listener.scheduler, *(rule.scheduler for rule in listener.rules)):
        if scheduler not in SERVED_SCHEDULERS:
            return f"scheduler {scheduler} is not served by this proxy"
        if scheduler in HASH_SCHEDULERS and listener.protocol not in LAYER_4_PROTOCOLS:
            return f"scheduler {scheduler} is not for {listener.protocol} listeners"
    if listener.failover is not None and listener.protocol not in LAYER_4_PROTOCOLS:
        return f"two-group failover is not for {listener.protocol} listeners"
    return None
