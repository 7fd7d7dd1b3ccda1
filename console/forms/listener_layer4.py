"""The part of the listener form that only TCP and UDP listeners have, beside their timeouts."""

from typing import Any, Final

from django import forms

from balancer.domain.listeners import PAIR_PROTOCOLS
from console.forms.fields import number_field

DEFAULT_DRAIN_TIMEOUT_S: Final = 300
LAYER_4_OPTIONS: Final = (
    "persistence_timeout_s",
    "drain_enabled",
    "drain_timeout_s",
    "proxy_protocol_v2",
)


class Layer4Fields(forms.Form):
    """How connections and packets are kept, drained and announced."""

    persistence_timeout_s = number_field(
        "Session persistence",
        help_text="0–3600 s, 0 or empty: off. Connections of one client address go to one server; "
        "the weights decide how many addresses each has, and the scheduling algorithm is not used. "
        "After a change of weights an address keeps its server until it was away for so long.",
    )
    drain_enabled = forms.BooleanField(label="Connection draining", required=False)
    drain_timeout_s = forms.CharField(
        label="Drain timeout",
        initial=DEFAULT_DRAIN_TIMEOUT_S,
        required=False,
        max_length=20,
        help_text="10–900 s; then what is still open there is closed.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    proxy_protocol_v2 = forms.BooleanField(label="PROXY protocol v2", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("persistence_timeout_s", 0)

    def unused_of_layer4(self, protocol: str) -> tuple[str, ...]:
        """Name the fields that the protocol and the switch of draining leave out."""
        if protocol not in PAIR_PROTOCOLS:
            return LAYER_4_OPTIONS
        return () if self.cleaned_data.get("drain_enabled") else ("drain_timeout_s",)
