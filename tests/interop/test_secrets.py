"""Nothing secret that is sent, refused or handed out can be read afterwards in the data dir.

Logs, database and all other files of a console that runs as in production are searched for it
(issue 4, section 4); the file of first credentials is the one place that has to tell secrets.
"""

import http.cookiejar
import json
import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.certificates import certificate_for
from tests.interop.conftest import Server

TELLS_SECRETS = {"credentials.json", "secret_key"}
PLACES = ("told", ".sqlite3")


class Caller:
    """Sends requests as a browser or a script would, and remembers what must stay secret."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.secrets: dict[str, str] = {}
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar, urllib.request.ProxyHandler({}))

    def fresh(self, name: str) -> str:
        """Return a new secret."""
        self.secrets[name] = f"marker-{secrets.token_hex(16)}"
        return self.secrets[name]

    def send(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Return status and text of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://{self.server.endpoint}{path}", body, named)
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def post_form(self, path: str, **values: str) -> tuple[int, str]:
        """Open a page with a form, fill it in and send it."""
        _, page = self.send(path)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found is not None, path
        values["csrfmiddlewaretoken"] = found.group(1)
        return self.send(path, urlencode(values).encode())

    def rest(self, noun: str, body: dict[str, Any], token: str = "") -> tuple[int, dict[str, Any]]:
        """Call the REST API, as an operator unless another token is given."""
        token = token or self.server.credentials["api_tokens"]["operator"]
        given = json.dumps(body).encode()
        headers = {"Authorization": f"Token {token}", "Content_Type": "application/json"}
        status, text = self.send(f"/api/v1/{noun}", given, **headers)
        return status, json.loads(text)


@pytest.fixture
def caller(server: Server) -> Caller:
    return Caller(server)


def test_no_secret_can_be_read_afterwards(caller):
    refuse_secrets(caller)
    hand_out_secrets(caller)
    searched = set()
    for name, content in files(caller.server):
        searched.add(name)
        for what, secret in caller.secrets.items():
            assert secret.encode() not in content, f"{what} stands in {name}"
    assert all(any(place in name for name in searched) for place in PLACES), searched
    assert b"/login/" in dict(files(caller.server))["told"], "refusals are logged, without secrets"


def refuse_secrets(caller: Caller) -> None:
    """Send secrets that are taken nowhere: wrong passwords, tokens, signatures and keys."""
    person = caller.server.credentials["users"]["operator"]["username"]
    status, page = caller.post_form("/login/", username=person, password=caller.fresh("password"))
    assert status == 200
    assert caller.secrets["password"] not in page
    assert caller.rest("load-balancers", {}, caller.fresh("token"))[0] == 401
    certificate = {"region": "cn-hangzhou", "name": "x", "certificate_pem": "x"}
    given = certificate | {"private_key_pem": caller.fresh("private key over REST")}
    status, problem = caller.rest("certificates", given)
    assert status == 400
    assert caller.secrets["private key over REST"] not in json.dumps(problem)
    call = {"Action": "UploadServerCertificate", "Version": "2014-05-15"}
    call |= {"PrivateKey": caller.fresh("private key over RPC"), "ServerCertificate": "x"}
    call |= {"Signature": caller.fresh("signature"), "AccessKeyId": "x"}
    for sent in (f"/?{urlencode(call)}", "/"):
        status, text = caller.send(sent, None if "?" in sent else urlencode(call).encode())
        assert status in (400, 404)
        assert caller.secrets["private key over RPC"] not in text


def hand_out_secrets(caller: Caller) -> None:
    """Send and get secrets that are kept: they are sealed, hashed or forgotten."""
    person = caller.server.credentials["users"]["operator"]
    status, _ = caller.post_form("/login/", **person)
    assert status == 200
    caller.secrets["right password"] = person["password"]
    issued = certificate_for("secret.example")
    given = {"region": "cn-hangzhou", "name": "secret", "certificate_pem": issued.chain_pem}
    status, _ = caller.rest("certificates", given | {"private_key_pem": issued.key_pem})
    assert status == 201
    caller.secrets["private key"] = issued.key_pem.splitlines()[1]
    made = caller.rest("tokens", {"name": "secret"})[1]
    caller.secrets["made token"] = made["secret"]
    assert caller.rest("regions", {}, made["secret"])[0] == 400
    caller.secrets["made key"] = caller.rest("access-keys", {})[1]["secret"]
    values = {"name": "x", "certificate_pem": "x", "private_key_pem": caller.fresh("typed key")}
    status, page = caller.post_form("/console/cn-hangzhou/certificates/new", **values)
    assert status == 422
    assert caller.secrets["typed key"] not in page


def files(server: Server) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the data dir."""
    for path in server.data_dir.rglob("*"):
        if path.is_file() and path.name not in TELLS_SECRETS:
            yield str(path.relative_to(server.data_dir)), path.read_bytes()
