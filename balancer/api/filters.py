"""Search, order and filter parameters of lists; a parameter that means nothing is refused."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from balancer.choices import TaggedResource
from balancer.constants import MAX_PORT, MAX_WEIGHT, MIN_PORT, MIN_WEIGHT
from balancer.domain.networks import read_address
from balancer.domain.numbers import read_integer
from balancer.exceptions import Invalid
from balancer.selectors.tags import resource_ids_with_tags

MAX_SEARCH_CHARACTERS = 200
TIE_BREAKER = "pk"
"""Keeps the pages of a list apart when rows are equal in what was asked for."""


class Search(filters.SearchFilter):
    """``search=``: words that must all be found."""

    def get_search_terms(self, request: Request) -> list[str]:
        """Return the words, unless there are absurdly many."""
        text = request.query_params.get(self.search_param, "")
        if len(text) > MAX_SEARCH_CHARACTERS or "\0" in text:
            rule = f"Must have at most {MAX_SEARCH_CHARACTERS} characters of text."
            raise ValidationError({self.search_param: [rule]})
        return super().get_search_terms(request)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameter of the document, where the list can be searched."""
        if not getattr(view, "search_fields", None):
            return []
        (parameter,) = super().get_schema_operation_parameters(view)
        parameter["schema"]["maxLength"] = MAX_SEARCH_CHARACTERS
        return [parameter]


class Ordering(filters.OrderingFilter):
    """``ordering=name,-created_at``; a name that cannot be ordered by is refused."""

    def remove_invalid_fields(
        self, queryset: QuerySet[Any], fields: Iterable[str], view: Any, request: Request
    ) -> list[str]:
        """Return the fields, all of them known."""
        known = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        fields = list(fields)
        if any(name.removeprefix("-") not in known for name in fields):
            raise ValidationError({self.ordering_param: [f"Choose from: {', '.join(known)}."]})
        if len(set(fields)) < len(fields):
            raise ValidationError({self.ordering_param: ["Name each field once."]})
        return fields

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameter of the document, where the list can be ordered."""
        names = getattr(view, "ordering_fields", None)
        if not names:
            return []
        (parameter,) = super().get_schema_operation_parameters(view)
        words = [sign + name for name in names for sign in ("", "-")]
        items = {"type": "string", "enum": words}
        schema = {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}
        description = "What to sort by, with a minus the other way round."
        more = {"schema": schema, "description": description, "style": "form", "explode": False}
        return [parameter | more]

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        """Return the rows in an order that is the same at every call."""
        if self.ordering_param not in request.query_params:
            return queryset
        ordering = self.get_ordering(request, queryset, view) or ()
        return queryset.order_by(*ordering, TIE_BREAKER)


class KnownParameters(filters.BaseFilterBackend):
    """Refuses a query parameter that nothing reads: a mistyped filter must not widen a list."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        """Return the rows unchanged."""
        known = {"page", "page_size", "format"}
        known |= {"search"} if getattr(view, "search_fields", None) else set()
        known |= {"ordering"} if getattr(view, "ordering_fields", None) else set()
        filterset_class = getattr(view, "filterset_class", None)
        known |= set(filterset_class.base_filters) if filterset_class else set()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            rule = f"Unknown parameter. Known here: {', '.join(sorted(known))}."
            raise ValidationError({name[:80]: [rule] for name in unknown})
        empty = [name for name, text in request.query_params.items() if not text]
        if empty:
            # A variable that was not set must not widen a list, either.
            rule = "Must not be empty; leave the parameter out to see all."
            raise ValidationError({name: [rule] for name in empty})
        return queryset


class NumberFilter(django_filters.CharFilter):  # type: ignore[misc]  # untyped library
    """A whole number, read as strictly as in a body."""

    minimum: ClassVar[int]
    maximum: ClassVar[int]

    def filter(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the rows with this number."""
        name = str(self.field_name)
        if not value:
            return queryset
        try:
            number = read_integer(
                value,
                field=name,
                minimum=self.minimum,
                maximum=self.maximum,
                label=name.capitalize(),
            )
        except Invalid as error:
            raise ValidationError({**error.fields}) from error
        return queryset.filter(**{name: number})


@extend_schema_field({"type": "integer", "minimum": MIN_PORT, "maximum": MAX_PORT})
class PortFilter(NumberFilter):
    """A port number."""

    minimum, maximum = MIN_PORT, MAX_PORT


@extend_schema_field({"type": "integer", "minimum": MIN_WEIGHT, "maximum": MAX_WEIGHT})
class WeightFilter(NumberFilter):
    """A weight."""

    minimum, maximum = MIN_WEIGHT, MAX_WEIGHT


class MomentFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]  # untyped library
    """A moment, of those that every time zone has a date for."""

    def filter(self, queryset: QuerySet[Any], value: datetime | None) -> QuerySet[Any]:
        """Return the rows before or after this moment."""
        try:
            moment = value and value.astimezone(UTC)
        except OverflowError as error:
            rule = "Must be a moment of the years 1 to 9999."
            name = next(name for name, each in self.parent.filters.items() if each is self)
            raise ValidationError({name: [rule]}) from error
        narrowed: QuerySet[Any] = super().filter(queryset, moment)
        return narrowed


@extend_schema_field({"type": "string", "format": "ipv4"})
class AddressFilter(django_filters.CharFilter):  # type: ignore[misc]  # untyped library
    """A whole IPv4 address; PostgreSQL compares with nothing else."""

    def filter(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the rows with this address."""
        name = str(self.field_name)
        if not value:
            return queryset
        try:
            address = read_address(value, field=name)
        except Invalid as error:
            raise ValidationError({**error.fields}) from error
        return queryset.filter(**{name: address})


class ResourceFilter(django_filters.FilterSet):  # type: ignore[misc]  # untyped library
    """What a list of one noun can be narrowed by."""


class TaggedFilter(ResourceFilter):
    """What a list of a noun that carries tags can be narrowed by."""

    resource_types: ClassVar[tuple[TaggedResource, ...]]

    tag = django_filters.CharFilter(
        method="with_tags",
        help_text="A tag as KEY:VALUE, or KEY for any value; given several times, all of them.",
    )

    def with_tags(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Return the rows that carry every one of the tags."""
        words = [text.partition(":") for text in self.data.getlist(name)]
        if any("\0" in key + value for key, _, value in words):
            raise ValidationError({name: ["Null characters are not allowed."]})
        wanted = [(key, value if colon else None) for key, colon, value in words]
        ids: set[str] = set()
        for resource_type in self.resource_types:
            ids |= resource_ids_with_tags(
                user=self.request.user, resource_type=resource_type, wanted=wanted
            )
        return rows.filter(public_id__in=ids)


def id_filter(field_name: str, help_text: str) -> django_filters.CharFilter:
    """Return a filter on the public id behind a relation, such as ``zone__region``."""
    return django_filters.CharFilter(field_name=f"{field_name}__public_id", help_text=help_text)
