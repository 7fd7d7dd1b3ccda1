"""The two signatures against the vectors of slb-rpc-api.md sections 1.3 and 1.4."""

import hashlib

import pytest

from balancer.rpc.errors import RpcError
from balancer.rpc.parameters import read_pairs
from balancer.rpc.signature import (
    EMPTY_DIGEST,
    canonical_query,
    canonical_request,
    check_signature,
    read_authorization,
    sign_acs3,
    sign_v1,
    string_to_sign_acs3,
    string_to_sign_v1,
)

SECRET = "testsecret"
V1 = {
    "AccessKeyId": "testid",
    "Action": "AddBackendServers",
    "BackendServers": "[{'ServerId':'i-1','Weight':'100'}]",
    "Format": "JSON",
    "LoadBalancerId": "lb-1",
    "RegionId": "cn-hangzhou",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureNonce": "n-0001",
    "SignatureType": "",
    "SignatureVersion": "1.0",
    "Timestamp": "2026-01-02T03:04:05Z",
    "Version": "2014-05-15",
}
HEADERS = {
    "accept": "application/json",
    "host": "127.0.0.1:8080",
    "x-acs-action": "DescribeLoadBalancers",
    "x-acs-content-sha256": EMPTY_DIGEST,
    "x-acs-date": "2026-01-02T03:04:05Z",
    "x-acs-signature-nonce": "n-0001",
    "x-acs-version": "2014-05-15",
}
ACS3_SIGNATURE = "5b1194c27c771aa4f2316d1a7ab0f2b52a860f421f533d0fa70271782a0caef2"


def test_version_1_signs_the_vector_of_the_reference():
    pairs = [*V1.items(), ("Signature", "is left out")]
    text = string_to_sign_v1("POST", pairs)
    assert text.startswith(
        "POST&%2F&AccessKeyId%3Dtestid%26Action%3DAddBackendServers%26BackendServers"
        "%3D%255B%257B%2527ServerId"
    )
    assert sign_v1(SECRET, text) == "aaTzRtjeXswxKw46/7w+oHpTyaI="


def test_acs3_signs_the_vector_of_the_reference():
    query = [("Tag.1.Value", "v*~"), ("RegionId", "cn-hangzhou"), ("Tag.1.Key", "k 1")]
    assert canonical_query(query) == "RegionId=cn-hangzhou&Tag.1.Key=k%201&Tag.1.Value=v%2A~"
    request = canonical_request("POST", query, HEADERS, sorted(HEADERS), EMPTY_DIGEST)
    digest = hashlib.sha256(request.encode()).hexdigest()
    assert digest == "483b71bd544a42ff66b314404455e86159830f5a396661e60769c7f858534191"
    assert sign_acs3(SECRET, string_to_sign_acs3(request)) == ACS3_SIGNATURE


@pytest.mark.parametrize("wire", [b"a=k+1", b"a=k%201", b"%61=k%20%31"])
def test_escapes_on_the_wire_do_not_matter(wire):
    assert canonical_query(read_pairs(wire)) == "a=k%201"  # trap 4


def test_authorization_has_three_parts():
    header = f"ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host;x-acs-date,Signature={'0' * 64}"
    parts = read_authorization(header)
    assert (parts.key_id, parts.signed_headers) == ("id", ["host", "x-acs-date"])
    with pytest.raises(RpcError) as refusal:
        read_authorization("Basic QQ==")
    assert refusal.value.code == "IncompleteSignature"


def test_refusal_of_a_signature_shows_the_text_behind_a_colon():  # trap 16
    with pytest.raises(RpcError) as refusal:
        check_signature("wrong", "right", "POST&%2F&x")
    assert refusal.value.message.partition("server string to sign is:")[2] == "POST&%2F&x"
