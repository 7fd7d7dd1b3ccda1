"""Listeners: create, change, start, stop, delete, and the health behind them."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import PortFilter, TaggedFilter, id_filter
from balancer.api.serializers.listeners import ListenerChange, ListenerSerializer
from balancer.api.serializers.observation import ListenerHealthSerializer, listener_health_facts
from balancer.api.views.base import gone
from balancer.api.views.metrics import WithMetrics, measured
from balancer.api.views.tags import TaggedViewSet
from balancer.choices import PROTOCOL_CHOICES, ListenerStatus, TaggedResource
from balancer.domain.metrics import MetricSubject
from balancer.models import Listener
from balancer.rights import Right
from balancer.selectors.health import get_listener_health
from balancer.selectors.listeners import get_listener, keys_of_users, list_listeners
from balancer.services.listeners import (
    create_listener,
    delete_listener,
    start_listener,
    stop_listener,
    update_listener,
)


class ListenerFilter(TaggedFilter):
    """What a list of listeners can be narrowed by."""

    resource_types = (TaggedResource.LISTENER,)

    load_balancer = id_filter("load_balancer", "Load balancer ID.")
    region = id_filter("load_balancer__region", "Region ID.")
    server_group = django_filters.CharFilter(
        method="of_group",
        help_text="ID of a server group that it sends to: by itself, as the default group, as the "
        "primary or secondary one of failover, or by a forwarding rule.",
    )
    access_list = id_filter("access_lists", "Access list ID.")
    protocol = django_filters.ChoiceFilter(choices=PROTOCOL_CHOICES)
    status = django_filters.ChoiceFilter(choices=ListenerStatus.choices)
    port = PortFilter(field_name="port")

    def of_group(
        self, listeners: QuerySet[Listener], name: str, group_id: str
    ) -> QuerySet[Listener]:
        """Return those that send to the group."""
        return listeners.filter(pk__in=keys_of_users(group_id))


@measured(MetricSubject.LISTENER)
class ListenerViewSet(WithMetrics, TaggedViewSet):
    """Listeners of load balancers."""

    metric_subject = MetricSubject.LISTENER
    serializer_class = ListenerSerializer
    change_serializer_class = ListenerChange
    filterset_class = ListenerFilter
    queryset = Listener.objects.none()
    search_fields = ["name", "public_id", "description"]
    ordering_fields = ["port", "protocol", "name", "status", "created_at", "updated_at"]

    def get_queryset(self) -> QuerySet[Listener]:
        """Return what the caller may see."""
        return list_listeners(user=self.request.user)

    def find(self, right: Right) -> Listener:
        """Return the listener that the address names."""
        return get_listener(user=self.request.user, right=right, listener_id=self.kwargs["id"])

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Create a listener; ``start`` lets it serve at once."""
        return self.created(create_listener(actor=self.actor, **self.read(ListenerSerializer)))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change options of a listener."""
        listener = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(listener)
        if changes:
            listener = update_listener(
                actor=self.actor, listener=listener, expected=expected, **changes
            )
        return self.answer(listener)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a listener; requests in flight are finished."""
        listener = self.find(Right.CHANGE)
        expected = self.expected(listener)
        delete_listener(actor=self.actor, listener=listener, expected=expected)
        return gone()

    @extend_schema(request=None, responses=ListenerSerializer)
    @action(methods=["post"], detail=True)
    def start(self, request: Request, **kwargs: Any) -> Response:
        """Let the listener serve."""
        listener = self.find(Right.CHANGE)
        expected = self.expected(listener)
        listener = start_listener(actor=self.actor, listener=listener, expected=expected)
        return self.answer(listener)

    @extend_schema(request=None, responses=ListenerSerializer)
    @action(methods=["post"], detail=True)
    def stop(self, request: Request, **kwargs: Any) -> Response:
        """Stop serving; the configuration stays."""
        listener = self.find(Right.CHANGE)
        expected = self.expected(listener)
        listener = stop_listener(actor=self.actor, listener=listener, expected=expected)
        return self.answer(listener)

    @extend_schema(responses=ListenerHealthSerializer)
    @action(methods=["get"], detail=True)
    def health(self, request: Request, **kwargs: Any) -> Response:
        """Show the health of the servers behind the listener."""
        listener = self.find(Right.VIEW)
        facts = listener_health_facts(listener.public_id, get_listener_health(listener))
        return self.show(ListenerHealthSerializer, facts)
