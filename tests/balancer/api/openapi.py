"""Loads the API's own document for tests that ask whether it is true.

Generated requests rarely name an object that exists. So the document that the tests read has the
ids of a small estate as examples; nothing else of it is touched.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import schemathesis
from django.core import signals
from django.db import close_old_connections, transaction
from django.test import Client
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import ignored_auth

from console.wsgi import application
from tests.balancer.estate import Estate

Json = dict[str, Any]

MEASURED = ["load-balancers", "listeners", "server-groups", "backend-servers"]
CROSS_FIELD_RULES = [
    # What fits together depends on protocol, kind, other members and other rows.
    ("/api/v1/listeners/", "POST"),
    ("/api/v1/listeners/{id}/", "PATCH"),
    ("/api/v1/forwarding-rules/", "POST"),
    ("/api/v1/forwarding-rules/{id}/", "PATCH"),
    ("/api/v1/server-groups/", "POST"),
    ("/api/v1/load-balancers/", "POST"),
    # Which moments have figures depends on the moment itself.
    *((f"/api/v1/{noun}/{{id}}/metrics/", "GET") for noun in MEASURED),
    # Which machines there are, and which of their ports and addresses are free.
    ("/api/v1/backend-servers/", "POST"),
    ("/api/v1/server-groups/{id}/servers/", "POST"),
    ("/api/v1/server-groups/{id}/servers/", "PUT"),
    ("/api/v1/server-groups/{id}/servers/", "PATCH"),
    # No pattern says that a network has no bits beside its length, a certificate a good signature,
    # an address a machine that may have it.
    ("/api/v1/vpcs/", "POST"),
    ("/api/v1/vswitches/", "POST"),
    ("/api/v1/access-lists/", "POST"),
    ("/api/v1/access-lists/{id}/entries/", "POST"),
    ("/api/v1/access-lists/{id}/entries/remove/", "POST"),
    ("/api/v1/certificates/", "POST"),
    ("/api/v1/certificates/{id}/", "PATCH"),
    ("/api/v1/ecs-instances/", "POST"),
    ("/api/v1/ecs-instances/{id}/", "PATCH"),
    ("/api/v1/network-interfaces/", "POST"),
    ("/api/v1/network-interfaces/{id}/", "PATCH"),
    ("/api/v1/idc-servers/", "POST"),
    ("/api/v1/idc-servers/{id}/", "PATCH"),
    ("/api/v1/idc-servers/import/", "POST"),
]
"""Where a body can be as documented and still not be right; everywhere else it must be taken."""


def load_document(client: Client, estate: Estate, *, short: bool = False) -> Json:
    """Return the document with the estate's ids; a short one has just what acts need."""
    document: Json = json.loads(client.get("/api/schema/").content)
    ids = ids_of(estate)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _name_rows(operation, path, ids)
            if short and method != "get":
                operation["parameters"] = [
                    each for each in operation.get("parameters", ()) if each["in"] == "path"
                ]
    relations = _relations(ids)
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Request"):
            _name_relations(schema, relations)
            if short and not name.startswith("Patched"):
                kept = schema.get("required", [])
                schema["properties"] = {each: schema["properties"][each] for each in kept}
    return document


def ids_of(estate: Estate) -> dict[str, str]:
    """Return the id of one row for each noun that has any."""
    return {
        "regions": "cn-test",
        "zones": "cn-test-a",
        "vpcs": "vpc-1",
        "vswitches": "vsw-1",
        "ecs-instances": estate.servers[0].machine_id,
        "load-balancers": estate.load_balancer.public_id,
        "listeners": estate.listener.public_id,
        "forwarding-rules": estate.add_rule("rule", "a.example").public_id,
        "server-groups": estate.add_group("spare").public_id,
        "backend-servers": estate.servers[0].public_id,
    }


def _name_rows(operation: Json, path: str, ids: Mapping[str, str]) -> None:
    parts = path.split("/")
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            noun = parts[parts.index("{" + parameter["name"] + "}") - 1]
            parameter["example"] = ids.get(noun, "none")


def _relations(ids: Mapping[str, str]) -> dict[str, str]:
    return {
        "region": ids["regions"],
        "primary_zone": ids["zones"],
        "zone": ids["zones"],
        "vpc": ids["vpcs"],
        "vswitch": ids["vswitches"],
        "load_balancer": ids["load-balancers"],
        "listener": ids["listeners"],
        "server_group": ids["server-groups"],
        "group": ids["server-groups"],
        "machine_id": ids["ecs-instances"],
        "user": "the-admin",
    }


def _name_relations(schema: Json, relations: Mapping[str, str]) -> None:
    """Say which rows there are; members that can name none here may be null or stay away."""
    for name, member in schema.get("properties", {}).items():
        can_be_null = "null" in member.get("type", ())
        if name in relations:
            choices = [relations[name], None] if can_be_null else [relations[name]]
        elif can_be_null and member.get("title") == "ID":
            choices = [None]
        else:
            continue
        member.clear()
        member["enum"] = choices


def load_api(document: Json, *, examples: int, seed: int) -> BaseSchema:
    """Return the API as the document describes it, served in this process."""
    config = {
        "seed": seed,
        "suppress-health-check": ["all"],
        "generation": {
            "database": "none",
            "max-examples": examples,
            "no-shrink": True,
            "with-security-parameters": False,
        },
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 409, 412, 413, 415]
            },
            # 412: If-Match names no state; the request is as documented all the same.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", 304, 401, 403, 404, 409, 412]
            },
        },
        "phases": {"stateful": {"inference": {"algorithms": []}}},
        "operations": [
            {
                "include-path": path,
                "include-method": method,
                "checks": {"positive_data_acceptance": {"enabled": False}},
            }
            for path, method in CROSS_FIELD_RULES
        ]
        # A token that was revoked can still be looked at, so that people see whose it was.
        + [
            {
                "include-path": "/api/v1/tokens/{id}/",
                "checks": {"use_after_free": {"enabled": False}},
            }
        ],
    }
    api = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))
    api.app = application
    return api


@contextmanager
def in_one_transaction() -> Iterator[None]:
    """Keep what is asked inside the transaction of the test, and undo it."""
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        for signal in (signals.request_started, signals.request_finished):
            signal.connect(close_old_connections)


def lies_in(
    case: Case,
    response: Response,
    headers: Mapping[str, str],
    *,
    is_first: bool = False,
    **more: Any,
) -> list[str]:
    """Return what the answer says against the document; nothing when it was true.

    The first good answer of an operation is also asked for without a token, and with a wrong one.
    """
    try:
        sent = {"headers": dict(headers)}
        case.validate_response(
            response,
            headers=sent["headers"],
            transport_kwargs=sent,
            excluded_checks=[] if is_first else [ignored_auth],
            **more,
        )
    except FailureGroup as group:
        asked = f"{case.method} {response.request.url} {case.headers} {case.body!r:.600}"
        answer = f"{response.status_code} {response.content[:600]!r}"
        return [
            f"{failure.title}: {failure.message}\n  {asked}\n  {answer}"
            for failure in group.exceptions
            if not _is_whole_number_with_point(case, failure.title)
        ]
    return []


def _is_whole_number_with_point(case: Case, title: str) -> bool:
    """Tell whether 5.0 was refused: an integer to JSON Schema, none to this API (E1.1)."""
    return title == "Schema-valid request rejected" and _has_float(case.body)


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_float, value.values()))
    if isinstance(value, list):
        return any(map(_has_float, value))
    return isinstance(value, float)
