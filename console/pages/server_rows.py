"""The servers of a group as its tab shows them: machine, health, share; and the filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.http import QueryDict

from balancer.choices import PowerState
from balancer.domain.weights import traffic_shares
from balancer.models import BackendServer, InterfaceAddress, Listener, ServerGroup
from balancer.selectors.backend_servers import list_backend_servers
from balancer.selectors.health import NORMAL, NOT_CHECKED, ServerHealth, get_group_health
from balancer.selectors.listeners import list_listeners
from proxy.snapshot import SchedulerName

_UNWEIGHTED = {
    # What stands at shares that are not the weights', and the explanation of it (I1).
    SchedulerName.WEIGHTED_LEAST_CONNECTIONS: (
        "by least connections",
        "New requests go to the server with the fewest open ones for its weight",
    ),
    SchedulerName.ROUND_ROBIN: (
        "not used by round robin",
        "The listeners' algorithm does not look at weights",
    ),
}

SEARCH_FIELDS = (
    ("name", "ECS Instance Name"),
    ("id", "ECS Instance ID"),
    ("address", "Private IP Address"),
    ("weight", "Weight"),
)


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One server of the group; ``share`` is its part of new requests in percent."""

    server: BackendServer
    health: ServerHealth
    share: float
    can_serve: bool

    @property
    def takes_requests(self) -> bool:
        """Tell whether new requests reach the server now."""
        return self.can_serve and self.server.weight > 0

    @property
    def title(self) -> str:
        """Return the name of the machine, of an interface also whose it is."""
        return name_of(self.server)

    @property
    def network(self) -> tuple[str, str]:
        """Return VPC and vSwitch, or for an IDC server its link and note."""
        server = self.server
        if server.idc_server is not None:
            return server.idc_server.link, server.idc_server.note
        vswitch = (
            server.ecs_instance.vswitch
            if server.ecs_instance is not None
            else _address_of(server).interface.vswitch
        )
        return vswitch.vpc.public_id, vswitch.public_id

    @property
    def addresses(self) -> tuple[str, str]:
        """Return the two lines of the address cell."""
        server = self.server
        private = f"{server.address} (Private)"
        if server.ecs_instance is not None:
            public = server.ecs_instance.public_address
            return (f"{public} (Public)" if public else "–"), private
        if server.idc_server is not None:
            return private, "–"
        return private, f"{_rank(_address_of(server))} address"

    @property
    def power(self) -> tuple[str, str]:
        """Return the machine's state and its word; an IDC server has none."""
        server = self.server
        if server.idc_server is not None:
            return "", ""
        if server.ecs_instance is not None:
            machine = server.ecs_instance
        else:
            attached = _address_of(server).interface.instance
            if attached is None:
                return "detached", "Detached"
            machine = attached
        return machine.power_state, machine.get_power_state_display()


@dataclass(frozen=True, slots=True)
class GroupServers:
    """All servers of a group with the listeners that send to it."""

    rows: Sequence[ServerRow]
    listeners: Sequence[Listener]
    is_active: bool = True

    @property
    def running(self) -> list[Listener]:
        """Return the listeners that answer requests from this group now."""
        return [each for each in self.listeners if each.is_running]

    @property
    def taking(self) -> int:
        """Return how many servers take new requests."""
        return sum(row.takes_requests for row in self.rows)

    @property
    def taking_sentence(self) -> str:
        """Say how many servers take new requests, or why none can come."""
        if not self.rows:
            return ""
        if not self.listeners:
            return "No listener uses this group yet"
        if not self.running:
            return "No running listener uses this group"
        if not self.is_active:
            return "The instance is stopped"
        verb = "takes" if self.taking == 1 else "take"
        return f"{self.taking} of {len(self.rows)} {verb} new requests"

    @property
    def is_reached(self) -> bool:
        """Tell whether requests come to the group at all."""
        return self.is_active and bool(self.running)

    @property
    def serving_weight(self) -> int:
        """Return the sum of weights that shares are parts of."""
        return sum(row.server.weight for row in self.rows if row.can_serve)

    @property
    def other_measure(self) -> tuple[str, str] | None:
        """Return by what new requests are shared if no running listener does it by weight."""
        schedulers = {SchedulerName(each.scheduler) for each in self.running}
        if not schedulers or schedulers - _UNWEIGHTED.keys():
            return None
        return next(words for name, words in _UNWEIGHTED.items() if name in schedulers)

    @property
    def mark(self) -> str:
        """Return a short text that changes whenever a row comes, goes or is edited."""
        text = ",".join(f"{row.server.public_id}:{row.server.edit_number}" for row in self.rows)
        return sha256(text.encode()).hexdigest()[:16]

    def others_stay(self, gone: Sequence[BackendServer]) -> bool:
        """Tell whether a server stays when these go."""
        return len({each.pk for each in gone}) < len(self.rows)

    def takes_all_weight(self, weights: dict[str, int]) -> bool:
        """Tell whether nobody would get new requests with these weights by public id."""
        after = [weights.get(row.server.public_id, row.server.weight) for row in self.rows]
        return bool(after) and not any(after)


@dataclass(frozen=True, slots=True)
class ServerFilter:
    """What the toolbar asks for: a value in one field, and a machine state."""

    search_field: str
    text: str
    status: str

    @classmethod
    def from_query(cls, query: QueryDict) -> "ServerFilter":
        """Read the query string; what it cannot mean is left out."""
        field, status = query.get("field", "name"), query.get("status", "")
        return cls(
            search_field=field if field in dict(SEARCH_FIELDS) else "name",
            text=query.get("q", "").strip(),
            status=status if status in PowerState.values else "",
        )

    @property
    def is_set(self) -> bool:
        """Tell whether rows may be hidden."""
        return bool(self.text or self.status)

    def matches(self, row: ServerRow) -> bool:
        """Tell whether the row is to be shown."""
        if self.status and row.power[0] != self.status:
            return False
        server, text = row.server, self.text.lower()
        if self.search_field == "weight":
            return not text or str(server.weight) == text
        found = {"name": row.title, "id": server.machine_id, "address": server.address}
        return text in found[self.search_field].lower()


def read_group(user: Any, group: ServerGroup) -> GroupServers:
    """Return the servers of a group with their health and share, and who uses them."""
    servers = list(list_backend_servers(user=user, group=group))
    listeners = [
        each
        for each in list_listeners(user=user, load_balancer=group.load_balancer)
        if each.sends_to(group)
    ]
    health = get_group_health(group, listeners)
    able = {each.public_id: _can_serve(health[each.public_id]) for each in servers}
    shares = traffic_shares([each.weight if able[each.public_id] else 0 for each in servers])
    rows = [
        ServerRow(each, health[each.public_id], share, able[each.public_id])
        for each, share in zip(servers, shares, strict=True)
    ]
    return GroupServers(rows, listeners, group.load_balancer.is_active)


def name_of(server: BackendServer) -> str:
    """Return what people call a server: the machine's name, or interface on machine."""
    if server.interface_address is None:
        return server.name
    attached = server.interface_address.interface.instance
    return f"{server.name} on {attached.name}" if attached else server.name


def _can_serve(health: ServerHealth) -> bool:
    """A server whose state is not known just now keeps its share: the proxies keep serving it."""
    return health.word in (NORMAL, NOT_CHECKED) or health.is_stale


def _address_of(server: BackendServer) -> InterfaceAddress:
    assert server.interface_address is not None, "neither ECS nor IDC"
    return server.interface_address


def _rank(address: InterfaceAddress) -> str:
    return "Primary" if address.is_primary else "Secondary"
