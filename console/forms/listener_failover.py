"""The part of the listener form about a second group (S24 to S30)."""

from collections.abc import Mapping
from typing import Any

from django import forms

from balancer.domain.failover import check_failover
from balancer.domain.listeners import PAIR_PROTOCOLS
from balancer.models import ServerGroup
from console.forms.fields import GroupChoiceField, number_field
from proxy.snapshot import GroupKind

OF_FAILOVER = ("primary_group", "secondary_group", "failover_threshold")


class FailoverFields(forms.Form):
    """Two groups instead of one, and when the second has its turn."""

    failover_enabled = forms.BooleanField(label="Two-group failover", required=False)
    primary_group = GroupChoiceField(
        label="Primary group",
        queryset=ServerGroup.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="Choose a VServer group",
    )
    secondary_group = GroupChoiceField(
        label="Secondary group",
        queryset=ServerGroup.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="Choose a VServer group",
    )
    failover_threshold = number_field(
        "Failover threshold",
        help_text=(
            "With so many unhealthy servers in the primary group requests go to the secondary "
            "group. More than the group has means: all of them."
        ),
    )

    def offer_failover_groups(self, groups: Any) -> None:
        """Let these VServer groups be chosen; with fewer than two there is nothing to choose."""
        for name in ("primary_group", "secondary_group"):
            chooser = self.fields[name]
            assert isinstance(chooser, forms.ModelChoiceField)
            chooser.queryset = groups.filter(kind=GroupKind.VSERVER)
        self.has_two_groups = groups.filter(kind=GroupKind.VSERVER).count() > 1
        self.fields["failover_enabled"].disabled = not self.has_two_groups

    def is_failing_over(self, protocol: str) -> bool:
        """Tell whether the listener is to have two groups."""
        return protocol in PAIR_PROTOCOLS and bool(self.cleaned_data.get("failover_enabled"))

    def unused_by_failover(self, protocol: str) -> tuple[str, ...]:
        """Name the fields that the choice between one group and two leaves out."""
        if self.is_failing_over(protocol):
            return ("server_group", "backend_port")
        return OF_FAILOVER if protocol in PAIR_PROTOCOLS else ("failover_enabled", *OF_FAILOVER)


def check_failover_choice(values: Mapping[str, Any]) -> None:
    """Raise Invalid when the two groups, the threshold and the check do not fit together."""
    groups = {name: values.get(name) for name in ("primary_group", "secondary_group")}
    primary, secondary = groups.values()
    check_failover(
        groups={name: group.kind if group else None for name, group in groups.items()},
        are_same=primary == secondary,
        threshold=values.get("failover_threshold") or None,
        is_checked=bool(values.get("check_enabled")),
    )
