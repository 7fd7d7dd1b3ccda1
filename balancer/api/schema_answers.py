"""What an operation can answer, as the OpenAPI document says it: refusals and header fields."""

from typing import Any

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

EVERY_REFUSAL = {
    "400": "A parameter, a header field or the body is wrong; the errors are named by field.",
    "401": "Nobody is signed in.",
    "403": "The role lacks the right.",
    "429": "Too many requests; Retry-After says when to go on.",
    "503": "The database cannot take this now; nothing was stored.",
}
REFUSALS_OF_ACTS = {
    "409": "Something stands in the way: in use, protected, a limit, a key that came before.",
    "411": "The body comes in chunks; send it with a Content-Length.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
}
NOT_FOUND = {"404": "There is no such object, or no such page."}
STALE = {"412": "The row has changed since it was read; ETag has its state."}

HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": "The state of the row; send it back as If-Match.",
        "schema": {"type": "string", "pattern": '^"[^"]*"$'},
    },
    "Location": {
        "description": "The address of what was created.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to sign in.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit-Limit": {
        "description": "How many requests a minute the caller may make.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Remaining": {
        "description": "How many of them are left.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Reset": {
        "description": "In how many seconds the count begins anew.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 60},
    },
}
OF_EVERY_ANSWER = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
OF_ANSWER = {
    "201": ("Location",),
    "401": ("WWW-Authenticate",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
OF_ROWS = frozenset({"200", "201", "304", "412"})

Answers = dict[str, dict[str, Any]]


def add_refusals(answers: Answers, *, writes: bool, named: bool, has_etag: bool) -> None:
    """Add the refusals of one operation."""
    refusals = dict(EVERY_REFUSAL)
    if writes:
        refusals |= REFUSALS_OF_ACTS | (STALE if has_etag else {})
    if named:
        refusals |= NOT_FOUND
    for status, description in refusals.items():
        schema = {"$ref": f"#/components/schemas/{PROBLEM}"}
        content = {"application/problem+json": {"schema": schema}}
        answers.setdefault(status, {"description": description, "content": content})


def add_headers(answers: Answers, *, has_etag: bool) -> None:
    """Add the header fields of one operation's answers."""
    for status, answer in answers.items():
        names = [*OF_EVERY_ANSWER, *OF_ANSWER.get(status, ())]
        if has_etag and status in OF_ROWS:
            names.append("ETag")
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        answer.setdefault("headers", {}).update(headers)


def add_components(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook: add what the operations name, and say that inputs are closed."""
    components = result.setdefault("components", {})
    components["headers"] = HEADERS
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for name, schema in schemas.items():
        if name.endswith("Request") and schema.get("type") == "object":
            schema["additionalProperties"] = False
        _allow_any_json(schema)
    schemas[PROBLEM] = PROBLEM_SCHEMA
    return result


def _allow_any_json(schema: dict[str, Any]) -> None:
    """Undo "anything, or else null": null is both, so nothing would do."""
    for member in schema.get("properties", {}).values():
        if member.get("oneOf") == [{}, {"type": "null"}]:
            del member["oneOf"]
