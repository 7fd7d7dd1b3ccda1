"""What HTTP listeners add to requests, compress and redirect, as fields of the listener form."""

from collections.abc import Iterable
from typing import Any, Final

from django import forms

ADDED_FIELDS: Final = (
    "forwarded_proto",
    "forwarded_port",
    "forwarded_client_port",
    "forwarded_instance_address",
    "forwarded_instance_id",
)
"""The request fields that a listener can add."""
MESSAGE_OPTIONS: Final = ("gzip_enabled", "forwarded_for", *ADDED_FIELDS)
"""What HTTP and HTTPS listeners have in common."""


def _switch(label: str, help_text: str = "", *, initial: bool = False) -> forms.BooleanField:
    return forms.BooleanField(label=label, help_text=help_text, required=False, initial=initial)


class HttpFields(forms.Form):
    """The options of HTTP listeners beside their timeouts."""

    offers_redirects = False
    """Whether there is an HTTPS listener to choose."""

    redirect_port = forms.ChoiceField(
        label="Redirection",
        required=False,
        help_text="Every request is answered 301 and sent to that listener; no server of this one "
        "is asked.",
    )
    gzip_enabled = _switch(
        "Gzip compression",
        "Text, JSON, XML, scripts and style sheets, for clients that accept it.",
        initial=True,
    )
    forwarded_for = _switch("X-Forwarded-For", "The client's address is appended.", initial=True)
    forwarded_proto = _switch("X-Forwarded-Proto", "http or https.")
    forwarded_port = _switch("X-Forwarded-Port", "The listening port.")
    forwarded_client_port = _switch("X-Forwarded-Client-srcport", "The client's port.")
    forwarded_instance_address = _switch("SLB-IP", "The address of this instance.")
    forwarded_instance_id = _switch("SLB-ID", "The ID of this instance.")

    def offer_redirects(self, ports: Iterable[int]) -> None:
        """Let requests be sent to one of these HTTPS ports; the one in use is always offered."""
        in_use = self.initial.get("redirect_port")
        offered = sorted({*ports, in_use} if in_use else {*ports})
        chooser = self.fields["redirect_port"]
        assert isinstance(chooser, forms.ChoiceField)
        chooser.choices = [("", "None"), *((str(port), f"HTTPS: {port}") for port in offered)]
        self.offers_redirects = bool(offered)

    @property
    def added_fields(self) -> list[Any]:
        """Return the switches of the request fields, X-Forwarded-For first."""
        return [self[name] for name in ("forwarded_for", *ADDED_FIELDS)]
