"""Finds out who calls: the access key, its signature, the time and the nonce of a request."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from django.db import OperationalError
from django.http import HttpRequest
from django.utils import timezone

from balancer.constants import NONCE_LIFETIME_S
from balancer.models import AccessKey
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.parameters import FORM, Pair, read_pairs
from balancer.rpc.signature import (
    EMPTY_DIGEST,
    canonical_request,
    check_signature,
    read_authorization,
    sign_acs3,
    sign_v1,
    string_to_sign_acs3,
    string_to_sign_v1,
)
from balancer.selectors.credentials import find_access_key
from balancer.services.credentials import note_nonce, note_use, reveal_secret

VERSION = "2014-05-15"
MAX_NONCE_CHARACTERS = 128
TIME_FORM = "%Y-%m-%dT%H:%M:%SZ"
COMMON_V1 = ("Timestamp", "SignatureNonce", "SignatureMethod", "SignatureVersion")


@dataclass(frozen=True)
class Call:
    """One request as it was sent; headers by their names in lower case."""

    method: str
    headers: Mapping[str, str]
    query: Sequence[Pair]
    form: Sequence[Pair] = ()
    body_digest: str = EMPTY_DIGEST
    pairs: Sequence[Pair] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", [*self.query, *self.form])

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Return the common parameters by their exact names; the first of two counts."""
        return dict(reversed(self.pairs))

    @property
    def action(self) -> str:
        """Return the name of the action: a parameter, or for the newer clients a header."""
        return self.values.get("Action") or self.headers.get("x-acs-action", "")

    @property
    def version(self) -> str:
        """Return the version of the API that the client speaks."""
        return self.values.get("Version") or self.headers.get("x-acs-version", "")

    @property
    def only_reads(self) -> bool:
        """Tell whether the action changes nothing; the names of those are alike."""
        return self.action.startswith(("Describe", "List"))

    @property
    def wants_xml(self) -> bool:
        """Tell whether the answer shall be XML."""
        return self.values.get("Format", "").upper() == "XML"


def read_call(request: HttpRequest) -> Call:
    """Return the request without what Django thinks of it: hosts, sessions, cookies."""
    body = request.body
    query = read_pairs(request.META.get("QUERY_STRING", "").encode("latin-1"))
    is_form = request.content_type in (FORM, "")
    return Call(
        method=request.method or "GET",
        headers={name.lower(): value for name, value in request.headers.items()},
        query=query,
        form=read_pairs(body) if is_form and body else [],
        body_digest=hashlib.sha256(body).hexdigest() if body else EMPTY_DIGEST,
    )


def authenticate(call: Call) -> AccessKey:
    """Return the access key that the call is signed with; raise when anything is wrong with it."""
    if call.version != VERSION:
        if not call.version:
            raise missing("Version")
        raise RpcError("InvalidVersion", "Specified parameter Version is not valid.")
    is_acs3 = "Signature" not in call.values and "authorization" in call.headers
    key, at, nonce = _check_acs3(call) if is_acs3 else _check_v1(call)
    _check_time(at)
    if not nonce or len(nonce) > MAX_NONCE_CHARACTERS or "\0" in nonce:
        rule = f"SignatureNonce must have 1 to {MAX_NONCE_CHARACTERS} characters."
        raise RpcError("InvalidParameter", rule)
    _use_once(call, key, nonce)
    return key


def _use_once(call: Call, key: AccessKey, nonce: str) -> None:
    """Take the nonce; raise when it was taken before."""
    try:
        is_fresh = note_nonce(key, nonce)
    except OperationalError:
        # Reads go on while the database cannot be written; repeated, they do no harm.
        if not call.only_reads:
            raise
        return
    if not is_fresh:
        raise RpcError("SignatureNonceUsed", "Specified signature nonce was used already.")
    note_use(key)


def _check_v1(call: Call) -> tuple[AccessKey, str, str]:
    values = call.values
    for name in ("AccessKeyId", "Signature", *COMMON_V1):
        if not values.get(name):
            raise missing(name)
    is_known = values["SignatureMethod"].upper() == "HMAC-SHA1"
    if not is_known or values["SignatureVersion"] != "1.0":
        raise RpcError(
            "IncompleteSignature",
            "SignatureMethod must be HMAC-SHA1 and SignatureVersion 1.0.",
        )
    key = _find_key(values["AccessKeyId"])
    text = string_to_sign_v1(call.method, call.pairs)
    check_signature(values["Signature"], sign_v1(reveal_secret(key), text), text)
    return key, values["Timestamp"], values["SignatureNonce"]


def _check_acs3(call: Call) -> tuple[AccessKey, str, str]:
    authorization = read_authorization(call.headers["authorization"])
    for name in ("x-acs-date", "x-acs-signature-nonce", *_used_headers(call)):
        if not call.headers.get(name):
            raise missing(name)
        if name not in authorization.signed_headers:
            raise RpcError("IncompleteSignature", f"The header {name} must be signed.")
    given_digest = call.headers.get("x-acs-content-sha256", call.body_digest)
    if given_digest.lower() != call.body_digest:
        raise RpcError("IncompleteSignature", "x-acs-content-sha256 is not the body's digest.")
    key = _find_key(authorization.key_id)
    text = string_to_sign_acs3(
        canonical_request(
            call.method,
            call.query,
            call.headers,
            authorization.signed_headers,
            call.headers.get("x-acs-content-sha256", call.body_digest),
        )
    )
    check_signature(authorization.signature, sign_acs3(reveal_secret(key), text), text)
    return key, call.headers["x-acs-date"], call.headers["x-acs-signature-nonce"]


def _used_headers(call: Call) -> list[str]:
    """Return the headers that say what is to be done, so that nobody changes them on the way."""
    headers = {"Action": "x-acs-action", "Version": "x-acs-version"}
    return [header for name, header in headers.items() if not call.values.get(name)]


def _find_key(key_id: str) -> AccessKey:
    key = find_access_key(key_id)
    if key is None:
        raise RpcError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    if not key.is_active or not key.user.is_active:
        raise RpcError("Forbidden.AccessKeyDisabled", "The access key is disabled.", 403)
    return key


def _check_time(given: str) -> None:
    try:
        at = datetime.strptime(given, TIME_FORM).replace(tzinfo=UTC)
    except ValueError:
        raise RpcError(
            "InvalidTimeStamp.Format",
            "Specified time stamp is not well-formed: YYYY-MM-DDThh:mm:ssZ is expected.",
        ) from None
    if abs(timezone.now() - at) > timedelta(seconds=NONCE_LIFETIME_S):
        raise RpcError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
