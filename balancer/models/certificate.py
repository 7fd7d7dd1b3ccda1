"""Certificates that HTTPS listeners show or check."""

from django.db import models

from balancer.choices import CertificateKind
from balancer.constants import MAX_NAME_CHARACTERS
from balancer.models.base import EditedModel
from balancer.models.inventory import Region
from balancer.public_ids import new_certificate_id


class Certificate(EditedModel):
    """A server certificate with its key, or a CA certificate without one, in PEM.

    The key is sealed (``balancer/sealing.py``).
    """

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_certificate_id, editable=False
    )
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="certificates")
    kind = models.CharField(
        max_length=10, choices=CertificateKind.choices, default=CertificateKind.SERVER
    )
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    certificate_pem = models.TextField("certificate")
    sealed_private_key = models.TextField("private key", blank=True, editable=False)
    common_name = models.CharField(max_length=255, blank=True, editable=False)
    domains = models.JSONField(default=list, blank=True, editable=False)
    fingerprint = models.CharField(max_length=95, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name", "pk"]

    @property
    def is_server(self) -> bool:
        """Tell whether listeners show it to their clients."""
        return self.kind == CertificateKind.SERVER

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"
