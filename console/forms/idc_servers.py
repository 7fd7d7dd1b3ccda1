"""Rows of the Add IDC Server panel: as typed, as pasted, and what is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.http import QueryDict

from balancer.constants import DEFAULT_WEIGHT
from balancer.domain.names import check_machine_name
from balancer.domain.networks import check_server_address
from balancer.exceptions import Invalid
from balancer.services.idc_servers import IdcRow
from console.forms.server_table import (
    Column,
    PendingRow,
    RowErrors,
    change_rows,
    problem_of,
)

MAX_PASTED_LINES = 200


@dataclass(frozen=True, slots=True)
class TypedServer:
    """One row of the panel."""

    name: str = ""
    address: str = ""
    link: str = ""
    weight: str = str(DEFAULT_WEIGHT)
    note: str = ""

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing was typed that names a server."""
        return not (self.name or self.address or self.link or self.note)

    def to_row(self) -> IdcRow:
        """Return what the service takes."""
        return IdcRow(
            name=self.name,
            address=self.address,
            link=self.link,
            weight=self.weight,
            note=self.note,
        )


def read_servers(data: QueryDict) -> list[TypedServer]:
    """Return the posted rows in the order of the page."""
    columns = {name: data.getlist(name) for name in ("name", "address", "link", "weight", "note")}
    return [
        TypedServer(**{name: _text(texts, at) for name, texts in columns.items()})
        for at in range(len(data.getlist("key")))
    ]


def _text(texts: Sequence[str], at: int) -> str:
    return texts[at].strip() if at < len(texts) else ""


def change_servers(servers: Sequence[TypedServer], act: str) -> list[TypedServer] | None:
    """Do what a button of the table says; None when it is not one of the table's."""
    if act == "add-row":
        return [*servers, TypedServer()]
    keyed = [PendingRow(str(at), "", server.weight) for at, server in enumerate(servers)]
    changed = change_rows(keyed, act)
    if changed is None:
        return None
    return [replace(servers[int(row.key)], weight=row.weight) for row in changed]


def read_pasted(text: str) -> tuple[list[TypedServer], list[str]]:
    """Return the servers of pasted lines "address,weight,name", and which lines were not read.

    The four-column form "address,port,weight,name" is read too; its port is left out, because
    the default group has none.
    """
    servers, problems = list[TypedServer](), list[str]()
    lines = [(at, line.strip()) for at, line in enumerate(text.splitlines(), start=1)]
    for at, line in [(at, line) for at, line in lines if line][:MAX_PASTED_LINES]:
        parts = [part.strip() for part in line.replace("\t", ",").replace(";", ",").split(",")]
        if len(parts) > 4:
            problems.append(f"Line {at} has {len(parts)} values; 1 to 4 are read: {line:.60}")
            continue
        address = parts[0]
        rest = parts[2:] if len(parts) == 4 else parts[1:]
        weight = rest[0] if rest and rest[0] else str(DEFAULT_WEIGHT)
        name = rest[1] if len(rest) > 1 and rest[1] else address
        servers.append(TypedServer(name=name, address=address, weight=weight))
    return servers, problems


def check_servers(servers: Sequence[TypedServer], registered: Mapping[str, str]) -> RowErrors:
    """Return every problem by row and column; a registered address keeps its registered name."""
    errors: dict[int, dict[str, list[str]]] = {}
    first: dict[str, int] = {}
    for at, server in enumerate(servers):
        found: dict[str, list[str]] = {}
        try:
            check_server_address(
                server.address,
                field="address",
                loopback_allowed=settings.OPENCLB_ALLOW_LOOPBACK_SERVERS,
            )
        except Invalid as error:
            found["address"] = [error.message if server.address else "Enter an IPv4 address."]
        if server.address in first:
            found["address"] = [f"{server.address} stands in row {first[server.address] + 1} too."]
        elif server.address:
            first[server.address] = at
        if server.address not in registered:
            _check_texts(server, found)
        problem = problem_of(PendingRow("", "", server.weight), Column.WEIGHT)
        if problem:
            found["weight"] = [problem]
        if found:
            errors[at] = found
    return errors


def _check_texts(server: TypedServer, found: dict[str, list[str]]) -> None:
    for field in ("name", "link", "note"):
        text = getattr(server, field)
        if not text and field != "name":
            continue
        try:
            check_machine_name(text, field)
        except Invalid as error:
            found[field] = [error.message.replace("Name", field.title(), 1)]
