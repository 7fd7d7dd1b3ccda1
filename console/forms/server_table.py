"""Rows of servers whose ports and weights are being typed: read them, change them, check them.

static/js/server-table.js does the same in the browser; this is the way without script, and the
check that counts. Rules R1-R16 and E1.1-E1.3 of the console reference.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from django.http import QueryDict

from balancer.constants import DEFAULT_WEIGHT, MAX_PORT, MAX_WEIGHT, MIN_PORT, MIN_WEIGHT
from balancer.domain.weights import check_port, check_weight
from balancer.exceptions import Invalid

RowErrors = Mapping[int, Mapping[str, Sequence[str]]]
"""Messages by place of the row and by column; the column ``row`` is the server itself."""

ROW = "row"


class Column(StrEnum):
    """A column with fields; a group has the ones its kind needs."""

    PORT = "port"
    WEIGHT = "weight"


class Direction(StrEnum):
    """Where a value is copied to (R3-R5)."""

    BELOW = "below"
    ABOVE = "above"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class PendingRow:
    """One row as typed; several rows of one server have the same key."""

    key: str
    port: str = ""
    weight: str = str(DEFAULT_WEIGHT)

    def value(self, column: Column) -> str:
        """Return what stands in the column."""
        return self.port if column is Column.PORT else self.weight

    def with_value(self, column: Column, text: str) -> "PendingRow":
        """Return the row with another text in the column."""
        return replace(self, port=text) if column is Column.PORT else replace(self, weight=text)


def read_rows(data: QueryDict) -> list[PendingRow]:
    """Return the rows of a posted table, in the order of the page."""
    keys, ports, weights = (data.getlist(name) for name in ("key", "port", "weight"))
    return [
        PendingRow(
            key=key,
            port=ports[at].strip() if at < len(ports) else "",
            weight=weights[at].strip() if at < len(weights) else "",
        )
        for at, key in enumerate(keys)
    ]


def replicate(
    rows: Sequence[PendingRow], column: Column, direction: Direction, source: int
) -> list[PendingRow]:
    """Copy the value of one row to others in its column; a bad source changes nothing (R11)."""
    if not 0 <= source < len(rows) or problem_of(rows[source], column):
        return list(rows)
    text = rows[source].value(column)
    reached = {
        Direction.BELOW: range(source + 1, len(rows)),
        Direction.ABOVE: range(source),
        Direction.ALL: range(len(rows)),
    }[direction]
    return [row.with_value(column, text) if at in reached else row for at, row in enumerate(rows)]


def reset(rows: Sequence[PendingRow], column: Column) -> list[PendingRow]:
    """Empty the column in every row (R6)."""
    return [row.with_value(column, "") for row in rows]


def add_port(rows: Sequence[PendingRow], source: int) -> list[PendingRow]:
    """Add an empty row below the last one of the same server."""
    if not 0 <= source < len(rows):
        return list(rows)
    key = rows[source].key
    last = max(at for at, row in enumerate(rows) if row.key == key)
    return [*rows[: last + 1], PendingRow(key), *rows[last + 1 :]]


def delete_row(
    rows: Sequence[PendingRow], place: int, *, whole_server: bool = False
) -> list[PendingRow]:
    """Take out one row, or every row of its server."""
    if not 0 <= place < len(rows):
        return list(rows)
    key = rows[place].key
    return [
        row for at, row in enumerate(rows) if not (row.key == key if whole_server else at == place)
    ]


def change_rows(rows: Sequence[PendingRow], act: str) -> list[PendingRow] | None:
    """Do what a button of the table says; None when the act is not one of the table's."""
    match act.split():
        case ["replicate", column, direction, place] if (
            column in set(Column) and direction in set(Direction) and _is_place(place)
        ):
            return replicate(rows, Column(column), Direction(direction), int(place))
        case ["reset", column] if column in set(Column):
            return reset(rows, Column(column))
        case ["add-port", place] if _is_place(place):
            return add_port(rows, int(place))
        case [("delete" | "delete-server") as kind, place] if _is_place(place):
            return delete_row(rows, int(place), whole_server=kind == "delete-server")
    return None


def _is_place(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def problem_of(row: PendingRow, column: Column) -> str:
    """Return what is wrong with a value, or nothing."""
    text = row.value(column)
    low, high = (MIN_PORT, MAX_PORT) if column is Column.PORT else (MIN_WEIGHT, MAX_WEIGHT)
    if not text:
        return f"Enter a {column.value} from {low} to {high}."
    try:
        (check_port if column is Column.PORT else check_weight)(text)
    except Invalid as error:
        return error.message
    return ""


def check_rows(rows: Sequence[PendingRow], columns: Sequence[Column]) -> RowErrors:
    """Return every problem of the rows, as the browser shows them before sending."""
    errors: dict[int, dict[str, list[str]]] = {}
    for at, row in enumerate(rows):
        for column in columns:
            problem = problem_of(row, column)
            if problem:
                errors.setdefault(at, {})[column.value] = [problem]
    if Column.PORT in columns:
        for at in _same_server_and_port(rows):
            errors.setdefault(at, {}).setdefault("port", []).append("Same server and port")
    return errors


def _same_server_and_port(rows: Sequence[PendingRow]) -> list[int]:
    places = [None if problem_of(row, Column.PORT) else (row.key, int(row.port)) for row in rows]
    counts = Counter(place for place in places if place is not None)
    return [at for at, place in enumerate(places) if place is not None and counts[place] > 1]


def errors_of(error: Invalid) -> tuple[RowErrors, list[str]]:
    """Return a refusal of a service by row and column, and what concerns no single row."""
    by_row: dict[int, dict[str, list[str]]] = {}
    others: list[str] = []
    for path, messages in error.fields.items():
        place, column = _place_of(path)
        if place is None:
            others.extend(messages)
        else:
            by_row.setdefault(place, {}).setdefault(column, []).extend(messages)
    return by_row, others if by_row or others else [error.message]


def _place_of(path: str) -> tuple[int | None, str]:
    """Return the row and the column that ``servers[2].weight`` names."""
    head, _, field = path.partition("].")
    name, _, number = head.partition("[")
    if name != "servers" or not number.rstrip("]").isdigit():
        return None, ""
    known = {"weight", "port", "name", "address", "link", "note"}
    return int(number.rstrip("]")), field if field in known else ROW
