"""Load balancers: create, rename, start, stop, protect, release; how far a change has come."""

from collections.abc import Callable, Mapping
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import AddressFilter, TaggedFilter, id_filter
from balancer.api.serializers.load_balancers import (
    LoadBalancerChange,
    LoadBalancerSerializer,
    ProtectionInput,
    PublishStatusSerializer,
)
from balancer.api.serializers.observation import (
    LoadBalancerHealthSerializer,
    fault_facts,
    listener_health_facts,
)
from balancer.api.views.base import gone
from balancer.api.views.metrics import WithMetrics, measured
from balancer.api.views.tags import TaggedViewSet
from balancer.choices import AddressType, LoadBalancerStatus, TaggedResource
from balancer.domain.metrics import MetricSubject
from balancer.models import LoadBalancer
from balancer.models.load_balancer import DEFAULT_RESOURCE_GROUP
from balancer.rights import Right
from balancer.selectors.health import get_listeners_health
from balancer.selectors.listeners import list_listeners
from balancer.selectors.load_balancers import get_load_balancer, list_load_balancers
from balancer.selectors.publishing import get_apply_status
from balancer.services.load_balancers import (
    create_load_balancer,
    release_load_balancer,
    rename_load_balancer,
    set_deletion_protection,
    set_modification_protection,
    start_load_balancer,
    stop_load_balancer,
)
from balancer.services.specifications import (
    change_bandwidth,
    change_billing,
    change_specification,
)

CHANGES_OF_FIELDS: Mapping[str, Callable[..., LoadBalancer]] = {
    "name": rename_load_balancer,
    "bandwidth_mbps": change_bandwidth,
    "specification": change_specification,
}
"""What takes the new value of a field; one that comes later must match what came before."""


class LoadBalancerFilter(TaggedFilter):
    """What a list of load balancers can be narrowed by."""

    resource_types = (TaggedResource.LOAD_BALANCER,)

    region = id_filter("region", "Region ID.")
    zone = id_filter("primary_zone", "Primary zone ID.")
    vpc = id_filter("vpc", "VPC ID.")
    name = django_filters.CharFilter(help_text="The whole name.")
    address = AddressFilter(help_text="The whole address.")
    address_type = django_filters.ChoiceFilter(choices=AddressType.choices)
    status = django_filters.ChoiceFilter(choices=LoadBalancerStatus.choices)
    specification = django_filters.CharFilter(help_text="The whole code.")
    resource_group = django_filters.CharFilter(
        method="of_resource_group", help_text="The whole name."
    )

    def of_resource_group(
        self, rows: QuerySet[LoadBalancer], name: str, group: str
    ) -> QuerySet[LoadBalancer]:
        """Return those in the group; what nobody has sorted is in the usual one."""
        found = Q(billing__resource_group_id=group)
        if group == DEFAULT_RESOURCE_GROUP:
            found |= Q(billing__resource_group_id__isnull=True)
        return rows.filter(found)


