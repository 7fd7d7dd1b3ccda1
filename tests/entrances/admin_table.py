"""What the pages of the Django admin ask, by model: to view, to add, to change, to delete.

None means that nobody does. Whoever registers a model adds it here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.entrances.people import Needs


@dataclass(frozen=True)
class Rules:
    """What the four kinds of act on a model's rows ask."""

    view: Needs
    add: Needs | None = None
    change: Needs | None = None
    delete: Needs | None = None


EDITED = Rules(Needs.VIEW, Needs.CHANGE, Needs.CHANGE, Needs.CHANGE)
SHOWN = Rules(Needs.VIEW)
OWN = Rules(Needs.OTHERS)
"""Rows of single people; the scene's belong to an administrator."""
SWITCHED = Rules(Needs.OTHERS, None, Needs.ADMINISTER)
ADMINISTERED = Rules(*[Needs.ADMINISTER] * 4)
COUNTED = Rules(Needs.ADMINISTER, None, Needs.ADMINISTER, Needs.ADMINISTER)


def _all(rules: Rules, names: Iterable[str]) -> dict[str, Rules]:
    return dict.fromkeys(names, rules)


MODELS: dict[str, Rules] = {
    **_all(
        EDITED,
        [
            *("LoadBalancer", "Listener", "ForwardingRule", "ServerGroup", "BackendServer"),
            *("AccessList", "AccessListEntry", "Certificate", "DomainCertificate"),
            *("Region", "Zone", "Vpc", "VSwitch"),
            *("EcsInstance", "NetworkInterface", "IdcServer"),
        ],
    ),
    **_all(
        SHOWN,
        [
            *("Activity", "HealthState", "HealthFlip", "HealthShard", "PublishHead"),
            *("Measurement", "InterfaceAddress", "Tag"),
        ],
    ),
    **_all(OWN, ["Draft", "IdempotencyKey", "RequestNonce"]),
    **_all(SWITCHED, ["ApiToken", "AccessKey", "UserPreference"]),
    **_all(ADMINISTERED, ["User", "Group", "TOTPDevice", "StaticDevice"]),
    **_all(COUNTED, ["AccessAttempt", "AccessFailureLog", "AccessLog"]),
}
PAGES: dict[str, Needs] = {
    # Pages of no model.
    "index": Needs.VIEW,
    "password_change": Needs.VIEW,
    "password_change_done": Needs.VIEW,
    "jsi18n": Needs.VIEW,
    "app_list": Needs.VIEW,
}
ELSEWHERE = frozenset(
    {
        "login",  # leads to the console's own: test_login_guard.py
        "logout",
        "autocomplete",  # asks the model's own rules
        "view_on_site",
        "auth_user_password_change",
        "otp_totp_totpdevice_config",  # shut: they would show the secret
        "otp_totp_totpdevice_qrcode",
        "",  # old addresses of rows, and any other
    }
)
"""Known; test_pages_beside_those_of_the_models has those that show something."""
