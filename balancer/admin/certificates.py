"""Certificates in the admin: uploaded and replaced through the services, keys never shown."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest

from balancer.actors import Actor
from balancer.admin.base import EDITED_READONLY, EditedAdmin, ServiceAdmin
from balancer.admin.forms import EditedForm
from balancer.constants import MAX_KEY_CHARACTERS
from balancer.models import Certificate, DomainCertificate
from balancer.services.certificates import (
    delete_certificate,
    rename_certificate,
    replace_certificate,
    upload_certificate,
)
from balancer.services.listener_tls import (
    add_domain_certificate,
    change_domain_certificate,
    delete_domain_certificate,
)


class SecretTextarea(forms.Textarea):
    """A text that no page repeats, not even one that says what was wrong with it."""

    def format_value(self, value: Any) -> str:
        """Return nothing to fill in."""
        return ""


class CertificateForm(EditedForm):
    """Takes a private key; none is ever filled in."""

    private_key_pem = forms.CharField(
        label="Private key",
        required=False,
        max_length=MAX_KEY_CHARACTERS,
        widget=SecretTextarea(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="PEM, without a password; for server certificates. Given with a certificate, it "
        "replaces both; it is never shown again.",
    )


@admin.register(Certificate)
class CertificateAdmin(EditedAdmin):
    """Upload, rename, replace and delete certificates."""

    form = CertificateForm
    list_display = ["name", "public_id", "kind", "region", "common_name", "expires_at"]
    list_filter = ["kind", "region"]
    search_fields = ["name", "public_id", "common_name", "fingerprint"]
    list_select_related = ["region"]
    autocomplete_fields = ["region"]
    readonly_fields = ["common_name", "domains", "fingerprint", "expires_at", *EDITED_READONLY]
    readonly_on_change = ("region", "kind")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields; the key has none when nobody may write."""
        fields = ["region", "kind", "name", "certificate_pem"]
        if self.has_change_permission(request, obj):
            fields += ["private_key_pem", "expected_edit_number"]
        return fields if obj is None else [*fields, *self.readonly_fields]

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Upload a certificate."""
        return upload_certificate(actor=actor, **values)

    def change_row(
        self, actor: Actor, row: Certificate, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Rename the certificate, or replace its content."""
        with transaction.atomic():
            if _is_replaced(row, changes):
                replace_certificate(
                    actor=actor,
                    certificate=row,
                    certificate_pem=changes.get("certificate_pem", row.certificate_pem),
                    private_key_pem=changes.get("private_key_pem", ""),
                    expected=expected,
                )
                expected = None
            if "name" in changes:
                rename_certificate(
                    actor=actor, certificate=row, name=changes["name"], expected=expected
                )

    def delete_row(self, actor: Actor, row: Certificate) -> None:
        """Delete a certificate that no listener uses."""
        delete_certificate(actor=actor, certificate=row)


def _is_replaced(row: Certificate, changes: dict[str, Any]) -> bool:
    """Tell whether there is a key, or a certificate that differs in more than its line ends."""
    given = changes.get("certificate_pem", row.certificate_pem)
    return "private_key_pem" in changes or given.split() != row.certificate_pem.split()


@admin.register(DomainCertificate)
class DomainCertificateAdmin(ServiceAdmin):
    """Certificates of HTTPS listeners by domain."""

    list_display = ["domain", "listener", "certificate"]
    search_fields = ["domain", "public_id", "listener__public_id"]
    list_select_related = ["listener", "certificate"]
    autocomplete_fields = ["listener", "certificate"]
    readonly_fields = ["public_id"]
    readonly_on_change = ("listener", "domain")

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Give a domain a certificate of its own."""
        return add_domain_certificate(actor=actor, **values)

    def change_row(
        self, actor: Actor, row: DomainCertificate, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Give the domain another certificate."""
        if "certificate" in changes:
            change_domain_certificate(
                actor=actor, domain_certificate=row, certificate=changes["certificate"]
            )

    def delete_row(self, actor: Actor, row: DomainCertificate) -> None:
        """Let the listener's own certificate serve the domain again."""
        delete_domain_certificate(actor=actor, domain_certificate=row)
