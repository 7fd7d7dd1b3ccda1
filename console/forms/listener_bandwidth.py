"""The bandwidth limit of a listener, as a field of the listener form."""

from typing import Any

from django import forms

from balancer.constants import BANDWIDTH_RANGE_MBPS, UNLIMITED_BANDWIDTH_MBPS
from balancer.models import Listener

MAX_CHARACTERS = 20


class BandwidthFields(forms.Form):
    """An empty field says that there is no limit; the model has a number for that."""

    bandwidth_mbps = forms.CharField(
        label="Peak bandwidth",
        required=False,
        max_length=MAX_CHARACTERS,
        help_text=f"{BANDWIDTH_RANGE_MBPS[0]}–{BANDWIDTH_RANGE_MBPS[1]}, for each direction and "
        "each proxy node. Empty: no limit.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def bandwidth_options(self) -> dict[str, Any]:
        """Return the argument of the service."""
        value = self.cleaned_data.get("bandwidth_mbps")
        return {"bandwidth_mbps": value or UNLIMITED_BANDWIDTH_MBPS}


def bandwidth_initial(listener: Listener) -> dict[str, Any]:
    """Return the value of the field for a listener that exists."""
    is_limited = listener.bandwidth_mbps != UNLIMITED_BANDWIDTH_MBPS
    return {"bandwidth_mbps": listener.bandwidth_mbps if is_limited else ""}
