"""What is recorded and observed: activity, changes of health, and the proxies' own reports."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from balancer.api.filters import AddressFilter, MomentFilter, PortFilter, ResourceFilter
from balancer.api.serializers.observation import (
    ActivitySerializer,
    HealthFlipSerializer,
    ProxiesSerializer,
    proxy_facts,
)
from balancer.api.views.base import LIST_FILTERS, ApiView
from balancer.choices import HEALTH_STATUS_CHOICES, Entrance
from balancer.models import Activity, HealthFlip
from balancer.selectors.activity import list_activity
from balancer.selectors.health_flips import flips_of, list_health_flips
from balancer.selectors.publishing import list_reports, wanted_versions


class ActivityFilter(ResourceFilter):
    """What the record can be narrowed by."""

    load_balancer = django_filters.CharFilter("load_balancer_public_id", help_text="Its ID.")
    object_id = django_filters.CharFilter(help_text="ID of what was changed.")
    object_type = django_filters.CharFilter()
    action = django_filters.CharFilter(help_text="Such as server.weight_changed.")
    actor = django_filters.CharFilter("actor_name", help_text="Who made the change.")
    entrance = django_filters.ChoiceFilter(choices=Entrance.choices)
    since = MomentFilter("at", "gte", help_text="This moment or later.")
    until = MomentFilter("at", "lt", help_text="Before this moment.")


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


class HealthFlipFilter(ResourceFilter):
    """What the changes of health can be narrowed by."""

    server = django_filters.CharFilter(
        method="of_server", help_text="Backend server ID: changes at its address and port."
    )
    address = AddressFilter(help_text="The whole address.")
    port = PortFilter(field_name="port", help_text="The port that was checked.")
    after = django_filters.ChoiceFilter(choices=HEALTH_STATUS_CHOICES)
    since = MomentFilter("at", "gte", help_text="This moment or later.")
    until = MomentFilter("at", "lt", help_text="Before this moment.")

    def of_server(
        self, flips: QuerySet[HealthFlip], name: str, server_id: str
    ) -> QuerySet[HealthFlip]:
        """Return those at the places where the server is checked."""
        return flips_of(server_id, user=self.request.user)


class HealthFlipViewSet(ListModelMixin, ApiView, GenericViewSet[HealthFlip]):
    """The changes of health that the checks have seen, newest first, with their evidence."""

    serializer_class = HealthFlipSerializer
    filterset_class = HealthFlipFilter
    queryset = HealthFlip.objects.none()
    filter_backends = LIST_FILTERS
    search_fields = ["address"]
    ordering_fields = ["at"]

    def get_queryset(self) -> QuerySet[HealthFlip]:
        """Return what the caller may see."""
        return list_health_flips(user=self.request.user)


class ProxiesView(ApiView):
    """The live proxy nodes."""

    @extend_schema(responses=ProxiesSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Show each node's last report: versions in force, refusals, faults."""
        reports, wanted = list_reports(), wanted_versions()
        facts = {
            "is_known": reports is not None,
            "results": [proxy_facts(report, wanted) for report in reports or ()],
        }
        return self.show(ProxiesSerializer, facts)
