"""What is recorded and observed: activity and the proxies' own reports."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from balancer.api.filters import ResourceFilter
from balancer.api.serializers.observation import (
    ActivitySerializer,
    ProxiesSerializer,
    proxy_facts,
)
from balancer.api.views.base import LIST_FILTERS, ApiView
from balancer.choices import Entrance
from balancer.models import Activity
from balancer.selectors.activity import list_activity
from balancer.selectors.publishing import list_reports


class ActivityFilter(ResourceFilter):
    """What the record can be narrowed by."""

    load_balancer = django_filters.CharFilter("load_balancer_public_id", help_text="Its ID.")
    object_id = django_filters.CharFilter(help_text="ID of what was changed.")
    object_type = django_filters.CharFilter()
    action = django_filters.CharFilter(help_text="Such as server.weight_changed.")
    actor = django_filters.CharFilter("actor_name", help_text="Who made the change.")
    entrance = django_filters.ChoiceFilter(choices=Entrance.choices)
    since = django_filters.IsoDateTimeFilter("at", "gte", help_text="This moment or later.")
    until = django_filters.IsoDateTimeFilter("at", "lt", help_text="Before this moment.")


class ActivityViewSet(ListModelMixin, ApiView, GenericViewSet[Activity]):
    """The record of all changes, newest first."""

    serializer_class = ActivitySerializer
    filterset_class = ActivityFilter
    queryset = Activity.objects.none()
    filter_backends = LIST_FILTERS
    search_fields = ["object_name", "object_id", "action", "actor_name"]
    ordering_fields = ["at"]

    def get_queryset(self) -> QuerySet[Activity]:
        """Return what the caller may see."""
        return list_activity(user=self.request.user)


class ProxiesView(ApiView):
    """The live proxy nodes."""

    @extend_schema(responses=ProxiesSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Show each node's last report: versions in force, refusals, faults."""
        reports = list_reports()
        facts = {
            "is_known": reports is not None,
            "results": [proxy_facts(report) for report in reports or ()],
        }
        return self.show(ProxiesSerializer, facts)
