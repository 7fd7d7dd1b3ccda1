"""Certificates, and those for single domains of a listener, as JSON; keys go in and never out."""

from typing import Any

from rest_framework import serializers

from balancer.api import patterns as rules
from balancer.api.serializers.base import EDITED_FIELDS, Resource
from balancer.api.serializers.fields import Text
from balancer.constants import (
    MAX_CERTIFICATE_CHARACTERS,
    MAX_DOMAIN_CHARACTERS,
    MAX_KEY_CHARACTERS,
)
from balancer.models import Certificate, DomainCertificate

FACTS = ["common_name", "domains", "fingerprint", "expires_at"]
"""What is read from a certificate."""


class CertificateSerializer(Resource):
    """A certificate of a server, with its private key, or of an authority without one."""

    patterns = {"name": rules.GROUP_NAME}

    certificate_pem = Text(
        max_length=MAX_CERTIFICATE_CHARACTERS,
        help_text="PEM: the server's certificate first, then each one's issuer.",
    )
    private_key_pem = Text(
        max_length=MAX_KEY_CHARACTERS,
        write_only=True,
        required=False,
        help_text="PEM, without a password; for server certificates only. Never returned.",
    )
    domains = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Certificate
        fields = [
            "id",
            "region",
            "kind",
            "name",
            "certificate_pem",
            "private_key_pem",
            *FACTS,
            *EDITED_FIELDS,
        ]
        read_only_fields = [*FACTS, *EDITED_FIELDS]


class CertificateChange(CertificateSerializer):
    """What of a certificate can be changed: its name, or its content as a whole."""

    class Meta(CertificateSerializer.Meta):
        read_only_fields = ["region", "kind", *FACTS, *EDITED_FIELDS]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A key alone replaces nothing."""
        if "private_key_pem" in attrs and "certificate_pem" not in attrs:
            rule = "Give the certificate with its key; both are replaced together."
            raise serializers.ValidationError({"certificate_pem": [rule]})
        return attrs


class DomainCertificateSerializer(Resource):
    """The certificate for clients that ask for one domain."""

    patterns = {"domain": rules.FULL_DOMAIN}

    listener = serializers.CharField(source="listener.public_id", read_only=True)
    domain = Text(
        max_length=MAX_DOMAIN_CHARACTERS, help_text="A domain, or a wildcard: *.example.com."
    )

    class Meta:
        model = DomainCertificate
        fields = ["id", "listener", "domain", "certificate"]


class DomainCertificateChange(Resource):
    """What of it can be changed: which certificate it is."""

    class Meta:
        model = DomainCertificate
        fields = ["id", "domain", "certificate"]
        read_only_fields = ["domain"]
