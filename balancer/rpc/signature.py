"""The two signatures of a call, as pure functions over what was sent.

Version 1 signs the parameters with HMAC-SHA1 (slb-rpc-api.md section 1.3); ACS3-HMAC-SHA256 signs
the query, chosen headers and the body's digest (section 1.4). Both work on decoded values that are
encoded again by RFC 3986, for clients escape differently on the wire.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from balancer.rpc.errors import RpcError
from balancer.rpc.parameters import Pair

ACS3_HMAC_SHA256 = "ACS3-HMAC-SHA256"
EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()
_AUTHORIZATION = re.compile(
    r"ACS3-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([a-z0-9;\-]+), *"
    r"Signature=([0-9a-f]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """The three parts of an ``Authorization`` header of ACS3."""

    key_id: str
    signed_headers: Sequence[str]
    signature: str


def read_authorization(header: str) -> Authorization:
    """Return the parts of the header; raise when it is none of ACS3-HMAC-SHA256."""
    match = _AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        raise RpcError(
            "IncompleteSignature",
            f"The Authorization header must be {ACS3_HMAC_SHA256} "
            "Credential=<id>,SignedHeaders=<names>,Signature=<hex>.",
        )
    return Authorization(match[1], match[2].split(";"), match[3])


def encode(text: str) -> str:
    """Percent-encode by RFC 3986: letters, digits and ``-_.~`` stay."""
    return quote(text, safe="~")


def canonical_query(pairs: Iterable[Pair]) -> str:
    """Return the parameters, encoded and in the order of their names."""
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(pairs))


def string_to_sign_v1(method: str, pairs: Iterable[Pair]) -> str:
    """Return what version 1 signs: everything but the signature itself."""
    signed = [(name, value) for name, value in pairs if name != "Signature"]
    return f"{method}&%2F&{encode(canonical_query(signed))}"


def sign_v1(secret: str, string_to_sign: str) -> str:
    """Return the signature of version 1: HMAC-SHA1 in base64."""
    digest = hmac.new(f"{secret}&".encode(), string_to_sign.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def canonical_request(
    method: str,
    query: Iterable[Pair],
    headers: Mapping[str, str],
    signed_headers: Sequence[str],
    body_digest: str,
) -> str:
    """Return the request in the one form that ACS3 signs; header names are in lower case."""
    block = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed_headers)
    names = ";".join(signed_headers)
    return "\n".join([method, "/", canonical_query(query), block, names, body_digest])


def string_to_sign_acs3(request: str) -> str:
    """Return what ACS3 signs: the digest of the canonical request behind the method's name."""
    return f"{ACS3_HMAC_SHA256}\n{hashlib.sha256(request.encode()).hexdigest()}"


def sign_acs3(secret: str, string_to_sign: str) -> str:
    """Return the signature of ACS3: HMAC-SHA256 in hexadecimal digits."""
    return hmac.new(secret.encode(), string_to_sign.encode(), hashlib.sha256).hexdigest()


def check_signature(given: str, expected: str, string_to_sign: str) -> None:
    """Raise unless both are equal, in constant time; the refusal shows what was to be signed."""
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise RpcError(
            "SignatureDoesNotMatch",
            "Specified signature is not matched with our calculation. "
            f"server string to sign is:{string_to_sign}",
        )
