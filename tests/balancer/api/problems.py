"""Reads refusals in tests: each must be a whole problem document (RFC 9457)."""

from typing import Any

from rest_framework.response import Response

MEMBERS = {"type", "title", "status", "detail", "code", "errors", "details"}


def problem_of(response: Response, status: int) -> dict[str, Any]:
    """Return the problem document, after checking that the answer is one of this status."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert set(body) == MEMBERS
    assert body["status"] == status
    assert body["type"].endswith(body["code"])
    return body


def fields_of(response: Response, status: int = 400) -> dict[str, list[str]]:
    """Return the messages by field path of a refused input."""
    errors = problem_of(response, status)["errors"]
    return {error["field"]: error["messages"] for error in errors}
