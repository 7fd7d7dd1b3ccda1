"""Access lists and, below each, its networks: add several, take out."""

from collections.abc import Mapping, Sized
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import ResourceFilter, TaggedFilter, id_filter
from balancer.api.serializers.access_lists import (
    AccessListChange,
    AccessListSerializer,
    EntriesInput,
    EntrySerializer,
    NetworksInput,
)
from balancer.api.views.base import gone
from balancer.api.views.tags import TaggedViewSet
from balancer.choices import TaggedResource
from balancer.domain.access import NewEntry
from balancer.domain.quotas import limit
from balancer.exceptions import Invalid
from balancer.models import AccessList, AccessListEntry
from balancer.rights import Right
from balancer.selectors.access_lists import get_access_list, list_access_lists, list_entries
from balancer.services.access_lists import (
    add_entries,
    create_access_list,
    delete_access_list,
    remove_entries,
    rename_access_list,
)


class AccessListFilter(TaggedFilter):
    """What a list of access lists can be narrowed by."""

    resource_types = (TaggedResource.ACCESS_LIST,)

    region = id_filter("region", "Region ID.")
    name = django_filters.CharFilter(help_text="The whole name.")


class EntryFilter(ResourceFilter):
    """What the networks of an access list can be narrowed by."""

    network = django_filters.CharFilter(help_text="The whole network.")


class AccessListViewSet(TaggedViewSet):
    """Lists of networks that listeners allow or deny."""

    serializer_class = AccessListSerializer
    change_serializer_class = AccessListChange
    filterset_class = AccessListFilter
    queryset = AccessList.objects.none()
    search_fields = ["name", "public_id", "entries__network"]
    ordering_fields = ["name", "created_at", "updated_at"]

    def get_queryset(self) -> QuerySet[AccessList]:
        """Return what the caller may see."""
        return list_access_lists(user=self.request.user)

    def find(self, right: Right) -> AccessList:
        """Return the access list that the address names."""
        return get_access_list(
            user=self.request.user, right=right, access_list_id=self.kwargs["id"]
        )

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Create an access list, with its first networks if they are named."""
        values = self.read(AccessListSerializer)
        rows = values.pop("entries", [])
        _check_per_call(rows, "entries")
        entries = [_entry(row) for row in rows]
        return self.created(create_access_list(actor=self.actor, entries=entries, **values))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Rename an access list."""
        access_list = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(access_list)
        if changes:
            access_list = rename_access_list(
                actor=self.actor, access_list=access_list, expected=expected, **changes
            )
        return self.answer(access_list)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete an access list that no listener uses."""
        access_list = self.find(Right.CHANGE)
        expected = self.expected(access_list)
        delete_access_list(actor=self.actor, access_list=access_list, expected=expected)
        return gone()

    @extend_schema(responses=EntrySerializer(many=True))
    @action(
        methods=["get"],
        detail=True,
        queryset=AccessListEntry.objects.none(),
        filterset_class=EntryFilter,
        search_fields=["network", "description"],
        ordering_fields=["network", "description"],
    )
    def entries(self, request: Request, **kwargs: Any) -> Response:
        """List the networks of the access list."""
        rows = list_entries(self.find(Right.VIEW))
        return self.page_of(self.filter_queryset(rows), EntrySerializer)

    @extend_schema(request=EntriesInput, responses={201: EntrySerializer(many=True)})
    @entries.mapping.post
    def add_entries(self, request: Request, **kwargs: Any) -> Response:
        """Add networks: all of them or none; the proxies know them within a second."""
        access_list = self.find(Right.CHANGE)
        rows = self.read(EntriesInput)["entries"]
        _check_per_call(rows, "entries")
        added = add_entries(
            actor=self.actor,
            access_list=access_list,
            entries=[_entry(row) for row in rows],
            expected=self.expected(access_list),
        )
        return self.show(EntrySerializer, added, status_code=status.HTTP_201_CREATED, many=True)

    @extend_schema(request=NetworksInput, responses={204: None})
    @action(methods=["post"], detail=True, url_path="entries/remove")
    def remove_entries(self, request: Request, **kwargs: Any) -> Response:
        """Take networks out of the access list; those that are not in it are passed over."""
        access_list = self.find(Right.CHANGE)
        networks = self.read(NetworksInput)["networks"]
        _check_per_call(networks, "networks")
        remove_entries(
            actor=self.actor,
            access_list=access_list,
            networks=networks,
            expected=self.expected(access_list),
        )
        return gone()


def _entry(row: Mapping[str, Any]) -> NewEntry:
    return NewEntry(network=row["network"], description=row["description"])


def _check_per_call(rows: Sized, field: str) -> None:
    """Refuse more networks than one call may carry."""
    most = limit("entries_per_call")
    if len(rows) > most:
        rule = f"One call takes at most {most} networks; given: {len(rows)}."
        raise Invalid("too_many_networks", rule, fields={field: [rule]}, limit=most)
