"""What templates/server_panel/_server_table.html draws: rows with identity, fields and problems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from balancer.selectors.candidates import Candidate
from console.forms.server_table import (
    ROW,
    Column,
    Direction,
    PendingRow,
    RowErrors,
    problem_of,
)

_ITEMS = (
    (Direction.BELOW, "Replicate to Below", "b"),
    (Direction.ABOVE, "Replicate to Above", "a"),
    (Direction.ALL, "Replicate to All", "l"),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a row says about its server."""

    machine_type: str
    public_id: str
    name: str
    zone: str
    address: str

    def to_label(self) -> dict[str, str]:
        """Return it as a draft keeps it."""
        return {
            "machine_type": self.machine_type,
            "public_id": self.public_id,
            "name": self.name,
            "zone": self.zone,
            "address": self.address,
        }

    @classmethod
    def of_candidate(cls, candidate: Candidate) -> "Identity":
        """Return the identity of a machine of the inventory."""
        return cls(
            machine_type=candidate.machine_type,
            public_id=candidate.public_id,
            name=candidate.name,
            zone=candidate.zone_name,
            address=candidate.private_address,
        )

    @classmethod
    def of_key(cls, key: str, labels: Mapping[str, Mapping[str, str]]) -> "Identity":
        """Return the identity of a machine that is gone, from what a draft kept of it."""
        machine_type, _, rest = key.partition(":")
        public_id, _, address = rest.partition(":")
        known = labels.get(key, {})
        return cls(
            machine_type=known.get("machine_type", machine_type),
            public_id=known.get("public_id", public_id),
            name=known.get("name", public_id),
            zone=known.get("zone", ""),
            address=known.get("address", address),
        )


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One item of the replicate menu with the rows that it changes, or why it cannot."""

    direction: str
    label: str
    letter: str
    note: str
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row with its messages and its menu."""

    column: str
    value: str
    offered: str
    error: str
    note: str
    is_refused: bool
    items: Sequence[MenuItem]
    menu_note: str
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row; only the first of a server shows who it is."""

    place: int
    key: str
    identity: Identity
    is_first: bool
    is_continued: bool
    server_rows: int
    port: Field | None
    weight: Field | None
    error: str
    port_text: str
    weight_text: str


@dataclass(frozen=True, slots=True)
class ServerTable:
    """The whole table; ``blank`` is a further row of a server, for Add Port in the browser."""

    rows: Sequence[TableRow]
    columns: Sequence[Column]
    blank: TableRow
    caption: str
    has_search: bool

    @property
    def has_port(self) -> bool:
        """Tell whether servers of this group have ports of their own."""
        return Column.PORT in self.columns

    @property
    def has_weight(self) -> bool:
        """Tell whether servers of this group have weights."""
        return Column.WEIGHT in self.columns

    @property
    def summary(self) -> str:
        """Return how much stands in the table."""
        servers = len({row.key for row in self.rows})
        told = f"{servers} server{'' if servers == 1 else 's'}."
        return told if servers == len(self.rows) else f"{len(self.rows)} rows of {told}"


def build_table(
    rows: Sequence[PendingRow],
    identities: Mapping[str, Identity],
    columns: Sequence[Column],
    *,
    errors: RowErrors | None = None,
    caption: str = "Servers being added",
    usual_port: str = "",
    has_search: bool = False,
) -> ServerTable:
    """Return the table that shows these rows; ``usual_port`` stands grey in empty port fields."""
    builder = _Builder(rows, columns, errors or {}, usual_port)
    return ServerTable(
        rows=[builder.build(at, row, identities[row.key]) for at, row in enumerate(rows)],
        columns=columns,
        blank=builder.blank(),
        caption=caption,
        has_search=has_search,
    )


class _Builder:
    def __init__(
        self,
        rows: Sequence[PendingRow],
        columns: Sequence[Column],
        errors: RowErrors,
        usual_port: str,
    ) -> None:
        self._rows, self._columns, self._errors = rows, columns, errors
        self._usual_port = usual_port

    def build(self, at: int, row: PendingRow, identity: Identity) -> TableRow:
        keys = [each.key for each in self._rows]
        return self._row(
            at,
            row,
            identity,
            is_first=at == 0 or keys[at - 1] != row.key,
            is_continued=at + 1 < len(keys) and keys[at + 1] == row.key,
            server_rows=keys.count(row.key),
        )

    def blank(self) -> TableRow:
        nobody = Identity("", "", "", "", "")
        shape: dict[str, Any] = {"is_first": False, "is_continued": False, "server_rows": 1}
        return self._row(-1, PendingRow(""), nobody, **shape)

    def _row(self, at: int, row: PendingRow, identity: Identity, **shape: Any) -> TableRow:
        messages = self._errors.get(at, {})
        return TableRow(
            place=at,
            key=row.key,
            identity=identity,
            port=self._field(at, row, Column.PORT, messages),
            weight=self._field(at, row, Column.WEIGHT, messages),
            error=" ".join(messages.get(ROW, [])),
            port_text=row.port,
            weight_text=row.weight,
            **shape,
        )

    def _field(
        self, at: int, row: PendingRow, column: Column, messages: Mapping[str, Sequence[str]]
    ) -> Field | None:
        if column not in self._columns:
            return None
        problem = problem_of(row, column)
        error = " ".join(dict.fromkeys(messages.get(column.value, [])))
        is_zero = column is Column.WEIGHT and not problem and int(row.weight) == 0
        return Field(
            column=column.value,
            value=row.value(column),
            offered=PendingRow(row.key).value(column),
            error=error,
            note="Receives no new requests" if is_zero else "",
            is_refused=bool(error) and not problem and error != "Same server and port",
            items=[self._item(at, problem, column, *item) for item in _ITEMS],
            menu_note=self._menu_note(row, column, problem),
            placeholder=f"e.g. {self._usual_port}"
            if column is Column.PORT and self._usual_port
            else "",
        )

    def _item(
        self, at: int, problem: str, column: Column, direction: Direction, label: str, letter: str
    ) -> MenuItem:
        total = len(self._rows)
        count = {
            Direction.BELOW: total - at - 1,
            Direction.ABOVE: at,
            Direction.ALL: total,
        }[direction]
        why = ""
        if problem:
            why = f"no valid {column.value}"
        elif total == 1:
            why = "only row"
        elif count == 0:
            why = "last row" if direction is Direction.BELOW else "first row"
        note = why or f"{count} row{'' if count == 1 else 's'}"
        return MenuItem(direction.value, label, letter, note, bool(why))

    def _menu_note(self, row: PendingRow, column: Column, problem: str) -> str:
        if problem:
            return f"Enter a valid {column.value} first; it is what will be copied."
        stays = [f" {each.value.title()}s stay as they are." for each in self._columns]
        others = "".join(
            text for text, each in zip(stays, self._columns, strict=True) if each is not column
        )
        return (
            f"Copies {column.value} {row.value(column)} to other {column.value}s.{others}"
            " Nothing is saved yet."
        )
