"""The rows of the instances list: which instances, and one line per listener with its health."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

from balancer.choices import LoadBalancerStatus
from balancer.models import Listener, LoadBalancer
from balancer.selectors.health import ListenerHealth, get_listeners_health
from balancer.selectors.listeners import list_listeners
from balancer.selectors.load_balancers import list_load_balancers
from balancer.selectors.publishing import list_reports

SEARCH_FIELDS = (
    ("name", "Instance name"),
    ("id", "Instance ID"),
    ("address", "IP address"),
)
SORT_KEYS: Mapping[str, str] = {"name": "name", "changed": "updated_at"}
SHOWN_SERVERS = 8


@dataclass(frozen=True, slots=True)
class ListenerLine:
    """One listener of an instance as the list shows it."""

    listener: Listener
    health: ListenerHealth
    group_label: str
    is_faulty: bool = False

    @property
    def word(self) -> str:
        """Return the health word; a listener that a proxy cannot serve has none."""
        return "Not served" if self.is_faulty and self.listener.is_running else self.health.word

    @property
    def health_label(self) -> str:
        """Return "2 of 3 healthy" when that says more than the word."""
        health = self.health
        is_partly = self.word == "Abnormal" and health.total
        return f"{health.healthy} of {health.total} healthy" if is_partly else self.word

    @property
    def shown_servers(self) -> Sequence[Any]:
        """Return the servers that an opened line lists."""
        return self.health.servers[:SHOWN_SERVERS]


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One instance with its listener lines."""

    load_balancer: LoadBalancer
    lines: list[ListenerLine] = field(default_factory=list)

    @property
    def is_abnormal(self) -> bool:
        """Tell whether any listener is not served or has a server that fails its checks."""
        return any(line.word in ("Abnormal", "Not served") for line in self.lines)


@dataclass(frozen=True, slots=True)
class InstanceFilter:
    """What the list's query string asks for; unknown values count as not given."""

    search_field: str = "name"
    text: str = ""
    status: str = ""
    health: str = ""
    sort: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read the filter from a query string."""
        given_field, sort = query.get("field", ""), query.get("sort", "")
        status = query.get("status", "")
        return cls(
            search_field=given_field if given_field in dict(SEARCH_FIELDS) else "name",
            text=query.get("q", "").strip(),
            status=status if status in LoadBalancerStatus.values else "",
            health="abnormal" if query.get("health") == "abnormal" else "",
            sort=sort if sort.removeprefix("-") in SORT_KEYS else "",
        )

    @property
    def is_set(self) -> bool:
        """Tell whether anything is filtered out."""
        return bool(self.text or self.status or self.health)

    @property
    def fields(self) -> Sequence[tuple[str, str]]:
        """Return the entries of the field selector."""
        return SEARCH_FIELDS

    def keeps(self, row: InstanceRow) -> bool:
        """Tell whether the row is among the asked-for ones."""
        load_balancer = row.load_balancer
        return (
            self._matches(load_balancer)
            and (not self.status or load_balancer.status == self.status)
            and (not self.health or row.is_abnormal)
        )

    def _matches(self, load_balancer: LoadBalancer) -> bool:
        value = {
            "name": load_balancer.name,
            "id": load_balancer.public_id,
            "address": load_balancer.address,
        }[self.search_field]
        return self.text.lower() in value.lower()

    @staticmethod
    def matches_text(load_balancer: LoadBalancer, text: str) -> bool:
        """Tell whether name, ID or address contain the text."""
        wanted = text.lower()
        values = (load_balancer.name, load_balancer.public_id, load_balancer.address)
        return any(wanted in value.lower() for value in values)

    @staticmethod
    def query_for(text: str) -> str:
        """Return the query string that searches the list by name."""
        return urlencode({"field": "name", "q": text})


def instance_rows(
    user: Any, region_id: str, wanted: InstanceFilter
) -> tuple[list[InstanceRow], Mapping[str, int]]:
    """Return the wanted rows of a region, and how many rows each quick filter would show."""
    rows = _all_rows(user, region_id)
    kept = [row for row in rows if wanted.keeps(row)]
    if wanted.sort:
        name = SORT_KEYS[wanted.sort.removeprefix("-")]
        kept.sort(
            key=lambda row: getattr(row.load_balancer, name), reverse=wanted.sort.startswith("-")
        )
    return kept, _counts(rows)


def _all_rows(user: Any, region_id: str) -> list[InstanceRow]:
    rows = {
        each.pk: InstanceRow(each) for each in list_load_balancers(user=user, region_id=region_id)
    }
    for line in _lines(user, rows):
        rows[line.listener.load_balancer_id].lines.append(line)
    return list(rows.values())


def _lines(user: Any, rows: Mapping[int, InstanceRow]) -> Iterable[ListenerLine]:
    listeners = [
        each
        for each in list_listeners(user=user).filter(load_balancer_id__in=list(rows))
        if each.load_balancer_id in rows
    ]
    health = get_listeners_health(listeners)
    faulty = {fault.listener for report in list_reports() or () for fault in report.faults}
    for listener in listeners:
        label = _group_label(listener)
        public_id = listener.public_id
        yield ListenerLine(listener, health[public_id], label, public_id in faulty)


def _group_label(listener: Listener) -> str:
    groups = (listener.primary_group, listener.secondary_group)
    if listener.failover_enabled:
        return " or ".join(group.name for group in groups if group is not None)
    group = listener.server_group
    return "Default" if group is None or group.is_default else group.name


def _counts(rows: Sequence[InstanceRow]) -> Mapping[str, int]:
    statuses = [row.load_balancer.status for row in rows]
    return {
        "all": len(rows),
        "abnormal": sum(row.is_abnormal for row in rows),
        "inactive": statuses.count(LoadBalancerStatus.INACTIVE),
        "locked": statuses.count(LoadBalancerStatus.LOCKED),
    }
