"""Backend servers one by one: add to a group, change weight or description, take out."""

from collections.abc import Mapping, Sized
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import PortFilter, ResourceFilter, WeightFilter, id_filter
from balancer.api.serializers.draining import DrainSerializer, drain_facts
from balancer.api.serializers.server_groups import (
    BackendServerChange,
    BackendServerSerializer,
    NewBackendServer,
)
from balancer.api.views.base import gone
from balancer.api.views.metrics import WithMetrics, measured
from balancer.choices import GROUP_KIND_CHOICES, SERVER_ROLE_CHOICES
from balancer.domain.metrics import MetricSubject
from balancer.domain.quotas import limit
from balancer.exceptions import Invalid
from balancer.models import BackendServer
from balancer.rights import Right
from balancer.selectors.backend_servers import get_backend_server, list_backend_servers
from balancer.selectors.draining import get_drains
from balancer.selectors.server_groups import get_server_group
from balancer.services.backend_servers import (
    NewServer,
    add_servers,
    describe_server,
    remove_servers,
    set_server_weight,
)


def new_server(values: Mapping[str, Any]) -> NewServer:
    """Return the value that the service takes for one row of input."""
    return NewServer(**values)


def check_servers_per_call(rows: Sized) -> None:
    """Refuse more rows than one call may carry."""
    most = limit("servers_per_call")
    if len(rows) > most:
        rule = f"One call takes at most {most} servers; given: {len(rows)}."
        raise Invalid("too_many_servers", rule, fields={"servers": [rule]}, limit=most)


class MemberFilter(ResourceFilter):
    """What the servers of a group can be narrowed by."""

    ecs_instance = id_filter("ecs_instance", "ECS instance ID.")
    network_interface = id_filter("interface_address__interface", "Network interface ID.")
    idc_server = id_filter("idc_server", "IDC server ID.")
    port = PortFilter(field_name="port")
    weight = WeightFilter(field_name="weight", help_text="0: those that get nothing new.")
    role = django_filters.ChoiceFilter(choices=SERVER_ROLE_CHOICES)


class BackendServerFilter(MemberFilter):
    """What a list of backend servers can be narrowed by."""

    group = id_filter("group", "Server group ID.")
    kind = django_filters.ChoiceFilter(field_name="group__kind", choices=GROUP_KIND_CHOICES)
    load_balancer = id_filter("group__load_balancer", "Load balancer ID.")
    region = id_filter("group__load_balancer__region", "Region ID.")


@measured(MetricSubject.BACKEND_SERVER)
class BackendServerViewSet(WithMetrics):
    """The servers of all groups."""

    metric_subject = MetricSubject.BACKEND_SERVER
    tells_of_others = True
    serializer_class = BackendServerSerializer
    change_serializer_class = BackendServerChange
    filterset_class = BackendServerFilter
    queryset = BackendServer.objects.none()
    search_fields = [
        "public_id",
        "description",
        "ecs_instance__name",
        "ecs_instance__public_id",
        "ecs_instance__private_address",
        "interface_address__address",
        "interface_address__interface__public_id",
        "idc_server__name",
        "idc_server__public_id",
        "idc_server__address",
    ]
    ordering_fields = ["weight", "port", "created_at", "updated_at"]

    def get_queryset(self) -> QuerySet[BackendServer]:
        """Return what the caller may see."""
        return list_backend_servers(user=self.request.user)

    def find(self, right: Right) -> BackendServer:
        """Return the server that the address names."""
        return get_backend_server(user=self.request.user, right=right, server_id=self.kwargs["id"])

    @extend_schema(request=NewBackendServer, responses={201: BackendServerSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Add one server to a group."""
        values = self.read(NewBackendServer)
        group_id = values.pop("group").public_id
        group = get_server_group(user=request.user, right=Right.CHANGE, group_id=group_id)
        (server,) = add_servers(actor=self.actor, group=group, servers=[new_server(values)])
        return self.created(server)

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change the weight or the description."""
        server = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(server)
        with transaction.atomic():
            if "weight" in changes:
                server = set_server_weight(
                    actor=self.actor, server=server, weight=changes["weight"], expected=expected
                )
            if "description" in changes:
                server = describe_server(
                    actor=self.actor,
                    server=server,
                    description=changes["description"],
                    expected=None if "weight" in changes else expected,
                )
        return self.answer(server)

    @extend_schema(responses=DrainSerializer)
    @action(methods=["get"], detail=True)
    def drain(self, request: Request, **kwargs: Any) -> Response:
        """Show what is still open at the server, and until when at the latest."""
        return self._show_drain(self.find(Right.VIEW))

    @extend_schema(request=None, responses=DrainSerializer)
    @drain.mapping.post
    def start_drain(self, request: Request, **kwargs: Any) -> Response:
        """Take the server out of service gently: weight 0, so it gets nothing new.

        What is open goes on, as long as the drain timeout of its listener lets it; health checks
        go on, too. Another weight puts the server back to work.
        """
        server = self.find(Right.CHANGE)
        expected = self.expected(server)
        server = set_server_weight(actor=self.actor, server=server, weight=0, expected=expected)
        return self._show_drain(server)

    def _show_drain(self, server: BackendServer) -> Response:
        (drain,) = get_drains(server.group, [server])
        return self.show(DrainSerializer, drain_facts(drain))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Take the server out of its group."""
        server = self.find(Right.CHANGE)
        expected = self.expected(server)
        remove_servers(
            actor=self.actor,
            group=server.group,
            server_ids=[server.public_id],
            expected_servers={} if expected is None else {server.public_id: expected},
        )
        return gone()
