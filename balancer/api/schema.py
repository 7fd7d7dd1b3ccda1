"""The OpenAPI document: what drf-spectacular cannot see by itself."""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter

from balancer.api import patterns
from balancer.api.schema_answers import add_headers, add_refusals

READING_METHODS = frozenset({"GET", "HEAD"})
ROW_ENDINGS = ("/{id}/", "/{id}/tags/")
"""How addresses end that show one row, or its tags."""
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that was read; 412 when the row has changed since.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="An ETag that was read; 304 without a body when the row is the same still.",
)
DRY_RUN = OpenApiParameter(
    "dry_run",
    bool,
    description=(
        "true: the act is validated and carried out in full, told in full and undone. The answer "
        "is 200 with the status and the answer that it would have had, every change, and the "
        "shares of traffic before and after."
    ),
    default=False,
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^[\x21-\x7e]+$"},
    OpenApiParameter.HEADER,
    description=(
        "A name of the caller's own for this request, kept for 24 hours: the same request with "
        "the same key gets the same answer and has no second effect."
    ),
)


class ApiSchema(AutoSchema):
    """Describes what every view of the API shares: options of acts, refusals, header fields."""

    view: Any  # mostly of this API, with what balancer.api.views.base gives it

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with everything that it can answer."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        has_etag = getattr(self.view, "has_etag", False)
        add_refusals(
            operation["responses"],
            writes=self.method not in READING_METHODS,
            named="{" in self.path or self._is_list_view(),
            has_etag=has_etag,
        )
        add_headers(operation["responses"], has_etag=has_etag)
        return operation

    def get_override_parameters(self) -> list[Any]:
        """Return the options that every act has."""
        if self.method in READING_METHODS:
            return [IF_NONE_MATCH] if self._shows_row() else []
        options = [DRY_RUN]
        if not self.view.answers_secrets:
            options.append(IDEMPOTENCY_KEY)
        if self.view.has_etag:
            options.append(IF_MATCH)
        return options

    def _shows_row(self) -> bool:
        return self.method == "GET" and self.path.endswith(ROW_ENDINGS)

    def get_response_serializers(self) -> Any:
        """Return the shape of the answer: the noun's own, whatever the input's shape is."""
        change = getattr(self.view, "change_serializer_class", None)
        if change is not None and getattr(self.view, "action", "") == "partial_update":
            return getattr(self.view, "serializer_class")  # noqa: B009  (not of every APIView)
        return super().get_response_serializers()

    def get_filter_backends(self) -> Any:
        """Return what narrows a list; an act on several rows has nothing of the kind."""
        return super().get_filter_backends() if self.method == "GET" else []

    def _get_paginator(self) -> Any:
        """Return what makes pages; an act answers with all its rows."""
        return super()._get_paginator() if self.method == "GET" else None  # type: ignore[no-untyped-call]

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        """Return the filters of a list; none of them can be empty."""
        parameters: list[dict[str, Any]] = super()._get_filter_parameters()  # type: ignore[no-untyped-call]
        for parameter in parameters:
            schema = parameter["schema"]
            if schema.get("type") == "string" and not {"enum", "format"} & schema.keys():
                schema.setdefault("minLength", 1)
                schema.setdefault("pattern", patterns.ANY_TEXT)
        return parameters

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        """Return the answers that are no refusals; of acts, also what a dry run answers."""
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        if self._shows_row():
            answers["304"] = {"description": "The caller has this state already."}
        if self.method in READING_METHODS:
            return answers
        from balancer.api.dry_run import DryRunSerializer  # which reads models

        told = self.resolve_serializer(DryRunSerializer, direction).ref
        answer = answers.setdefault("200", {"description": "Of a dry run.", "content": {}})
        content = answer["content"].setdefault("application/json", {})
        content["schema"] = {"anyOf": [content["schema"], told]} if "schema" in content else told
        return answers


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Names the token header in the document."""

    target_class = "balancer.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return how a token is sent."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token oclb_...`",
        }


class TextExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Says which texts a field takes."""

    target_class = "balancer.api.serializers.fields.Text"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """Return the field's schema; of answers nothing more is promised than that it is text."""
        schema: dict[str, Any] = auto_schema._map_serializer_field(  # type: ignore[no-untyped-call]
            self.target, direction, bypass_extensions=True
        )
        if direction == "request":
            schema["pattern"] = self._pattern()
        return schema

    def _pattern(self) -> str:
        may_be_empty = bool(self.target.allow_blank)
        body = getattr(self.target.parent, "patterns", {}).get(self.target.field_name)
        if body is not None:
            return patterns.whole(body, may_be_empty=may_be_empty)
        return patterns.ANY_TEXT if may_be_empty else patterns.NOT_BLANK


class PublicIdExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Says what the ID of another object looks like."""

    target_class = "balancer.api.serializers.fields.PublicId"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """Return the field's schema."""
        from balancer.api.serializers.fields import MAX_PUBLIC_ID_CHARACTERS

        least = 0 if self.target.allow_null else 1  # "" is taken for null
        return {"type": "string", "minLength": least, "maxLength": MAX_PUBLIC_ID_CHARACTERS}
