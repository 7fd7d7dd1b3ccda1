"""How an HTTPS listener meets its clients, as fields of the listener form."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.utils import timezone

from balancer.choices import TLS_POLICY_CHOICES, CertificateKind
from balancer.models import Certificate, Listener
from proxy.snapshot import TlsPolicy

EXPIRES_SOON: Final = timedelta(days=30)
"""So long before its end a certificate is marked: most authorities begin to renew then."""
TLS_FIELDS: Final = ("certificate", "client_ca_certificate", "tls_policy")


class CertificateChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]  # see GroupChoiceField
    """Names each certificate with whom it is for and how long it is good."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the entry of the list."""
        whom = f", {obj.common_name}" if obj.common_name else ""
        return f"{obj.name}{whom} ({validity(obj)})"


class TlsFields(forms.Form):
    """Certificates and policy; only HTTPS listeners have them."""

    certificate = CertificateChoiceField(
        label="Server certificate",
        queryset=Certificate.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="Choose a certificate",
    )
    client_ca_certificate = CertificateChoiceField(
        label="Client certificates",
        queryset=Certificate.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="Not asked for",
        help_text="With an authority, only clients whose certificate it has signed may connect.",
    )
    tls_policy = forms.ChoiceField(
        label="TLS policy",
        choices=TLS_POLICY_CHOICES,
        initial=TlsPolicy.TLS_1_2.value,
        required=False,
        help_text="Strict: ciphers with forward secrecy only. TLS 1.0 and 1.1 are for old devices.",
    )

    def offer_certificates(self, rows: Any) -> None:
        """Let the listener have any of these certificates."""
        kinds = {"certificate": CertificateKind.SERVER, "client_ca_certificate": CertificateKind.CA}
        for name, kind in kinds.items():
            chooser = self.fields[name]
            assert isinstance(chooser, forms.ModelChoiceField)
            chooser.queryset = rows.filter(kind=kind)


def tls_initial(listener: Listener) -> dict[str, Any]:
    """Return the values of these fields for a listener that exists."""
    return {
        name: getattr(getattr(listener, name), "public_id", None)
        for name in ("certificate", "client_ca_certificate")
    }


def validity(certificate: Certificate) -> str:
    """Return until when a certificate is good, in words."""
    end = certificate.expires_at
    if end is None:
        return "end unknown"
    word = "expired" if end <= timezone.now() else "valid until"
    return f"{word} {end:%Y-%m-%d}"


def validity_tone(certificate: Certificate) -> str:
    """Return how urgent a new certificate is: not at all, soon, or at once."""
    end, now = certificate.expires_at, timezone.now()
    if end is None or end > now + EXPIRES_SOON:
        return ""
    return "error" if end <= now else "warning"
