"""The OpenAPI document: what drf-spectacular cannot see by itself."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

PROBLEM = "Problem"
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "code", "errors", "details"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "A stable token."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "messages"],
                "properties": {
                    "field": {"type": "string", "description": "Such as servers[2].weight."},
                    "messages": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "details": {"type": "object", "additionalProperties": True},
    },
}

EVERY_REFUSAL = {"401": "Nobody is signed in.", "403": "The role lacks the right."}
REFUSALS_OF_METHOD = {
    "get": {"400": "A parameter is wrong."},
    "post": {
        "400": "The input has errors.",
        "409": "Something stands in the way: in use, protected, a limit.",
        "413": "The body is too long.",
        "415": "The body is not JSON.",
    },
    "patch": {
        "400": "The input has errors.",
        "409": "Something stands in the way.",
        "412": "The row has changed since it was read.",
        "413": "The body is too long.",
        "415": "The body is not JSON.",
    },
    "put": {
        "400": "The input has errors.",
        "409": "Something stands in the way.",
        "412": "The row has changed since it was read.",
        "413": "The body is too long.",
        "415": "The body is not JSON.",
    },
    "delete": {
        "409": "In use or protected.",
        "412": "The row has changed since it was read.",
    },
}
METHODS_WITHOUT_EFFECT = frozenset({"get", "head"})
EVERY_ANSWER = {"429": "Too many requests; Retry-After says when to go on."}
METHODS_WITH_IF_MATCH = frozenset({"patch", "put", "delete"})
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that was read; 412 when the row has changed since.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of the copy at hand; 304 when that is still good.",
    "schema": {"type": "string"},
}
ROW_ENDINGS = ("/{id}/", "/{id}/tags/")
"""How addresses end that show one row, or its tags."""


DRY_RUN: dict[str, Any] = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "description": (
        "true: the act is validated and carried out in full, told in full and undone. The answer "
        "is 200 with the status and the answer that it would have had, every change, and the "
        "shares of traffic before and after."
    ),
    "schema": {"type": "boolean", "default": False},
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "A name of the caller's own for this request, kept for 24 hours: the same request with "
        "the same key gets the same answer and has no second effect."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}


class ApiSchema(AutoSchema):
    """Describes an answer by the noun's own serializer, whatever the input's shape is."""

    def get_response_serializers(self) -> Any:
        """Return the shape of the answer."""
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


def add_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook: add to each operation the refusals that it can answer with."""
    result.setdefault("components", {}).setdefault("schemas", {})[PROBLEM] = PROBLEM_SCHEMA
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            _add_refusals(path, method, operation)
    return result


def _add_refusals(path: str, method: str, operation: dict[str, Any]) -> None:
    refusals = EVERY_REFUSAL | EVERY_ANSWER | REFUSALS_OF_METHOD.get(method, {})
    if "{" in path:
        refusals = refusals | {"404": "There is no such object."}
    if method not in METHODS_WITHOUT_EFFECT:
        refusals = {"409": "This key came with another request."} | refusals
        operation.setdefault("parameters", []).extend([DRY_RUN, IDEMPOTENCY_KEY])
    if method == "get" and path.endswith(ROW_ENDINGS):
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        operation["responses"].setdefault("304", {"description": "The copy is still good."})
    if method == "post" and "{id}" in path:
        refusals = refusals | {"412": "The row has changed since it was read."}
    if method in METHODS_WITH_IF_MATCH or (method == "post" and "{id}" in path):
        operation.setdefault("parameters", []).append(IF_MATCH)
    for status, description in refusals.items():
        content = {
            "application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}
        }
        operation["responses"].setdefault(status, {"description": description, "content": content})
