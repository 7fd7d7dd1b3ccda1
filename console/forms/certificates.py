"""Forms of certificates: texts in PEM, pasted; a key is never filled in again."""

from typing import Any

from django import forms

from balancer.choices import CertificateKind
from balancer.constants import (
    MAX_CERTIFICATE_CHARACTERS,
    MAX_KEY_CHARACTERS,
    MAX_NAME_CHARACTERS,
)


class SecretTextarea(forms.Textarea):
    """A text that no page repeats, not even one that says what was wrong with it."""

    def format_value(self, value: Any) -> str:
        """Return nothing to fill in."""
        return ""


def _pem_field(
    label: str,
    most: int,
    help_text: str,
    *,
    required: bool,
    widget: type[forms.Textarea] = forms.Textarea,
) -> forms.CharField:
    attributes = {"rows": 8, "spellcheck": "false", "autocomplete": "off"}
    return forms.CharField(
        label=label,
        max_length=most,
        help_text=help_text,
        required=required,
        widget=widget(attrs=attributes),
    )


class ContentForm(forms.Form):
    """What a certificate consists of."""

    certificate_pem = _pem_field(
        "Certificate",
        MAX_CERTIFICATE_CHARACTERS,
        "PEM: the server's certificate first, then each one's issuer.",
        required=True,
    )
    private_key_pem = _pem_field(
        "Private key",
        MAX_KEY_CHARACTERS,
        "PEM, RSA or EC, without a password. It is kept encrypted and never shown again; after a "
        "mistake anywhere in this form it is pasted once more.",
        required=False,
        widget=SecretTextarea,
    )
    expected = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def content(self) -> dict[str, Any]:
        """Return the arguments of the service."""
        names = ("certificate_pem", "private_key_pem")
        return {name: self.cleaned_data.get(name, "") for name in names}


class UploadForm(ContentForm):
    """A new certificate."""

    kind = forms.ChoiceField(
        label="Kind",
        choices=CertificateKind.choices,
        initial=CertificateKind.SERVER.value,
        widget=forms.RadioSelect,
    )
    name = forms.CharField(
        label="Certificate name",
        max_length=MAX_NAME_CHARACTERS,
        help_text="Up to 80 letters, digits, periods, - _ or /.",
    )

    def upload(self) -> dict[str, Any]:
        """Return the arguments of the service; an authority comes without a key."""
        values = self.content() | {name: self.cleaned_data[name] for name in ("kind", "name")}
        if values["kind"] == CertificateKind.CA:
            values["private_key_pem"] = ""
        return values


class RenameForm(forms.Form):
    """Another name for a certificate."""

    name = forms.CharField(label="Certificate name", max_length=MAX_NAME_CHARACTERS)
    expected = forms.IntegerField(widget=forms.HiddenInput, required=False)
