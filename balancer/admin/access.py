"""Certificates, access lists and tags: shown only, until the proxies and services apply them.

Nothing is stored that is not in force (``domain/support.py``), so nothing is entered here yet.
"""

from django.contrib import admin

from balancer.admin.base import ReadOnlyAdmin, ReadOnlyInline
from balancer.models import AccessList, AccessListEntry, Certificate, Tag


class AccessListEntryInline(ReadOnlyInline):
    """The networks of an access list."""

    model = AccessListEntry


@admin.register(AccessList)
class AccessListAdmin(ReadOnlyAdmin):
    """Lists of networks."""

    list_display = ["name", "public_id", "region", "edit_number", "updated_at"]
    list_filter = ["region"]
    search_fields = ["name", "public_id", "entries__network"]
    list_select_related = ["region"]
    inlines = [AccessListEntryInline]


@admin.register(AccessListEntry)
class AccessListEntryAdmin(ReadOnlyAdmin):
    """Single networks of access lists."""

    list_display = ["network", "access_list", "description"]
    search_fields = ["network", "description", "access_list__name"]
    list_select_related = ["access_list"]


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    """Certificates; private keys are never shown."""

    list_display = ["name", "public_id", "kind", "region", "common_name", "expires_at"]
    list_filter = ["kind", "region"]
    search_fields = ["name", "public_id", "common_name", "fingerprint"]
    list_select_related = ["region"]
    exclude = ["private_key_pem"]


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    """Tags of all resources."""

    list_display = ["resource_type", "resource_id", "key", "value"]
    list_filter = ["resource_type"]
    search_fields = ["resource_id", "key", "value"]
