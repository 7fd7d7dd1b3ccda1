"""What the system records and observes: shown, never edited."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from balancer.admin.base import OwnRowsMixin, ReadOnlyAdmin
from balancer.models import (
    Activity,
    HealthFlip,
    HealthShard,
    HealthState,
    IdempotencyKey,
    Measurement,
    PublishHead,
    RequestNonce,
)


@admin.register(Activity)
class ActivityAdmin(ReadOnlyAdmin):
    """Who changed what, through which entrance."""

    list_display = [
        "at",
        "actor_name",
        "entrance",
        "action",
        "object_type",
        "object_name",
        "load_balancer_public_id",
    ]
    list_filter = ["entrance", "action", "object_type"]
    search_fields = ["actor_name", "object_id", "object_name", "load_balancer_public_id"]
    date_hierarchy = "at"
    list_select_related = ["user"]


@admin.register(HealthState)
class HealthStateAdmin(ReadOnlyAdmin):
    """The last known status of each probe."""

    list_display = ["address", "port", "status", "since", "shard", "probe_id"]
    list_filter = ["status", "shard"]
    search_fields = ["address", "probe_id"]


@admin.register(HealthFlip)
class HealthFlipAdmin(ReadOnlyAdmin):
    """Changes of status, with their evidence."""

    list_display = ["at", "address", "port", "before", "after", "probe_id"]
    list_filter = ["after"]
    search_fields = ["address", "probe_id"]
    date_hierarchy = "at"


@admin.register(HealthShard)
class HealthShardAdmin(ReadOnlyAdmin):
    """How often each shard has changed its owner."""

    list_display = ["number", "epoch"]
    search_fields = ["number"]


@admin.register(PublishHead)
class PublishHeadAdmin(ReadOnlyAdmin):
    """Which version is wanted and which is on the feed."""

    list_display = [
        "load_balancer_public_id",
        "wanted",
        "published",
        "is_published",
        "deleted",
        "wanted_at",
        "published_at",
    ]
    list_filter = ["deleted"]
    search_fields = ["load_balancer_public_id"]

    @admin.display(boolean=True, description="on the feed")
    def is_published(self, head: PublishHead) -> bool:
        """Tell whether the feed has the wanted version."""
        return not head.is_waiting


@admin.register(Measurement)
class MeasurementAdmin(ReadOnlyAdmin):
    """Measured figures over time."""

    list_display = ["at", "kind", "subject_id", "period_s", "figures"]
    list_filter = ["kind", "period_s"]
    search_fields = ["subject_id"]
    date_hierarchy = "at"


@admin.register(RequestNonce)
class RequestNonceAdmin(OwnRowsMixin, ReadOnlyAdmin):
    """Nonces of signed requests."""

    list_display = ["at", "key_id", "nonce"]
    search_fields = ["key_id", "nonce"]
    date_hierarchy = "at"

    def own(self, rows: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """Return those of the user's keys."""
        return rows.filter(key_id__in=user.access_keys.values("key_id"))


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(OwnRowsMixin, ReadOnlyAdmin):
    """Clients' own names for requests; the answers themselves stay out of sight."""

    list_display = ["created_at", "user", "scope", "key", "status_code"]
    list_filter = ["scope"]
    search_fields = ["key", "user__username"]
    list_select_related = ["user"]
    exclude = ["answer", "request_digest"]
