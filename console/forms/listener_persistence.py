"""The part of a form that says how HTTP sessions stay with a server."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django import forms

from balancer.choices import STICKY_KIND_CHOICES
from balancer.constants import MAX_COOKIE_NAME_CHARACTERS
from balancer.domain.persistence import check_persistence
from balancer.models.listener import StickySettings
from proxy.snapshot import StickyKind

DEFAULT_COOKIE_TIMEOUT_S = 3600
NUMBER_CHARACTERS = 20

PERSISTENCE_FIELDS = ("sticky_enabled", "sticky_kind", "cookie_timeout_s", "cookie_name")


class PersistenceFields(forms.Form):
    """Session persistence by a cookie of ours or by one of the application."""

    sticky_enabled = forms.BooleanField(label="Session persistence", required=False)
    sticky_kind = forms.ChoiceField(
        label="Cookie",
        choices=STICKY_KIND_CHOICES,
        initial=StickyKind.INSERT.value,
        required=False,
        widget=forms.RadioSelect,
    )
    cookie_timeout_s = forms.CharField(
        label="Cookie timeout",
        initial=DEFAULT_COOKIE_TIMEOUT_S,
        required=False,
        max_length=NUMBER_CHARACTERS,
        help_text="1–86400 s without a request; then the next one may go to another server.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    cookie_name = forms.CharField(
        label="Cookie name",
        max_length=MAX_COOKIE_NAME_CHARACTERS,
        required=False,
        help_text="The cookie that the application sets, such as JSESSIONID.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def unused_persistence(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the fields that the chosen kind leaves out; the page does not show them."""
    if not values.get("sticky_enabled"):
        return PERSISTENCE_FIELDS[1:]
    if values.get("sticky_kind") == StickyKind.REWRITE:
        return ("cookie_timeout_s",)
    return ("cookie_name",)


def persistence_check(values: Mapping[str, Any]) -> Callable[[], None]:
    """Return the question to the domain whether all is there that the kind needs."""
    return partial(
        check_persistence,
        sticky_enabled=bool(values.get("sticky_enabled")),
        sticky_kind=values.get("sticky_kind", ""),
        cookie_timeout_s=values.get("cookie_timeout_s") or None,
        cookie_name=values.get("cookie_name", ""),
    )


def initial_persistence(settings: StickySettings) -> dict[str, Any]:
    """Return the fields' values; what was never set keeps the suggestion of the form."""
    values = {name: getattr(settings, name) for name in PERSISTENCE_FIELDS}
    return {name: value for name, value in values.items() if value not in ("", None)}
