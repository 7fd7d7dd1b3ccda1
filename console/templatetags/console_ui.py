"""Small drawing tags: icons, states, shares, times and the query strings of lists."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField, Textarea
from django.http import QueryDict
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

HEALTH_MARKS: Mapping[str, tuple[str, str]] = {
    # word: (tone, icon)
    "Normal": ("success", "success"),
    "Abnormal": ("error", "error"),
    "Not served": ("error", "error"),
    "Unavailable": ("off", "unknown"),
    "Unknown": ("off", "unknown"),
    "Not enabled": ("off", "off"),
    "Not checked": ("off", "off"),
    "Not running": ("off", "off"),
    "Stopped": ("off", "off"),
}
STATUS_TONES: Mapping[str, str] = {
    "active": "success",
    "running": "success",
    "locked": "warning",
    "starting": "warning",
    "stopping": "warning",
    "inactive": "off",
    "stopped": "off",
}
BAR_WIDTH = 100


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """Draw an icon of the sprite; ``size`` is small or tiny; without a label it is decoration."""
    extra = f" icon-{size}" if size else ""
    described = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="icon{} icon-{}" {}><use href="{}#{}"></use></svg>',
        extra,
        name,
        mark_safe(described),  # noqa: S308 - built by format_html or a constant
        static("img/icons.svg"),
        name,
    )


@register.inclusion_tag("components/_status.html")
def status(value: str, label: str = "", note: str = "") -> dict[str, str]:
    """Draw a power or serving state as a dot and its word."""
    return {
        "tone": STATUS_TONES.get(value, "off"),
        "label": label or value.replace("_", " ").capitalize(),
        "note": note,
    }


@register.inclusion_tag("components/_health.html")
def health(word: str, label: str = "", note: str = "") -> dict[str, str]:
    """Draw a health word with its icon; ``label`` replaces the word, ``note`` is its title."""
    tone, icon_name = HEALTH_MARKS.get(word, ("off", "unknown"))
    return {"tone": tone, "icon_name": icon_name, "label": label or word, "note": note}


@register.inclusion_tag("components/_kind.html")
def kind(machine_type: str) -> dict[str, str]:
    """Draw what a backend server is: ECS, ENI or IDC."""
    names = {"ecs": "ECS instance", "eni": "Network interface", "idc": "IDC server"}
    return {"short": machine_type.upper(), "name": names.get(machine_type, machine_type)}


@register.inclusion_tag("components/_share.html")
def share(
    percent: float, before: float | None = None, off: bool = False, note: str = ""
) -> dict[str, Any]:
    """Draw a share of traffic with its bar; ``before`` shows where it stood."""
    width = max(0.0, min(float(percent), 100.0))
    return {
        "percent": percent,
        "width": f"{width:.1f}",
        "before": before,
        "before_width": f"{max(0.0, min(before, 100.0)):.1f}" if before is not None else "",
        "off": off,
        "note": note,
    }


@register.inclusion_tag("components/_field.html")
def field(
    bound: BoundField, width: str = "", unit: str = "", hint: str = "", required: bool | None = None
) -> dict[str, Any]:
    """Draw one field of a form as a labelled row with its hint and errors."""
    return {
        "bound": bound,
        "width": width,
        "unit": unit,
        "hint": hint or bound.help_text,
        "required": bound.field.required if required is None else required,
    }


@register.simple_tag
def control(
    bound: BoundField, css_class: str = "", hint: str = "", **attributes: str
) -> SafeString:
    """Draw the bare control of a field: class, invalid state and the messages that describe it."""
    widget = getattr(bound.field.widget, "input_type", "")
    base = {"checkbox": "checkbox", "select": "select"}.get(widget, "input")
    if isinstance(bound.field.widget, Textarea):
        base = "textarea"
    if "switch" in css_class:
        base = ""
    attrs: dict[str, Any] = {"class": f"{base} {css_class}".strip()}
    attrs |= {name.replace("_", "-"): value for name, value in attributes.items()}
    described = []
    if bound.errors:
        attrs["aria-invalid"] = "true"
        attrs["aria-errormessage"] = f"{bound.id_for_label}-error"
        described.append(f"{bound.id_for_label}-error")
    if hint:
        described.append(f"{bound.id_for_label}-hint")
    if described:
        attrs.setdefault("aria-describedby", " ".join(described))
    return bound.as_widget(attrs=attrs)


@register.simple_block_tag
def dialog(content: str, id: str, title: str, close_url: str, width: str = "") -> SafeString:  # noqa: A002
    """Draw a dialog around its body and foot; see components/_dialog.html."""
    context = {"content": content, "id": id, "title": title, "close_url": close_url, "width": width}
    return render_to_string("components/_dialog.html", context)


@register.simple_block_tag(takes_context=True)
def banner(
    context: template.Context,
    content: str,
    level: str = "info",
    key: str = "",
    note: str = "",
) -> SafeString | str:
    """Draw a notice; with a ``key`` the user can close it for good, see components/_banner.html."""
    frame = context.get("frame")
    if key and frame is not None and key in frame.closed_banners:
        return ""
    icons = {"neutral": "info"}
    return render_to_string(
        "components/_banner.html",
        {
            "content": content,
            "level": level,
            "key": key,
            "note": note,
            "icon_name": icons.get(level, level),
        },
        request=context.get("request"),
    )


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """Return the current query string with some values replaced; empty ones are left out."""
    request = context["request"]
    values: QueryDict = request.GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if value not in ("", None):
            values[name] = str(value)
    text = values.urlencode()
    return f"?{text}" if text else "?"


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Show a time in ISO order; the whole one, with its zone, stands in the title."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        local.strftime("%Y-%m-%d %H:%M"),
    )


@register.filter
def ago(value: datetime | None) -> str:
    """Say how long ago something happened, in one unit."""
    if value is None:
        return ""
    seconds = max(0, int((timezone.now() - value).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@register.filter
def percent(value: float | None) -> str:
    """Show a share with one decimal, without it when it is a whole number."""
    if value is None:
        return "–"
    text = f"{value:.1f}".removesuffix(".0")
    return f"{text} %"


@register.filter
def compact(value: float | None) -> str:
    """Show a figure short: 1,234 stays, 12,345 becomes 12.3 k."""
    if value is None:
        return "–"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            divisor = 1e3 if unit == "k" else size
            shown = f"{value / divisor:.1f}".removesuffix(".0")
            return f"{shown} {unit}"
    if abs(value) < 10:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
