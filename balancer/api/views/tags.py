"""Tags: all of them in one list, and the set of each row that can carry them."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from balancer.api.etags import check_same, is_known, tag_of
from balancer.api.filters import ResourceFilter
from balancer.api.serializers.tags import TagSerializer, TagsInput, TagsSerializer
from balancer.api.views.base import LIST_FILTERS, SAFE_METHODS, ApiView, ResourceViewSet
from balancer.choices import TaggedResource
from balancer.models import Tag
from balancer.rights import Right
from balancer.selectors.tags import list_all_tags, list_tags
from balancer.services.tags import Tagged, replace_tags, resource_type_of


class TaggedViewSet(ResourceViewSet):
    """The rows of a noun that can carry tags."""

    @extend_schema(responses=TagsSerializer)
    @action(methods=["get"], detail=True)
    def tags(self, request: Request, **kwargs: Any) -> Response:
        """Show the tags of one, with an ETag of their own."""
        row: Tagged = self.find(Right.VIEW)
        return self._answer_tags(row, self._tags_of(row))

    @extend_schema(request=TagsInput, responses=TagsSerializer)
    @tags.mapping.put
    def replace_tags(self, request: Request, **kwargs: Any) -> Response:
        """Make these all the tags of one; tags that are left out are taken off."""
        row: Tagged = self.find(Right.CHANGE)
        wanted = self.read(TagsInput)["tags"]
        present = self._tags_of(row)
        check_same(request, row, tag_of(Tag(), present))
        expected = present if "If-Match" in request.headers else None
        replace_tags(actor=self.actor, resource=row, tags=wanted, expected=expected)
        return self._answer_tags(row, self._tags_of(row))

    def _tags_of(self, row: Tagged) -> dict[str, str]:
        tags = list_tags(
            user=self.request.user,
            resource_type=resource_type_of(row),
            resource_ids=[row.public_id],
        )
        return {each.key: each.value for each in tags}

    def _answer_tags(self, row: Tagged, tags: Mapping[str, str]) -> Response:
        tag = tag_of(Tag(), tags)
        if self.request.method in SAFE_METHODS and is_known(self.request, tag):
            return Response(status=304, headers={"ETag": tag})
        facts = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        answer = self.show(TagsSerializer, facts)
        answer.headers["ETag"] = tag
        return answer


class TagFilter(ResourceFilter):
    """What the list of tags can be narrowed by."""

    resource_type = django_filters.ChoiceFilter(choices=TaggedResource.choices)
    resource_id = django_filters.CharFilter(help_text="ID of what carries the tag.")
    key = django_filters.CharFilter(help_text="The whole key.")
    value = django_filters.CharFilter(help_text="The whole value.")


class TagViewSet(ListModelMixin, ApiView, GenericViewSet[Tag]):
    """All tags, by what carries them; they are changed there."""

    serializer_class = TagSerializer
    filterset_class = TagFilter
    queryset = Tag.objects.none()
    filter_backends = LIST_FILTERS
    search_fields = ["key", "value", "resource_id"]
    ordering_fields = ["resource_type", "resource_id", "key", "value"]

    def get_queryset(self) -> QuerySet[Tag]:
        """Return what the caller may see."""
        return list_all_tags(user=self.request.user)
