"""The optional second factor of a user: an authenticator app, and recovery codes for its loss.

The arithmetic, the throttling of guesses and the storage are django-otp's.
"""

from django.contrib.auth.models import User
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from balancer.actors import Actor
from balancer.exceptions import Invalid
from balancer.services.activity import record_activity

RECOVERY_CODES = 8
_APP_NAME = "authenticator app"
_RECOVERY_NAME = "recovery codes"


def has_second_factor(user: User) -> bool:
    """Tell whether the user signs in with a code, too."""
    return bool(TOTPDevice.objects.devices_for_user(user, confirmed=True).exists())


def begin_second_factor(user: User) -> TOTPDevice:
    """Return the app that is not confirmed yet; the same one until it is, so a reload is safe."""
    device, _ = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": _APP_NAME}
    )
    return device


@transaction.atomic
def confirm_second_factor(*, actor: Actor, user: User, code: str) -> list[str]:
    """Turn the second factor on when the app shows the right code; return the recovery codes."""
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None or has_second_factor(user):
        raise _refusal("The second factor is on already, or was never begun; open the page again.")
    if not device.verify_token(code):
        raise _refusal(
            "This is not the code that the app shows now; check the clock of your phone."
        )
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    codes = _make_recovery_codes(user)
    record_activity(actor, "user.second_factor_enabled", user)
    return codes


@transaction.atomic
def disable_second_factor(*, actor: Actor, user: User, code: str) -> None:
    """Turn the second factor off; it takes a code, so that an open browser is not enough."""
    if not check_code(user, code):
        raise _refusal("This code is wrong, was used before, or came too soon after a wrong one.")
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    record_activity(actor, "user.second_factor_disabled", user)


@transaction.atomic
def check_code(user: User, code: str) -> bool:
    """Tell whether the code is the app's or a recovery code, which is used up by that.

    After a wrong code the next one has to wait, longer each time. The app is asked about digits
    alone, so that a recovery code does not count as a wrong guess of the app's.
    """
    text = code.replace(" ", "").lower()
    kind: type[TOTPDevice] | type[StaticDevice] = TOTPDevice if text.isdigit() else StaticDevice
    devices = kind.objects.select_for_update().filter(user=user, confirmed=True)
    return any(device.verify_token(text) for device in devices)


def count_recovery_codes(user: User) -> int:
    """Return how many recovery codes are left."""
    return int(StaticToken.objects.filter(device__user=user).count())


def _make_recovery_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name=_RECOVERY_NAME)
    codes: list[str] = []
    while len(codes) < RECOVERY_CODES:
        code = StaticToken.random_token()
        if not code.isdigit():  # those belong to the app
            codes.append(code)
    device.token_set.bulk_create([StaticToken(device=device, token=each) for each in codes])
    return codes


def _refusal(message: str) -> Invalid:
    return Invalid("wrong_code", message, fields={"code": [message]})
