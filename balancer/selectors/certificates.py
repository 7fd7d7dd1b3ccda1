"""Reads of certificates, and of those for single domains of a listener."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import Certificate, DomainCertificate, Listener
from balancer.rights import Right
from balancer.selectors.finding import find, visible


def list_certificates(
    *, user: Any, region_id: str | None = None, kind: str | None = None
) -> QuerySet[Certificate]:
    """Return certificates by name."""
    rows = visible(Certificate.objects.select_related("region").order_by("name", "pk"), user)
    if region_id is not None:
        rows = rows.filter(region__public_id=region_id)
    return rows if kind is None else rows.filter(kind=kind)


def with_users(rows: QuerySet[Certificate]) -> QuerySet[Certificate]:
    """Return the rows with the listeners that use each, fetched together."""
    return rows.prefetch_related(
        "listeners__load_balancer__region",
        "verified_listeners__load_balancer__region",
        "domain_certificates__listener__load_balancer__region",
    )


def get_certificate(
    *, user: Any, right: Right, certificate_id: str, region_id: str | None = None
) -> Certificate:
    """Return one; in another region than the given one it is not found."""
    rows = list_certificates(user=user, region_id=region_id)
    return find(rows, user=user, right=right, public_id=certificate_id, what="certificate")


def list_domain_certificates(
    *, user: Any, listener: Listener | None = None
) -> QuerySet[DomainCertificate]:
    """Return the further certificates of a listener, or of all of them, by domain."""
    rows = DomainCertificate.objects.order_by("domain")
    rows = rows.select_related("certificate", "listener__load_balancer__region")
    return visible(rows if listener is None else rows.filter(listener=listener), user)


def get_domain_certificate(
    *, user: Any, right: Right, domain_certificate_id: str, listener: Listener | None = None
) -> DomainCertificate:
    """Return one further certificate, of the given listener when there is one."""
    rows = list_domain_certificates(user=user, listener=listener)
    return find(
        rows,
        user=user,
        right=right,
        public_id=domain_certificate_id,
        what="domain certificate",
    )
