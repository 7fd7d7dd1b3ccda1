"""Which groups a listener may send to, as its options stand together."""

from typing import Any, Final

from balancer.domain.failover import check_failover
from balancer.domain.listeners import check_group_kind
from balancer.exceptions import Invalid
from balancer.models import Listener, ServerGroup

_OF_FAILOVER: Final = ("primary_group", "secondary_group", "failover_threshold")
_LABELS: Final = {
    "server_group": "A server group",
    "primary_group": "A primary group",
    "secondary_group": "A secondary group",
    "failover_threshold": "A failover threshold",
}


def settle_groups(listener: Listener, given: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with those that follow from the choice between one group and two.

    What has no use any more goes; raises Invalid when just that is ``given``.
    """
    is_failover = given.get("failover_enabled", listener.failover_enabled)
    useless = ("server_group",) if is_failover else _OF_FAILOVER
    state = "on" if is_failover else "off"
    fields = {
        name: [f"{_LABELS[name]} has no use while two-group failover is {state}; leave it out."]
        for name in useless
        if given.get(name) is not None
    }
    if fields:
        raise Invalid("useless_option", next(iter(fields.values()))[0], fields=fields)
    return given | {name: None for name in useless if getattr(listener, name) is not None}


def check_groups(listener: Listener) -> None:
    """Raise Invalid unless the listener has its groups, all of its own instance.

    Without a group of its own it has the port of its default group's servers.
    """
    if listener.failover_enabled:
        _check_two_groups(listener)
        return
    group = listener.server_group
    _check_own(listener, "server_group", group)
    if group is not None:
        check_group_kind(group.kind, protocol=listener.protocol)
    needs_port = not listener.redirects and (group is None or group.is_default)
    if needs_port and listener.backend_port is None:
        message = "A backend port (1 to 65535) is needed when the default server group is used."
        raise Invalid("required", message, fields={"backend_port": [message]})


def _check_two_groups(listener: Listener) -> None:
    groups = {
        "primary_group": listener.primary_group,
        "secondary_group": listener.secondary_group,
    }
    for field, group in groups.items():
        _check_own(listener, field, group)
    check_failover(
        groups={field: group.kind if group else None for field, group in groups.items()},
        are_same=listener.primary_group == listener.secondary_group,
        threshold=listener.failover_threshold,
        is_checked=listener.check_enabled,
    )


def _check_own(listener: Listener, field: str, group: ServerGroup | None) -> None:
    if group is None:
        return
    if not ServerGroup.objects.filter(pk=group.pk).exists():
        message = f"Server group {group.public_id} does not exist any more."
        raise Invalid("group_not_found", message, fields={field: [message]})
    if group.load_balancer_id != listener.load_balancer_id:
        message = f"Server group {group.public_id} belongs to another instance."
        raise Invalid("foreign_group", message, fields={field: [message]})
