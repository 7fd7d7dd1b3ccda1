"""Server groups and, below each, its members: add several, set weights, take out."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.etags import etag, expected_group_state
from balancer.api.filters import TaggedFilter, id_filter
from balancer.api.serializers.draining import DrainsSerializer, drain_facts
from balancer.api.serializers.observation import GroupHealthSerializer, server_health_facts
from balancer.api.serializers.server_groups import (
    BackendServerSerializer,
    ServerGroupChange,
    ServerGroupSerializer,
    ServerIdsInput,
    ServersInput,
    WantedServersInput,
    WeightsInput,
)
from balancer.api.views.backend_servers import (
    BackendServerViewSet,
    MemberFilter,
    check_servers_per_call,
    new_server,
)
from balancer.api.views.base import gone
from balancer.api.views.metrics import WithMetrics, measured
from balancer.api.views.tags import TaggedViewSet
from balancer.choices import GROUP_KIND_CHOICES, TaggedResource
from balancer.domain.metrics import MetricSubject
from balancer.exceptions import Invalid
from balancer.models import BackendServer, ServerGroup
from balancer.rights import Right
from balancer.selectors.backend_servers import list_backend_servers
from balancer.selectors.draining import get_drains
from balancer.selectors.health import get_group_health
from balancer.selectors.server_groups import get_server_group, list_server_groups
from balancer.services.backend_servers import add_servers, remove_servers, set_server_weights
from balancer.services.locks import GroupState, state_of_group
from balancer.services.server_groups import (
    create_server_group,
    delete_server_group,
    rename_server_group,
)
from balancer.services.server_replacement import replace_servers


class ServerGroupFilter(TaggedFilter):
    """What a list of server groups can be narrowed by."""

    resource_types = (TaggedResource.VSERVER_GROUP, TaggedResource.PRIMARY_SECONDARY_GROUP)

    load_balancer = id_filter("load_balancer", "Load balancer ID.")
    region = id_filter("load_balancer__region", "Region ID.")
    kind = django_filters.ChoiceFilter(choices=GROUP_KIND_CHOICES)
    name = django_filters.CharFilter(help_text="The whole name.")


@measured(MetricSubject.SERVER_GROUP)
class ServerGroupViewSet(WithMetrics, TaggedViewSet):
    """Server groups of the three kinds."""

    metric_subject = MetricSubject.SERVER_GROUP
    serializer_class = ServerGroupSerializer
    change_serializer_class = ServerGroupChange
    filterset_class = ServerGroupFilter
    queryset = ServerGroup.objects.none()
    search_fields = ["name", "public_id"]
    ordering_fields = ["name", "kind", "created_at", "updated_at"]

    def get_queryset(self) -> QuerySet[ServerGroup]:
        """Return what the caller may see."""
        return list_server_groups(user=self.request.user)

    def find(self, right: Right) -> ServerGroup:
        """Return the group that the address names."""
        return get_server_group(user=self.request.user, right=right, group_id=self.kwargs["id"])

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Create a group, with its first servers if they are named."""
        values = self.read(ServerGroupSerializer)
        rows = values.pop("servers", [])
        check_servers_per_call(rows)
        servers = [new_server(row) for row in rows]
        return self.created(create_server_group(actor=self.actor, servers=servers, **values))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Rename a group."""
        group = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(group)
        if changes:
            group = rename_server_group(actor=self.actor, group=group, expected=expected, **changes)
        return self.answer(group)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a group that nothing uses."""
        group = self.find(Right.CHANGE)
        expected = self.expected(group)
        delete_server_group(actor=self.actor, group=group, expected=expected)
        return gone()

    @extend_schema(responses=BackendServerSerializer(many=True))
    @action(
        methods=["get"],
        detail=True,
        queryset=BackendServer.objects.none(),
        filterset_class=MemberFilter,
        search_fields=BackendServerViewSet.search_fields,
        ordering_fields=BackendServerViewSet.ordering_fields,
    )
    def servers(self, request: Request, **kwargs: Any) -> Response:
        """List the servers of the group."""
        group = self.find(Right.VIEW)
        rows = list_backend_servers(user=request.user, group=group)
        answer = self.page_of(self.filter_queryset(rows), BackendServerSerializer)
        answer.headers["ETag"] = etag(state_of_group(group))
        return answer

    @extend_schema(request=WantedServersInput, responses=BackendServerSerializer(many=True))
    @servers.mapping.put
    def replace_servers(self, request: Request, **kwargs: Any) -> Response:
        """Make these the servers of the group, however many: all at once or not at all.

        Who is in the group already, at the same port, keeps its ID and its connections.
        """
        group = self.find(Right.CHANGE)
        rows = self.read(WantedServersInput)["servers"]
        with transaction.atomic():  # the tag in the answer is of what was stored, and no later
            wanted = replace_servers(
                actor=self.actor,
                group=group,
                servers=[new_server(row) for row in rows],
                expected=self.expected_state(group),
            )
            state = self.present_state()
        return self.show_members(state, wanted)

    @extend_schema(request=ServersInput, responses={201: BackendServerSerializer(many=True)})
    @servers.mapping.post
    def add_servers(self, request: Request, **kwargs: Any) -> Response:
        """Add servers: all of them or none."""
        group = self.find(Right.CHANGE)
        rows = self.read(ServersInput)["servers"]
        check_servers_per_call(rows)
        with transaction.atomic():
            added = add_servers(
                actor=self.actor,
                group=group,
                servers=[new_server(row) for row in rows],
                expected=self.expected_state(group),
            )
            state = self.present_state()
        return self.show_members(state, added, status.HTTP_201_CREATED)

    @extend_schema(request=WeightsInput, responses=BackendServerSerializer(many=True))
    @servers.mapping.patch
    def set_weights(self, request: Request, **kwargs: Any) -> Response:
        """Give several servers new weights: all of them or none."""
        group = self.find(Right.CHANGE)
        rows = self.read(WeightsInput)["servers"]
        check_servers_per_call(rows)
        _check_each_once(rows)
        expected_group = self.expected_state(group)
        with transaction.atomic():
            changed = set_server_weights(
                actor=self.actor,
                group=group,
                weights={row["id"]: row["weight"] for row in rows},
                expected={row["id"]: row["edit_number"] for row in rows if "edit_number" in row},
                expected_group=expected_group,
            )
            state = self.present_state()
        return self.show_members(state, changed)

    @extend_schema(responses=DrainsSerializer)
    @action(methods=["get"], detail=True, url_path="servers/drain")
    def drains(self, request: Request, **kwargs: Any) -> Response:
        """Show what is still open at the servers of the group whose weight is 0."""
        group = self.find(Right.VIEW)
        rows = list_backend_servers(user=request.user, group=group)
        return self._show_drains(group, rows.filter(weight=0))

    @extend_schema(request=ServerIdsInput, responses=DrainsSerializer)
    @drains.mapping.post
    def start_drains(self, request: Request, **kwargs: Any) -> Response:
        """Take several servers out of service gently, all or none: weight 0, nothing new."""
        group = self.find(Right.CHANGE)
        ids = self.read(ServerIdsInput)["servers"]
        check_servers_per_call(ids)
        expected = self.expected_state(group)
        with _paths_of_ids(ids):
            set_server_weights(
                actor=self.actor,
                group=group,
                weights=dict.fromkeys(ids, 0),
                expected_group=expected,
            )
        named = list_backend_servers(user=request.user, group=group).filter(public_id__in=ids)
        return self._show_drains(group, named)

    def _show_drains(self, group: ServerGroup, rows: Iterable[BackendServer]) -> Response:
        drains = [drain_facts(each) for each in get_drains(group, list(rows))]
        return self.show(DrainsSerializer, {"server_group": group.public_id, "servers": drains})

    @extend_schema(request=ServerIdsInput, responses={204: None})
    @action(methods=["post"], detail=True, url_path="servers/remove")
    def remove_servers(self, request: Request, **kwargs: Any) -> Response:
        """Take servers out of the group; those that are not in it are passed over."""
        group = self.find(Right.CHANGE)
        server_ids = self.read(ServerIdsInput)["servers"]
        check_servers_per_call(server_ids)
        expected = self.expected_state(group)
        remove_servers(actor=self.actor, group=group, server_ids=server_ids, expected=expected)
        return gone()

    def expected_state(self, group: ServerGroup) -> GroupState | None:
        """Return which state of the group's servers If-Match asks for."""
        return expected_group_state(self.request, group)

    def present_state(self) -> GroupState:
        """Return how the group is now; before the commit of a change, exactly as it left it."""
        return state_of_group(self.find(Right.VIEW))

    def show_members(
        self, state: GroupState, rows: Sequence[BackendServer], status_code: int = 200
    ) -> Response:
        """Return the answer that shows servers of the group, with the tag of the whole list."""
        answer = self.show(BackendServerSerializer, rows, status_code=status_code, many=True)
        answer.headers["ETag"] = etag(state)
        return answer

    @extend_schema(responses=GroupHealthSerializer)
    @action(methods=["get"], detail=True)
    def health(self, request: Request, **kwargs: Any) -> Response:
        """Show the health of the group's servers: the worst over the listeners that use it."""
        group = self.find(Right.VIEW)
        health = get_group_health(group)
        servers = list_backend_servers(user=request.user, group=group)
        rows = [
            server_health_facts(server, server.port, health[server.public_id])
            for server in servers
            if server.public_id in health
        ]
        return self.show(GroupHealthSerializer, {"server_group": group.public_id, "servers": rows})


def _check_each_once(rows: Sequence[dict[str, Any]]) -> None:
    """Refuse a server that is named twice: nobody could say which of its weights holds."""
    places: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        places.setdefault(row["id"], []).append(at)
    fields = {
        f"servers[{at}].id": [f"{public_id:.40} is named more than once; keep one of them."]
        for public_id, found in places.items()
        for at in found[1:]
    }
    if fields:
        message = "A server is named more than once."
        raise Invalid("duplicate_server", message, fields=fields)


@contextmanager
def _paths_of_ids(ids: Sequence[str]) -> Iterator[None]:
    """Say ``servers[2]`` where the service, which has a mapping, says ``servers[2].id``."""
    try:
        yield
    except Invalid as error:
        unique = dict.fromkeys(ids)
        paths = {
            f"servers[{at}].id": f"servers[{ids.index(each)}]" for at, each in enumerate(unique)
        }
        error.fields = {paths.get(path, path): texts for path, texts in error.fields.items()}
        raise