@measured(MetricSubject.LOAD_BALANCER)
class LoadBalancerViewSet(WithMetrics, TaggedViewSet):
    """Load balancer instances."""

    metric_subject = MetricSubject.LOAD_BALANCER
    serializer_class = LoadBalancerSerializer
    change_serializer_class = LoadBalancerChange
    filterset_class = LoadBalancerFilter
    queryset = LoadBalancer.objects.none()
    search_fields = ["name", "public_id", "address"]
    ordering_fields = ["name", "address", "status", "created_at", "updated_at"]

    def get_queryset(self) -> QuerySet[LoadBalancer]:
        """Return what the caller may see."""
        return list_load_balancers(user=self.request.user)

    def find(self, right: Right) -> LoadBalancer:
        """Return the load balancer that the address names."""
        return get_load_balancer(
            user=self.request.user, right=right, load_balancer_id=self.kwargs["id"]
        )

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Create a load balancer with its default server group."""
        values = self.read(LoadBalancerSerializer)
        group = values.pop("resource_group", None)
        with transaction.atomic():
            load_balancer = create_load_balancer(actor=self.actor, **values)
            if group is not None:
                load_balancer = self._sort(load_balancer, group)
            return self.created(load_balancer)

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Give a load balancer another name, peak bandwidth, specification or resource group.

        There is no way back from a specification to shared performance.
        """
        load_balancer = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(load_balancer)
        with transaction.atomic():
            for field, change in CHANGES_OF_FIELDS.items():
                if field in changes:
                    load_balancer = change(
                        actor=self.actor,
                        load_balancer=load_balancer,
                        expected=expected,
                        **{field: changes[field]},
                    )
                    expected = load_balancer.edit_number
            if "resource_group" in changes:
                load_balancer = self._sort(load_balancer, changes["resource_group"], expected)
        return self.answer(load_balancer)

    def _sort(
        self, load_balancer: LoadBalancer, group: str, expected: int | None = None
    ) -> LoadBalancer:
        return change_billing(
            actor=self.actor,
            load_balancer=load_balancer,
            changes={"resource_group_id": group},
            expected=expected,
        )

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Release a load balancer with its listeners and groups."""
        load_balancer = self.find(Right.CHANGE)
        expected = self.expected(load_balancer)
        release_load_balancer(actor=self.actor, load_balancer=load_balancer, expected=expected)
        return gone()

    @extend_schema(request=None, responses=LoadBalancerSerializer)
    @action(methods=["post"], detail=True)
    def start(self, request: Request, **kwargs: Any) -> Response:
        """Let the running listeners serve."""
        load_balancer = self.find(Right.CHANGE)
        expected = self.expected(load_balancer)
        load_balancer = start_load_balancer(
            actor=self.actor, load_balancer=load_balancer, expected=expected
        )
        return self.answer(load_balancer)

    @extend_schema(request=None, responses=LoadBalancerSerializer)
    @action(methods=["post"], detail=True)
    def stop(self, request: Request, **kwargs: Any) -> Response:
        """Stop serving; the configuration stays."""
        load_balancer = self.find(Right.CHANGE)
        expected = self.expected(load_balancer)
        load_balancer = stop_load_balancer(
            actor=self.actor, load_balancer=load_balancer, expected=expected
        )
        return self.answer(load_balancer)

    @extend_schema(request=ProtectionInput, responses=LoadBalancerSerializer)
    @action(methods=["post"], detail=True)
    def protection(self, request: Request, **kwargs: Any) -> Response:
        """Switch deletion and modification protection."""
        load_balancer = self.find(Right.CHANGE)
        values = self.read(ProtectionInput)
        expected = self.expected(load_balancer)
        with transaction.atomic():
            load_balancer = self._protect(load_balancer, values, expected)
        return self.answer(load_balancer)

    def _protect(
        self, load_balancer: LoadBalancer, values: dict[str, Any], expected: int | None
    ) -> LoadBalancer:
        if "deletion_protection" in values:
            load_balancer = set_deletion_protection(
                actor=self.actor,
                load_balancer=load_balancer,
                enabled=values["deletion_protection"],
                expected=expected,
            )
            expected = None if expected is None else load_balancer.edit_number
        if values.keys() & {"modification_protection", "reason"}:
            load_balancer = set_modification_protection(
                actor=self.actor,
                load_balancer=load_balancer,
                enabled=values.get(
                    "modification_protection", load_balancer.modification_protection
                ),
                reason=values.get("reason", load_balancer.modification_protection_reason),
                expected=expected,
            )
        return load_balancer

    @extend_schema(responses=PublishStatusSerializer)
    @action(methods=["get"], detail=True, url_path="publish-status")
    def publish_status(self, request: Request, **kwargs: Any) -> Response:
        """Show which version is wanted, published and applied by each proxy node."""
        status = get_apply_status(self.find(Right.VIEW))
        faults = {
            listener: [fault_facts(fault) for fault in faults]
            for listener, faults in status.faults.items()
        }
        facts = {
            "wanted": status.wanted,
            "published": status.published,
            "state": status.state,
            "nodes": status.nodes,
            "faults": faults,
        }
        return self.show(PublishStatusSerializer, facts)

    @extend_schema(responses=LoadBalancerHealthSerializer)
    @action(methods=["get"], detail=True)
    def health(self, request: Request, **kwargs: Any) -> Response:
        """Show the health of the servers behind each listener."""
        load_balancer = self.find(Right.VIEW)
        listeners = list_listeners(user=request.user, load_balancer=load_balancer)
        health = get_listeners_health(listeners).items()
        facts = {
            "load_balancer": load_balancer.public_id,
            "listeners": [listener_health_facts(*row) for row in health],
        }
        return self.show(LoadBalancerHealthSerializer, facts)
