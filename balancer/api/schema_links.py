"""Which operation can follow which: the links of the OpenAPI document.

Whoever created a row, or has a list of rows, can go on to every operation below its address; and
where a list can be narrowed by a noun, from a row of that noun to that list.
"""

from collections.abc import Iterator, Mapping
from typing import Any

METHODS = ("get", "put", "post", "patch", "delete")
SOURCES = {("post", "201"): "$response.body#/id", ("get", "200"): "$response.body#/results/0/id"}
"""Which answers of a list's address name a row, and where."""


def add_links(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook: add the links."""
    paths: dict[str, dict[str, Any]] = result.get("paths", {})
    for path, operations in paths.items():
        for (method, status), id_of_row in SOURCES.items():
            answer = operations.get(method, {}).get("responses", {}).get(status)
            links = dict(_links(paths, path, id_of_row)) if answer else {}
            if links:
                answer["links"] = links
    return result


def _links(
    paths: Mapping[str, dict[str, Any]], path: str, id_of_row: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    own = {name: f"$request.path.{name}" for name in _names(path)}
    for target, operations in paths.items():
        names = [name for name in _names(target) if name not in own]
        if not target.startswith(path + "{") or len(names) != 1:
            continue
        for method in METHODS:
            if method in operations:
                yield _link(operations[method], own | {names[0]: id_of_row})
    noun = path.strip("/").rpartition("/")[2].removesuffix("s").replace("-", "_")
    for operations in paths.values():
        parameters = operations.get("get", {}).get("parameters", ())
        if any(each["in"] == "query" and each["name"] == noun for each in parameters):
            yield _link(operations["get"], {noun: id_of_row})


def _link(
    operation: Mapping[str, Any], parameters: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    name = str(operation["operationId"])
    return name, {"operationId": name, "parameters": dict(parameters)}


def _names(path: str) -> list[str]:
    """Return the names in curly brackets."""
    return [part.partition("}")[0] for part in path.split("{")[1:]]
