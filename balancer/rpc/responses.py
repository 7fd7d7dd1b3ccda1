"""Writes an answer as JSON or XML, the way the original does."""

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from django.http import HttpResponse

from balancer.constants import DATABASE_RETRY_AFTER_S
from balancer.rpc.errors import RpcError

Payload = Mapping[str, Any]

JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"
XML_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'


def render(
    payload: Payload, *, request_id: str, root: str, as_xml: bool, status: int = 200
) -> HttpResponse:
    """Return the answer; what is None is left out, at any depth."""
    document = _without_nulls({"RequestId": request_id, **payload})
    if as_xml:
        body, content_type = _xml(root, document), XML_TYPE
    else:
        body, content_type = json.dumps(document, ensure_ascii=False).encode(), JSON_TYPE
    response = HttpResponse(body, status=status, content_type=content_type)
    response["Cache-Control"] = "no-store"
    return response


def render_error(error: RpcError, *, request_id: str, host: str, as_xml: bool) -> HttpResponse:
    """Return a refusal; ``host`` is where the client called."""
    payload = {"HostId": host, "Code": error.code, "Message": error.message}
    response = render(
        payload, request_id=request_id, root="Error", as_xml=as_xml, status=error.status
    )
    if error.status == 503:
        response["Retry-After"] = str(DATABASE_RETRY_AFTER_S)
    return response


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def _xml(root: str, document: Payload) -> bytes:
    element = Element(root)
    _fill(element, document)
    return XML_HEAD + str(tostring(element, encoding="unicode")).encode()


def _fill(element: Element, value: Any) -> None:
    """Put the value into the element; a list repeats the element of its name."""
    if not isinstance(value, Mapping):
        element.text = _text(value)
        return
    for name, each in value.items():
        for member in each if isinstance(each, list) else [each]:
            _fill(SubElement(element, name), member)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # XML has no place for control characters, not even escaped.
    return "".join(each for each in str(value) if each >= " " or each in "\t\n\r")
