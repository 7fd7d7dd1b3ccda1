"""The operation log: who changed what, from what to what, and through which entrance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from balancer.models import Activity
from balancer.rights import Right
from balancer.selectors.activity import list_activity as select_activity
from balancer.selectors.inventory import get_region
from console.htmx import HtmxHttpRequest, render_page
from console.pages.paging import paginate

SEARCH_FIELDS: Mapping[str, tuple[str, str]] = {
    "object": ("Object name or ID", ""),
    "who": ("Who", "actor_name__icontains"),
    "action": ("Action", "action__icontains"),
}


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """One value of an entry, before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One entry in words."""

    entry: Activity

    @property
    def action(self) -> str:
        """Return the action as words: ``server.weight_changed`` reads "Server weight changed"."""
        words = self.entry.action.replace(".", " ").replace("_", " ").capitalize()
        return words.replace("Api ", "API ").replace("Idc ", "IDC ")

    @property
    def object_name(self) -> str:
        """Return the name; the ID stands below it, so it need not be in the name too."""
        return self.entry.object_name.removesuffix(f" ({self.entry.object_id})")

    @property
    def changes(self) -> list[ChangedValue]:
        """Return the values that differ."""
        before, after = self.entry.before, self.entry.after
        if not isinstance(before, dict) and not isinstance(after, dict):
            if before is None and after is None:
                return []
            return [ChangedValue("", _shown(before), _shown(after))]
        old, new = _as_dict(before), _as_dict(after)
        values = [
            ChangedValue(_label(name), _shown(old.get(name)), _shown(new.get(name)))
            for name in {**old, **new}
            if old.get(name) != new.get(name)
        ]
        return [each for each in values if each.before != each.after]


@login_required
@require_GET
def list_activity(request: HtmxHttpRequest, region_id: str) -> HttpResponse:
    """Show the entries, newest first."""
    region = get_region(user=request.user, right=Right.VIEW, region_id=region_id)
    chosen = request.GET.get("field", "object")
    chosen = chosen if chosen in SEARCH_FIELDS else "object"
    text = request.GET.get("q", "").replace("\0", "").strip()  # PostgreSQL refuses a NUL
    entries = select_activity(user=request.user)
    if text:
        entries = entries.filter(_condition(chosen, text))
    pages = paginate(request, entries)
    context = {
        "region": region,
        "nav_section": "activity",
        "rows": [ActivityRow(entry) for entry in pages["page"]],
        "search_fields": [(name, label) for name, (label, _) in SEARCH_FIELDS.items()],
        "search_field": chosen,
        "text": text,
        **pages,
    }
    fragments = {"activity-table": "activity/_table.html"}
    return render_page(request, "activity/list.html", context, fragments=fragments)


def _condition(chosen: str, text: str) -> Q:
    lookup = SEARCH_FIELDS[chosen][1]
    if lookup:
        return Q(**{lookup: text.replace(" ", "_") if chosen == "action" else text})
    return (
        Q(object_name__icontains=text)
        | Q(object_id__iexact=text)
        | Q(load_balancer_public_id__iexact=text)
    )


def _label(name: str) -> str:
    unit = " (s)" if name.endswith("_s") else ""
    return name.removesuffix("_s").replace("_", " ") + unit


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return "; ".join(map(_shown, value)) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items() if each != "")
    return str(value)
