"""What all serializers share: strict fields, and an error for a member that nothing reads."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from rest_framework import serializers

from balancer.api.serializers.fields import Choice, Flag, PublicId, Text, WholeNumber

MAX_UNKNOWN = 20
MAX_NAME_CHARACTERS = 80

EDITED_FIELDS = ["edit_number", "created_at", "updated_at"]
"""What every edited row shows and nobody sets."""


class KnownMembersMixin:
    """Refuses members of the input that are unknown or cannot be set, beside all other errors."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values, or every error at once."""
        unknown = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)  # type: ignore[misc]
        except serializers.ValidationError as error:
            if not unknown or not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **unknown}) from error
        if unknown:
            raise serializers.ValidationError(unknown)
        return values

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        fields: Mapping[str, Any] = self.fields  # type: ignore[attr-defined]
        refused = [name for name in data if name not in fields or fields[name].read_only]
        return {
            name[:MAX_NAME_CHARACTERS]: [
                "This field cannot be set here." if name in fields else "There is no such field."
            ]
            for name in refused[:MAX_UNKNOWN]
        }


class Input(KnownMembersMixin, serializers.Serializer[Any]):
    """The body of an act that is not a row."""

    patterns: ClassVar[Mapping[str, str]] = {}
    """What the OpenAPI document says of texts; the services refuse what does not match."""


class Resource(KnownMembersMixin, serializers.ModelSerializer[Any]):
    """A row as JSON: its public id, strict fields, other rows by their ids.

    Ranges and uniqueness that need a look at other rows are the services' business, so the
    validators that the framework derives from constraints are left out.
    """

    id = serializers.CharField(source="public_id", read_only=True)
    patterns: ClassVar[Mapping[str, str]] = {}

    serializer_related_field = PublicId
    serializer_choice_field = Choice
    serializer_field_mapping: ClassVar = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.BooleanField: Flag,
        models.CharField: Text,
        models.TextField: Text,
        models.IntegerField: WholeNumber,
        models.PositiveIntegerField: WholeNumber,
        models.PositiveSmallIntegerField: WholeNumber,
    }

    def get_validators(self) -> list[Any]:
        """Return nothing: see the class."""
        return []

    def build_standard_field(self, field_name: str, model_field: Any) -> tuple[Any, dict[str, Any]]:
        """Leave out the uniqueness check: it is a query, and the service makes it under a lock."""
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        validators = kwargs.get("validators", [])
        kept = [each for each in validators if not hasattr(each, "queryset")]
        if validators:
            kwargs["validators"] = kept
        return field_class, kwargs
