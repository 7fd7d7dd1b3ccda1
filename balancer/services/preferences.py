"""What users set for themselves in the console."""

from typing import Any

from balancer.models import UserPreference


def get_preference(user: Any) -> UserPreference:
    """Return the user's preferences, or the defaults unsaved."""
    found = UserPreference.objects.filter(user=user).first()
    return found or UserPreference(user=user)


def update_preference(user: Any, **values: Any) -> UserPreference:
    """Keep the given preferences of the user."""
    preference, _ = UserPreference.objects.update_or_create(user=user, defaults=values)
    return preference
