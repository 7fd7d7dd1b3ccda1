"""The operation log: who changed what, from what to what, and through which entrance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from balancer.models import Activity, LoadBalancer
from balancer.rights import Right
from balancer.selectors.activity import list_activity as select_activity
from balancer.selectors.inventory import get_region
from balancer.selectors.load_balancers import list_load_balancers
from console.htmx import HtmxHttpRequest, render_page
from console.pages.activity_words import Change, describe_change
from console.pages.paging import paginate

SEARCH_FIELDS: Mapping[str, tuple[str, str]] = {
    "object": ("Object name or ID", ""),
    "who": ("Who", "actor_name__icontains"),
    "action": ("Action", "action__icontains"),
}


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One entry in words; ``load_balancer`` is what it is about, None when it is gone."""

    entry: Activity
    load_balancer: LoadBalancer | None

    @property
    def action(self) -> str:
        """Return the action as words: ``server.weight_changed`` reads "Server weight changed"."""
        words = self.entry.action.replace(".", " ").replace("_", " ").capitalize()
        for name in ("Api", "Idc", "Ecs"):
            words = words.replace(f"{name} ", f"{name.upper()} ")
        return words

    @property
    def object_name(self) -> str:
        """Return the name; the ID stands below it, so it need not be in the name too."""
        return self.entry.object_name.removesuffix(f" ({self.entry.object_id})")

    @property
    def change(self) -> Change:
        """Return the values that differ."""
        return describe_change(self.entry.action, self.entry.before, self.entry.after)

    @property
    def is_part(self) -> bool:
        """Tell whether the object belongs to a load balancer and is not that itself."""
        return self.entry.load_balancer_public_id not in ("", self.entry.object_id)


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
        "rows": _rows(request.user, list(pages["page"])),
        "search_fields": [(name, label) for name, (label, _) in SEARCH_FIELDS.items()],
        "search_field": chosen,
        "text": text,
        **pages,
    }
    fragments = {"activity-table": "activity/_table.html"}
    return render_page(request, "activity/list.html", context, fragments=fragments)


def _rows(user: Any, entries: Sequence[Activity]) -> list[ActivityRow]:
    ids = {entry.load_balancer_public_id for entry in entries}
    found = list_load_balancers(user=user).filter(public_id__in=ids)
    known = {each.public_id: each for each in found}
    return [ActivityRow(entry, known.get(entry.load_balancer_public_id)) for entry in entries]


def _condition(chosen: str, text: str) -> Q:
    lookup = SEARCH_FIELDS[chosen][1]
    if lookup:
        return Q(**{lookup: text.replace(" ", "_") if chosen == "action" else text})
    return (
        Q(object_name__icontains=text)
        | Q(object_id__iexact=text)
        | Q(load_balancer_public_id__iexact=text)
    )
