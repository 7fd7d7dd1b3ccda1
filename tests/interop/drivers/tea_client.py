"""Runs the newer Python client (alibabacloud_slb20140515), unchanged.

Arguments: endpoint, key id, secret, and ``v2`` for the older signature.
"""

import sys
from collections.abc import Mapping
from typing import Any

from alibabacloud_slb20140515 import models
from alibabacloud_slb20140515.client import Client
from alibabacloud_tea_openapi.models import Config
from lines import Refused, serve
from Tea.exceptions import TeaException

endpoint, key_id, secret, *more = sys.argv[1:]
config = Config(
    endpoint=endpoint,
    protocol="http",
    region_id="cn-hangzhou",
    access_key_id=key_id,
    access_key_secret=secret,
)
if more:
    config.signature_algorithm = more[0]
client = Client(config)
methods = {
    name.replace("_", ""): name
    for name in dir(client)
    if not name.endswith(("_async", "_with_options"))
}


def call(action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    request = getattr(models, f"{action}Request")().from_map(dict(parameters))
    try:
        response = getattr(client, methods[action.lower()])(request)
    except TeaException as error:
        status = int((error.data or {}).get("statusCode", 0))
        raise Refused(status, error.code, error.message) from None
    return dict(response.body.to_map())


serve(call)
