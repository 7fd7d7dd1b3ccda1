"""What two-group failover needs (S24 to S30, C14)."""

from collections.abc import Mapping

from balancer.exceptions import Invalid
from proxy.snapshot import GroupKind


def check_failover(
    *,
    groups: Mapping[str, str | None],
    are_same: bool,
    threshold: int | None,
    is_checked: bool,
) -> None:
    """Raise Invalid with every field that two-group failover cannot work with.

    ``groups`` has the kind of the group in each of the two fields, None where there is none.
    """
    fields: dict[str, list[str]] = {}
    for field, kind in groups.items():
        if kind is None:
            fields[field] = ["Two-group failover needs a VServer group here."]
        elif kind != GroupKind.VSERVER:
            fields[field] = ["Two-group failover takes VServer groups only; choose one of them."]
    if are_same and not fields:
        fields["secondary_group"] = [
            "The secondary group must be another one than the primary group."
        ]
    if threshold is None:
        fields["failover_threshold"] = [
            "Failover threshold must be given: at how many unhealthy servers of the primary group "
            "requests go to the secondary group."
        ]
    if not is_checked:
        fields["check_enabled"] = [
            "Two-group failover needs the health check: without it no server is found unhealthy."
        ]
    if fields:
        raise Invalid("failover", next(iter(fields.values()))[0], fields=fields)
