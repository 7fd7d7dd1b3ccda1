"""A small client of the RPC API that signs by itself, with the code of the reference only."""

import base64
import hashlib
import hmac
import itertools
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpResponse
from django.test import Client

_nonces = itertools.count()
ALL_SAFE = "-_.~"


class Refused(Exception):
    """The API refused a call."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body
        self.code, self.message = body["Code"], body["Message"]


def sign(method: str, parameters: dict[str, str], secret: str) -> str:
    """Return the signature of version 1."""
    joined = "&".join(
        f"{quote(name, safe=ALL_SAFE)}={quote(value, safe=ALL_SAFE)}"
        for name, value in sorted(parameters.items())
    )
    text = f"{method}&%2F&{quote(joined, safe=ALL_SAFE)}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


class RpcClient:
    """Calls actions with one access key."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self.secret = key_id, secret
        self.http = Client(headers={"host": "testserver"})

    def parameters(self, action: str, **more: Any) -> dict[str, str]:
        """Return signed parameters; None takes one away again, before the signature."""
        given = {
            "Action": action,
            "Version": "2014-05-15",
            "Format": "JSON",
            "AccessKeyId": self.key_id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": f"n-{next(_nonces)}",
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        } | more
        given = {name: str(value) for name, value in given.items() if value is not None}
        return given | {"Signature": sign("POST", given, self.secret)}

    def send(self, action: str, **more: Any) -> HttpResponse:
        """Send one call, all in the query as most SDKs do, and return the answer."""
        return self.post(self.parameters(action, **more))

    def post(self, parameters: dict[str, str]) -> HttpResponse:
        """Send parameters as they are."""
        return self.http.post(f"/?{urlencode(parameters)}", "", content_type="text/plain")

    form = "application/x-www-form-urlencoded"

    def body(self, action: str, values: dict[str, Any]) -> str:
        """Return a signed call as a form."""
        return urlencode(self.parameters(action, **values))

    def call(self, action: str, **more: Any) -> dict[str, Any]:
        """Return the answer of a call; raise Refused for anything but success."""
        answer = self.send(action, **more)
        body = answer.json()
        if answer.status_code != 200:
            raise Refused(answer.status_code, body)
        assert "Code" not in body
        return dict(body)
