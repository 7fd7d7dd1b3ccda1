"""Input fields that take exactly what they say: no number as text for a flag, no ``５`` for 5."""

from typing import Any

from django.db import models
from rest_framework import serializers

from balancer.domain.numbers import read_integer
from balancer.exceptions import Invalid

MAX_PUBLIC_ID_CHARACTERS = 80
WIDEST_RANGE = (-(2**31), 2**31 - 1)
"""What any database column holds; the services know the range of each option."""


class Text(serializers.CharField):
    """A text; numbers and flags are not texts."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Return the text; how long it may be counts the space around it, which is taken off."""
        if isinstance(data, str) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Flag(serializers.BooleanField):
    """JSON's true or false."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the flag."""
        if not isinstance(data, bool):
            self.fail("invalid", input=str(data)[:80])
        return data


class WholeNumber(serializers.IntegerField):
    """A whole number: a JSON integer, or ASCII digits in a text; the range is in the message."""

    def __init__(self, **kwargs: Any) -> None:
        lowest, highest = WIDEST_RANGE
        kwargs["min_value"] = max(lowest, kwargs.get("min_value", lowest))
        kwargs["max_value"] = min(highest, kwargs.get("max_value", highest))
        super().__init__(**kwargs)
        self.error_messages["null"] = self.error_messages["required"] = (
            f"A whole number from {self.min_value} to {self.max_value} is needed; "
            "nothing was given."
        )

    def to_internal_value(self, data: Any) -> int:
        """Return the number, read by the one reader that all entrances share."""
        name = self.field_name or "number"
        label = str(self.label or name.replace("_", " ")).capitalize()
        if name.endswith("_s"):
            label = f"{label.removesuffix(' s')} in seconds"
        assert self.min_value is not None, "see __init__"
        assert self.max_value is not None, "see __init__"
        try:
            return read_integer(
                data, field=name, minimum=self.min_value, maximum=self.max_value, label=label
            )
        except Invalid as error:
            raise serializers.ValidationError(error.fields[name], code=error.code) from error


class Choice(serializers.ChoiceField):
    """One of a few words."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the word, or nothing where that is one of the answers."""
        if data == "" and self.allow_blank:
            return data
        if not isinstance(data, str) or data not in self.choices:
            words = ", ".join(str(word) for word in self.choices)
            raise serializers.ValidationError(f"Choose from: {words}.", code="invalid_choice")
        return data


class PublicId(serializers.SlugRelatedField[models.Model]):
    """Another object, by its public id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field=kwargs.pop("slug_field", "public_id"), **kwargs)

    def to_internal_value(self, data: Any) -> models.Model:
        """Return the object; anything but a text of modest length cannot name one."""
        if not isinstance(data, str) or len(data) > MAX_PUBLIC_ID_CHARACTERS or "\0" in data:
            raise serializers.ValidationError("Must be an ID.", code="invalid")
        try:
            found: models.Model = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError(
                f"There is no {self._noun()} {data}.", code="does_not_exist"
            ) from error
        return found

    def _noun(self) -> str:
        queryset = self.get_queryset()
        return str(queryset.model._meta.verbose_name) if queryset is not None else "object"
