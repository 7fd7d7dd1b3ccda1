"""What has been chosen and typed in the My Servers panel, as its draft keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict

from console.forms.server_table import PendingRow, read_rows

SELECT, CONFIGURE = "select", "configure"
MACHINE_TYPES = (("all", "ECS/ENI"), ("ecs", "ECS"), ("eni", "ENI"))

Label = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PanelState:
    """Selection, filters and rows of one panel; unchanged by search, paging and steps (R, E1.10).

    ``labels`` hold what a row shows, so that it can still be drawn when its machine is gone.
    """

    selected: tuple[str, ...] = ()
    rows: tuple[PendingRow, ...] = ()
    query: str = ""
    only_available: bool = True
    advanced: bool = False
    machine_type: str = "all"
    page: int = 1
    opened: tuple[str, ...] = ()
    labels: Mapping[str, Label] | None = None

    @property
    def shown_type(self) -> str:
        """Return which machines the list holds: interfaces only in Advanced Mode (S155)."""
        return self.machine_type if self.advanced else "ecs"

    @property
    def typed_count(self) -> int:
        """Return how many rows hold something that was typed."""
        return sum(row != PendingRow(row.key) for row in self.rows)

    def read(self, data: QueryDict) -> "PanelState":
        """Return the state with what the posted step holds."""
        if data.get("form_step") == CONFIGURE:
            rows = tuple(read_rows(data))
            return replace(self, rows=rows, selected=_unique(row.key for row in rows))
        if data.get("form_step") != SELECT:
            return self
        given_type = data.get("machine_type", self.machine_type)
        query = data.get("q", "").strip()
        return replace(
            self,
            selected=_unique([*data.getlist("kept"), *data.getlist("selected")]),
            query=query,
            only_available=data.get("available") == "1",
            advanced=data.get("advanced") == "1",
            machine_type=given_type if given_type in dict(MACHINE_TYPES) else "all",
            opened=_unique(data.getlist("opened")),
            page=1 if query != self.query else self.page,
        )

    def rows_of_selection(self) -> tuple[PendingRow, ...]:
        """Return the rows of step 2: what was typed for the selected, and new ones."""
        typed: dict[str, list[PendingRow]] = {}
        for row in self.rows:
            typed.setdefault(row.key, []).append(row)
        return tuple(row for key in self.selected for row in typed.get(key, [PendingRow(key)]))

    def toggle_opened(self, key: str) -> "PanelState":
        """Return the state with a server's interfaces shown, or hidden again."""
        if key in self.opened:
            return replace(self, opened=tuple(each for each in self.opened if each != key))
        return replace(self, opened=(*self.opened, key))

    def to_content(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return {
            "selected": list(self.selected),
            "rows": [[row.key, row.port, row.weight] for row in self.rows],
            "query": self.query,
            "only_available": self.only_available,
            "advanced": self.advanced,
            "machine_type": self.machine_type,
            "page": self.page,
            "opened": list(self.opened),
            "labels": {key: dict(label) for key, label in (self.labels or {}).items()},
        }

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> "PanelState":
        """Read what ``to_content`` wrote."""
        rows = content.get("rows", [])
        return cls(
            selected=tuple(content.get("selected", [])),
            rows=tuple(PendingRow(key, port, weight) for key, port, weight in rows),
            query=content.get("query", ""),
            only_available=content.get("only_available", True),
            advanced=content.get("advanced", False),
            machine_type=content.get("machine_type", "all"),
            page=content.get("page", 1),
            opened=tuple(content.get("opened", [])),
            labels=content.get("labels", {}),
        )


def _unique(keys: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key in keys if key))


def hidden_sentence(reasons: Sequence[str]) -> str:
    """Say how many servers are hidden and why: "2 servers are hidden: 1 stopped, 1 in …"."""
    if not reasons:
        return ""
    counts = dict.fromkeys(reasons, 0)
    for reason in reasons:
        counts[reason] += 1
    parts = [f"{count} {reason}" for reason, count in sorted(counts.items(), key=lambda x: -x[1])]
    subject = "1 server is" if len(reasons) == 1 else f"{len(reasons)} servers are"
    return f"{subject} hidden: {', '.join(parts)}."
