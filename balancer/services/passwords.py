"""Changing the password that somebody signs in with."""

from django.contrib.auth.models import User
from django.db import transaction

from balancer.actors import Actor
from balancer.services.activity import record_activity


@transaction.atomic
def set_password(*, actor: Actor, user: User, password: str) -> None:
    """Let the user sign in with the password, which the form has checked, from now on.

    All sessions made with the one before end; the record says who did it, and nothing of what.
    """
    user.set_password(password)
    user.save(update_fields=["password"])
    record_activity(actor, "user.password_changed", user)
