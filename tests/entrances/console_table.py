"""What the addresses of the console ask, by their names: for reading (GET) and for acting (POST).

None means that the method is not answered (405). Whoever adds an address adds it here.
"""

from collections.abc import Iterable

from tests.entrances.people import Needs

Asked = tuple[Needs | None, Needs | None]

SHOWN: Asked = (Needs.VIEW, None)
ACT: Asked = (None, Needs.CHANGE)
FORM: Asked = (Needs.CHANGE, Needs.CHANGE)


def _all(asked: Asked, names: Iterable[str]) -> dict[str, Asked]:
    return dict.fromkeys(names, asked)


PAGES: dict[str, Asked] = {
    **_all(
        SHOWN,
        [
            *("load-balancer-list", "load-balancer-detail", "load-balancer-apply-status"),
            *("load-balancer-monitoring", "listener-list", "listener-health"),
            *("forwarding-rule-list", "default-group", "default-group-live"),
            *("vserver-group-list", "primary-secondary-group-list"),
            *("access-list-list", "access-list-detail", "certificate-list", "activity-list"),
        ],
    ),
    **_all(
        ACT,
        [
            *("load-balancer-start", "load-balancer-deletion-protection", "listener-start"),
            *("default-group-undo", "server-panel", "idc-server-panel", "access-key-create"),
        ],
    ),
    **_all(
        FORM,
        [
            *("load-balancer-create", "load-balancer-rename", "load-balancer-stop"),
            *("load-balancer-release", "load-balancer-modification-protection"),
            "load-balancer-bandwidth",
            *("listener-create", "listener-stop", "listener-delete"),
            *("forwarding-rule-create", "forwarding-rule-delete"),
            *("backend-server-weight", "backend-server-weights", "backend-server-remove"),
            *("access-list-create", "access-list-rename", "access-list-add"),
            *("access-list-remove", "access-list-delete"),
            *("certificate-upload", "certificate-replace", "certificate-rename"),
            "certificate-delete",
        ],
    ),
    # Shown to viewers with every field locked.
    **_all((Needs.VIEW, Needs.CHANGE), ["listener-edit", "forwarding-rule-edit"]),
    # What belongs to somebody else is seen by administrators only.
    **_all((None, Needs.OTHERS), ["access-key-disable", "access-key-enable", "access-key-delete"]),
    "access-key-list": (Needs.VIEW, None),
    # One's own session and what one sets for oneself take no role.
    **_all((Needs.SIGN_IN, None), ["root", "console", "instance-search"]),
    **_all((Needs.SIGN_IN, Needs.SIGN_IN), ["password", "second-factor"]),
    "preference-update": (None, Needs.SIGN_IN),
    **_all((Needs.NOTHING, Needs.NOTHING), ["login", "login-code"]),
    "logout": (None, Needs.NOTHING),  # the last step of the walk: it ends the session
    # Open to loopback and the named sources, whoever it is; see test_open_to_sources.
    **_all((Needs.NOTHING, None), ["healthz", "readyz", "metrics"]),
}
VALUES: dict[str, dict[str, object]] = {
    # What makes an act more than an empty form; without it the answer shows the form's errors.
    "access-list-create": {"name": "office"},
    "load-balancer-rename": {"name": "renamed"},
    "load-balancer-modification-protection": {"enabled": "1", "reason": "x"},
    "load-balancer-deletion-protection": {"enabled": "1"},
    "backend-server-weight": {"weight": "7"},
    "preference-update": {"theme": "dark"},
}
ACTED = frozenset(
    {
        *("load-balancer-stop", "load-balancer-rename"),
        *("load-balancer-deletion-protection", "load-balancer-modification-protection"),
        *("listener-stop", "listener-delete", "forwarding-rule-delete", "access-list-create"),
        *("backend-server-weight", "access-list-delete", "certificate-delete"),
        *("access-key-create"),
    }
)
"""Acts that are recorded when they are allowed, which shows that the refused ones could have."""
