"""Everything that a refused request must leave as it was."""

from typing import Any

from django.apps import apps

KEPT_APPS = ("balancer", "auth", "otp_totp", "otp_static", "admin")
NO_TRACE = {
    # Nonces and times of use tell who came, not what they did; the region is the one last seen.
    "last_used_at",
    "last_login",
    "last_region",
}
UNCOUNTED = {"RequestNonce"}


def stored() -> dict[str, list[Any]]:
    """Return every row of every table that people or the system keep."""
    rows = {}
    for label in KEPT_APPS:
        for model in apps.get_app_config(label).get_models():
            if model.__name__ not in UNCOUNTED:
                columns = [f.name for f in model._meta.concrete_fields if f.name not in NO_TRACE]
                rows[model.__name__] = list(model._default_manager.order_by("pk").values(*columns))
    return rows
