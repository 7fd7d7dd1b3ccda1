"""Tags as JSON: one by one in a list, and the whole set of a row."""

from typing import Any

from rest_framework import serializers

from balancer.api.serializers.base import Input
from balancer.api.serializers.fields import Text
from balancer.constants import MAX_TAG_KEY_CHARACTERS, MAX_TAG_VALUE_CHARACTERS
from balancer.models import Tag


class TagInput(Input):
    """One tag."""

    key = Text(max_length=MAX_TAG_KEY_CHARACTERS)
    value = Text(max_length=MAX_TAG_VALUE_CHARACTERS, allow_blank=True, default="")


class TagsInput(Input):
    """All the tags that a row is to have; an empty list takes every tag off."""

    tags = serializers.ListField(child=TagInput(), max_length=1000)

    def validate_tags(self, tags: list[dict[str, str]]) -> dict[str, str]:
        """Return the values by key; a key stands once on a row."""
        found: dict[str, str] = {}
        for at, tag in enumerate(tags):
            if tag["key"] in found:
                rule = f"The key {tag['key']} stands here twice; keep one of them."
                raise serializers.ValidationError({at: {"key": [rule]}})  # type: ignore[dict-item]
            found[tag["key"]] = tag["value"]
        return found


class TagsSerializer(serializers.Serializer[Any]):
    """All the tags of a row, by key."""

    tags = TagInput(many=True)


class TagSerializer(serializers.ModelSerializer[Tag]):
    """One tag of one row."""

    class Meta:
        model = Tag
        fields = ["resource_type", "resource_id", "key", "value"]
        read_only_fields = fields
