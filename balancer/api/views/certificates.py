"""Certificates; and below an HTTPS listener, those for single domains."""

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import ResourceFilter, TaggedFilter, id_filter
from balancer.api.serializers.certificates import (
    CertificateChange,
    CertificateSerializer,
    DomainCertificateChange,
    DomainCertificateSerializer,
)
from balancer.api.views.base import ResourceViewSet, gone
from balancer.api.views.tags import TaggedViewSet
from balancer.choices import CertificateKind, TaggedResource
from balancer.models import Certificate, DomainCertificate, Listener
from balancer.rights import Right
from balancer.selectors.certificates import (
    get_certificate,
    get_domain_certificate,
    list_certificates,
    list_domain_certificates,
)
from balancer.selectors.listeners import get_listener
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


class CertificateFilter(TaggedFilter):
    """What a list of certificates can be narrowed by."""

    resource_types = (TaggedResource.CERTIFICATE,)

    region = id_filter("region", "Region ID.")
    kind = django_filters.ChoiceFilter(choices=CertificateKind.choices)
    name = django_filters.CharFilter(help_text="The whole name.")


class CertificateViewSet(TaggedViewSet):
    """Certificates that listeners show to their clients or check theirs with."""

    serializer_class = CertificateSerializer
    change_serializer_class = CertificateChange
    filterset_class = CertificateFilter
    queryset = Certificate.objects.none()
    search_fields = ["name", "public_id", "common_name", "fingerprint"]
    ordering_fields = ["name", "kind", "expires_at", "created_at", "updated_at"]

    def get_queryset(self) -> QuerySet[Certificate]:
        """Return what the caller may see."""
        return list_certificates(user=self.request.user)

    def find(self, right: Right) -> Certificate:
        """Return the certificate that the address names."""
        return get_certificate(
            user=self.request.user, right=right, certificate_id=self.kwargs["id"]
        )

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Upload a certificate."""
        values = self.read(CertificateSerializer)
        return self.created(upload_certificate(actor=self.actor, **values))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Rename a certificate, or replace it for every listener that has it."""
        certificate = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(certificate)
        name = changes.pop("name", None)
        with transaction.atomic():
            if changes:
                certificate = replace_certificate(
                    actor=self.actor, certificate=certificate, expected=expected, **changes
                )
                expected = None
            if name is not None:
                certificate = rename_certificate(
                    actor=self.actor, certificate=certificate, name=name, expected=expected
                )
        return self.answer(certificate)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a certificate that no listener uses."""
        certificate = self.find(Right.CHANGE)
        expected = self.expected(certificate)
        delete_certificate(actor=self.actor, certificate=certificate, expected=expected)
        return gone()


class DomainCertificateFilter(ResourceFilter):
    """What the further certificates of a listener can be narrowed by."""

    domain = django_filters.CharFilter(help_text="The whole domain.")
    certificate = id_filter("certificate", "Certificate ID.")


class DomainCertificateViewSet(ResourceViewSet):
    """The further certificates of an HTTPS listener, by the domain that clients ask for."""

    serializer_class = DomainCertificateSerializer
    change_serializer_class = DomainCertificateChange
    filterset_class = DomainCertificateFilter
    queryset = DomainCertificate.objects.none()
    search_fields = ["domain", "public_id"]
    ordering_fields = ["domain"]

    def get_queryset(self) -> QuerySet[DomainCertificate]:
        """Return what the caller may see."""
        return list_domain_certificates(
            user=self.request.user, listener=self._find_listener(Right.VIEW)
        )

    def find(self, right: Right) -> DomainCertificate:
        """Return the one that the address names."""
        return get_domain_certificate(
            user=self.request.user,
            right=right,
            listener=self._find_listener(right),
            domain_certificate_id=self.kwargs["id"],
        )

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Give a domain a certificate of its own."""
        listener = self._find_listener(Right.CHANGE)
        values = self.read(DomainCertificateSerializer)
        return self.created(add_domain_certificate(actor=self.actor, listener=listener, **values))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Give the domain another certificate."""
        row = self.find(Right.CHANGE)
        changes = self.changes()
        self.expected(row)
        if changes:
            row = change_domain_certificate(
                actor=self.actor, domain_certificate=row, certificate=changes["certificate"]
            )
        return self.answer(row)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Let the listener's own certificate serve the domain again."""
        row = self.find(Right.CHANGE)
        self.expected(row)
        delete_domain_certificate(actor=self.actor, domain_certificate=row)
        return gone()

    def _find_listener(self, right: Right) -> Listener:
        return get_listener(
            user=self.request.user, right=right, listener_id=self.kwargs["listener"]
        )
