"""Reads and submits pages of the admin as a browser would: every field goes back as it came."""

from typing import Any

from django.db.models import Model
from django.forms.boundfield import BoundField
from django.test import Client
from django.urls import reverse


def address(model: type[Model] | Model, page: str, *arguments: Any) -> str:
    """Return the address of a model's page: changelist, add, change or delete."""
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=arguments)


def fields_of(response: Any) -> dict[str, Any]:
    """Return the values that the page's form and inlines would submit untouched."""
    context = response.context
    forms = [context["adminform"].form]
    for inline in context["inline_admin_formsets"]:
        forms.append(inline.formset.management_form)
        forms.extend(inline.formset.forms)
    values: dict[str, Any] = {}
    for form in forms:
        for bound in form:
            values |= _values(bound)
    return values


def _values(bound: BoundField) -> dict[str, Any]:
    value = bound.value()
    if value is None or value is False:
        return {}
    value = bound.field.prepare_value(value)
    return {bound.html_name: "on" if value is True else value}


def submit(client: Client, url: str, **changes: Any) -> Any:
    """Open the form at the address, change some fields and save; None clears a field."""
    values = fields_of(client.get(url)) | changes
    return client.post(url, {name: value for name, value in values.items() if value is not None})


def errors_of(response: Any) -> dict[str, list[str]]:
    """Return the errors that the form shows, by field."""
    return {name: list(texts) for name, texts in response.context["adminform"].form.errors.items()}
