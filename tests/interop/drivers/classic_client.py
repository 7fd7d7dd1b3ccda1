"""Runs the classic Python client (aliyun-python-sdk-slb), unchanged: endpoint, key id, secret."""

import importlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from lines import Refused, serve

endpoint, key_id, secret = sys.argv[1:]
client = AcsClient(key_id, secret, "cn-hangzhou", auto_retry=False)


def call(action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    module = importlib.import_module(f"aliyunsdkslb.request.v20140515.{action}Request")
    request = getattr(module, f"{action}Request")()
    request.set_endpoint(endpoint)
    for name, value in parameters.items():
        _set(request, name, value)
    try:
        return dict(json.loads(client.do_action_with_exception(request)))
    except ServerException as error:
        refusal = Refused(error.get_http_status(), error.get_error_code(), error.get_error_msg())
        raise refusal from None


def _set(request: Any, name: str, value: Any) -> None:
    """Use the request's own setter; what it has none for goes into the query as it is."""
    for each in (f"set_{name}s", f"set_{name}") if isinstance(value, list) else (f"set_{name}",):
        if hasattr(request, each):
            getattr(request, each)(value)
            return
    request.add_query_param(name, value)


serve(call)
