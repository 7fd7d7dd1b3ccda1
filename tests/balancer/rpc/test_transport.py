"""What stands around every action: places of parameters, signatures, times, nonces, errors."""

import hashlib
import hmac
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import OperationalError
from django.test import Client

from balancer.models import AccessKey, Activity, LoadBalancer, RequestNonce, Zone
from balancer.rights import Role
from balancer.rpc.registry import NOT_OFFERED
from tests.balancer.rpc.caller import RpcClient, sign

EMPTY = hashlib.sha256(b"").hexdigest()


def now(shift: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + shift).strftime("%Y-%m-%dT%H:%M:%SZ")


def acs3(rpc: RpcClient, action: str, query: dict[str, str], **changes: str) -> dict[str, str]:
    """Return the signed headers of the newer clients; changes come after the signature."""
    headers = {
        "accept": "application/json",
        "host": "testserver",
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": now(),
        "x-acs-signature-nonce": f"acs3-{action}-{datetime.now(UTC).timestamp()}",
        "x-acs-version": "2014-05-15",
    }
    names = sorted(headers)
    text = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(query.items())
    )
    block = "".join(f"{name}:{headers[name]}\n" for name in names)
    request = "\n".join(["POST", "/", text, block, ";".join(names), EMPTY])
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(rpc.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={rpc.key_id},SignedHeaders={';'.join(names)},"
        f"Signature={signature}"
    )
    return headers | changes


def from_now(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with times counted from when the test runs, not from its collection."""
    return {
        name: now(value) if isinstance(value, timedelta) else value
        for name, value in changes.items()
    }


def refusal(answer) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"RequestId", "HostId", "Code", "Message"}
    return answer.status_code, body["Code"]


def test_answer_is_one_json_object_with_a_request_id(estate, rpc):
    answer = rpc.send("DescribeRegions")
    assert answer["Content-Type"] == "application/json;charset=utf-8"
    body = answer.json()
    assert body["Regions"]["Region"][0] == {
        "RegionId": "cn-test",
        "LocalName": "Test",
        "RegionEndpoint": "testserver",
    }
    assert body["RequestId"] == body["RequestId"].upper()
    assert len(body["RequestId"]) == 36


def test_request_id_is_the_one_of_activity(estate, rpc):
    body = rpc.call(
        "SetLoadBalancerName", LoadBalancerId=estate.load_balancer.public_id, LoadBalancerName="n"
    )
    entry = Activity.objects.latest("pk")
    assert entry.request_id.upper() == body["RequestId"].replace("-", "")
    assert (entry.entrance, entry.actor_name) == ("rpc", "the-operator")


@pytest.mark.parametrize("split", ["query", "body", "both", "get"])
def test_parameters_stand_in_query_or_body_or_both(estate, rpc, split):  # trap 3
    given = rpc.parameters("DescribeZones", RegionId="cn-test")
    del given["Signature"]
    method = "GET" if split == "get" else "POST"
    given["Signature"] = sign(method, given, rpc.secret)
    form = {"content_type": "application/x-www-form-urlencoded"}
    common = {name: value for name, value in given.items() if name != "RegionId"}
    match split:
        case "get":
            answer = Client().get("/", given)
        case "query":
            answer = Client().post(f"/?{urlencode(given)}", "", **form)
        case "body":
            answer = Client().post("/", urlencode(given), **form)
        case _:
            answer = Client().post(
                f"/?{urlencode(common)}", urlencode({"RegionId": "cn-test"}), **form
            )
    assert answer.json()["Zones"]["Zone"][0]["ZoneId"] == "cn-test-a"


def test_empty_names_and_empty_values_are_signed_and_ignored(estate, rpc):  # trap 10
    assert "Regions" in rpc.call("DescribeRegions", SignatureType="", **{"": "80"})


def test_newer_clients_sign_headers_and_name_the_action_there(estate, rpc):  # trap 2
    query = {"RegionId": "cn-test", "Tag.1.Key": "k 1", "Tag.1.Value": "v*~"}
    headers = acs3(rpc, "DescribeLoadBalancers", query)
    answer = Client().post(f"/?{urlencode(query)}", "", content_type="text/plain", headers=headers)
    assert answer.json()["TotalCount"] == 0


def test_host_may_be_a_whole_url(estate, rpc):
    """One client sends its endpoint literally; the check of host names must not come first."""
    answer = Client().post(
        f"/?{urlencode(rpc.parameters('DescribeRegions'))}",
        "",
        content_type="text/plain",
        headers={"host": "http://127.0.0.1:8000"},
    )
    assert answer.json()["Regions"]["Region"][0]["RegionEndpoint"] == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"x-acs-action": "DeleteLoadBalancer"}, (400, "SignatureDoesNotMatch")),
        ({"x-acs-date": timedelta(minutes=1)}, (400, "SignatureDoesNotMatch")),
        ({"x-acs-content-sha256": "0" * 64}, (400, "IncompleteSignature")),
        ({"x-acs-date": ""}, (400, "MissingParameter")),
        ({"Authorization": "ACS3-HMAC-SHA256 Credential=x"}, (400, "IncompleteSignature")),
        ({"Authorization": ""}, (400, "IncompleteSignature")),
    ],
)
def test_changed_headers_are_refused(estate, rpc, changes, expected):
    headers = acs3(rpc, "DescribeRegions", {}, **from_now(changes))
    assert refusal(Client().post("/", "", content_type="text/plain", headers=headers)) == expected


@pytest.mark.parametrize("left_out", ["x-acs-action", "x-acs-date", "x-acs-signature-nonce"])
def test_headers_that_matter_must_be_signed(estate, rpc, left_out):
    headers = acs3(rpc, "DescribeRegions", {})
    headers["Authorization"] = headers["Authorization"].replace(f"{left_out};", "")
    answer = Client().post("/", "", content_type="text/plain", headers=headers)
    assert refusal(answer) == (400, "IncompleteSignature")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"AccessKeyId": "nobody"}, (404, "InvalidAccessKeyId.NotFound")),
        ({"AccessKeyId": "no\0body"}, (404, "InvalidAccessKeyId.NotFound")),
        ({"Version": "2014-05-16"}, (400, "InvalidVersion")),
        ({"Version": None}, (400, "MissingParameter")),
        ({"AccessKeyId": None}, (400, "MissingParameter")),
        ({"Timestamp": None}, (400, "MissingParameter")),
        ({"SignatureNonce": None}, (400, "MissingParameter")),
        ({"SignatureNonce": "n" * 129}, (400, "InvalidParameter")),
        ({"SignatureMethod": "HMAC-MD5"}, (400, "IncompleteSignature")),
        ({"SignatureVersion": "2.0"}, (400, "IncompleteSignature")),
        ({"Timestamp": "yesterday"}, (400, "InvalidTimeStamp.Format")),
        ({"Timestamp": timedelta(minutes=-16)}, (400, "InvalidTimeStamp.Expired")),
        ({"Timestamp": timedelta(minutes=16)}, (400, "InvalidTimeStamp.Expired")),
        ({"RegionId": "nowhere"}, (404, "InvalidRegionId.NotFound")),
        ({"RegionId": None}, (400, "MissingParameter")),
    ],
)
def test_common_parameters_are_checked(estate, rpc, changes, expected):
    answer = rpc.send("DescribeZones", **{"RegionId": "cn-test"} | from_now(changes))
    assert refusal(answer) == expected


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_may_differ_by_a_quarter_of_an_hour(estate, rpc, minutes):
    assert rpc.call("DescribeRegions", Timestamp=now(timedelta(minutes=minutes)))


@pytest.mark.parametrize("minutes", [-20, 20])
def test_requests_of_another_time_are_refused(estate, rpc, minutes):
    answer = rpc.send("DescribeRegions", Timestamp=now(timedelta(minutes=minutes)))
    assert refusal(answer) == (400, "InvalidTimeStamp.Expired")


def test_method_of_signature_is_known_in_any_case(estate, rpc):
    assert rpc.call("DescribeRegions", SignatureMethod="Hmac-SHA1")


def test_wrong_signature_shows_what_was_to_be_signed(estate, rpc):  # trap 16
    given = rpc.parameters("DescribeRegions")
    body = rpc.post(given | {"Signature": "AAAA"}).json()
    assert body["Code"] == "SignatureDoesNotMatch"
    shown = body["Message"].partition("server string to sign is:")[2]
    assert shown.startswith("POST&%2F&AccessKeyId%3D")
    assert rpc.secret not in body["Message"]


def test_changed_parameters_do_not_match_their_signature(estate, rpc):
    given = rpc.parameters("DescribeZones", RegionId="cn-test")
    assert refusal(rpc.post(given | {"RegionId": "cn-other"})) == (400, "SignatureDoesNotMatch")
    assert not RequestNonce.objects.exists()


def test_nonce_is_taken_once(estate, rpc):
    given = rpc.parameters("DescribeRegions")
    assert rpc.post(given).status_code == 200
    assert refusal(rpc.post(given)) == (400, "SignatureNonceUsed")


def test_nonce_of_another_key_is_free(estate, rpc, rpc_of):
    other = rpc_of(Role.VIEWER)
    assert rpc.call("DescribeRegions", SignatureNonce="same")
    assert other.call("DescribeRegions", SignatureNonce="same")


def test_disabled_key_and_user_are_refused(estate, rpc):
    AccessKey.objects.update(is_active=False)
    assert refusal(rpc.send("DescribeRegions")) == (403, "Forbidden.AccessKeyDisabled")
    AccessKey.objects.update(is_active=True)
    user = AccessKey.objects.get().user
    user.is_active = False
    user.save()
    assert refusal(rpc.send("DescribeRegions")) == (403, "Forbidden.AccessKeyDisabled")


def test_last_use_of_a_key_is_remembered(estate, rpc):
    rpc.call("DescribeRegions")
    assert AccessKey.objects.get().last_used_at is not None


@pytest.mark.parametrize("name", ["describeRegions", "Nothing", *sorted(NOT_OFFERED)[:2]])
def test_unknown_and_unsupported_actions_are_not_found(estate, rpc, name):
    answer = rpc.send(name)
    assert refusal(answer) == (404, "InvalidAction.NotFound")


@pytest.mark.parametrize("place", ["query", "body", "body without a type"])
def test_signed_call_without_an_action_is_told_so(estate, rpc, place):  # section 1.7
    given = rpc.parameters("DescribeRegions", Action=None)
    kind = "" if place == "body without a type" else "application/x-www-form-urlencoded"
    if place == "query":
        answer = Client().post(f"/?{urlencode(given)}", "", content_type=kind)
    else:
        answer = Client().post("/", urlencode(given), content_type=kind)
    assert refusal(answer) == (400, "MissingParameter")
    assert '"Action"' in answer.json()["Message"]


def test_signed_headers_without_an_action_are_told_so(estate, rpc):
    headers = acs3(rpc, "DescribeRegions", {})
    del headers["x-acs-action"]
    answer = Client().post("/", "", content_type="text/plain", headers=headers)
    assert refusal(answer) == (400, "MissingParameter")


def test_other_methods_are_refused(estate, rpc):
    given = rpc.parameters("DescribeRegions")
    assert refusal(Client().put(f"/?{urlencode(given)}")) == (403, "UnsupportedHTTPMethod")


def test_errors_carry_the_host_that_was_called(estate, rpc):
    assert rpc.send("Nothing").json()["HostId"] == "testserver"


def test_xml_repeats_members_of_lists(estate, rpc):
    answer = rpc.send("DescribeZones", RegionId="cn-test", Format="xml")
    assert answer["Content-Type"].startswith("text/xml")
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "DescribeZonesResponse"
    assert [each.text for each in root.findall("Zones/Zone/ZoneId")] == ["cn-test-a"]
    refused = ElementTree.fromstring(rpc.send("Nothing", Format="XML").content)
    assert (refused.tag, refused.findtext("Code")) == ("Error", "InvalidAction.NotFound")


@pytest.mark.parametrize(
    "query", ["Action=x&%FF=1", "Action=x&a=%FF", "Action=x" + "&a=1" * 1100, "Action=", "Action"]
)
def test_what_cannot_be_read_gets_an_answer_of_this_api(estate, query):
    answer = Client().get(f"/?{query}")
    if query == "Action":
        assert answer.status_code == 302  # a browser's address, for all we know
    else:
        assert refusal(answer)[0] == 400


def test_body_beyond_every_bound_is_refused(estate, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = Client().post(
        "/?Action=DescribeRegions", "a" * 2000, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 413
    assert answer.json()["Code"] == "InvalidParameter"


def test_a_browser_goes_on_to_the_console(estate):
    answer = Client().get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_database_that_cannot_be_written_is_worth_another_try(estate, rpc, monkeypatch):
    def fail(*arguments):
        raise OperationalError("database is locked")

    monkeypatch.setattr("balancer.rpc.views.authenticate", fail)
    answer = rpc.send("DescribeRegions")
    assert refusal(answer) == (503, "ServiceUnavailable")
    assert int(answer["Retry-After"]) > 0


def test_reads_go_on_while_nothing_can_be_written(estate, rpc, monkeypatch):
    """reliability.md, fault 8: the nonce is the only thing that a read writes."""

    def fail(*arguments):
        raise OperationalError("database is locked")

    monkeypatch.setattr("balancer.rpc.authentication.note_nonce", fail)
    assert rpc.call("DescribeRegions")["Regions"]["Region"]
    change = {"LoadBalancerId": estate.load_balancer.public_id, "LoadBalancerName": "n"}
    assert refusal(rpc.send("SetLoadBalancerName", **change)) == (503, "ServiceUnavailable")


def test_available_resources_are_filtered(estate, rpc):  # section 3.10
    Zone.objects.create(region=estate.zone.region, public_id="cn-test-b", name="B")
    for given, pairs in (
        ({}, 2),
        ({"AddressType": "vpc", "AddressIPVersion": "ipv4"}, 2),
        ({"AddressIPVersion": "ipv6"}, 0),
    ):
        answer = rpc.call("DescribeAvailableResource", RegionId="cn-test", **given)
        found = answer["AvailableResources"]["AvailableResource"]
        assert len(found) == pairs
    answer = rpc.call("DescribeAvailableResource", RegionId="cn-test", AddressType="vpc")
    offered = answer["AvailableResources"]["AvailableResource"][0]["SupportResources"]
    assert offered == {"SupportResource": [{"AddressType": "vpc", "AddressIPVersion": "ipv4"}]}


def test_bug_is_told_in_the_form_of_this_api(estate, rpc, monkeypatch):
    def fail(**kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("balancer.rpc.actions.places.list_regions", lambda user: fail())
    assert refusal(rpc.send("DescribeRegions")) == (500, "InternalError")


def test_viewer_reads_and_changes_nothing(estate, rpc_of, settings):
    settings.OPENCLB_DEFAULT_REGION = "cn-test"
    viewer = rpc_of(Role.VIEWER)
    lb = estate.load_balancer.public_id
    assert viewer.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    answer = viewer.send("SetLoadBalancerName", LoadBalancerId=lb, LoadBalancerName="other")
    assert refusal(answer) == (403, "Forbidden.RAM")
    assert refusal(viewer.send("CreateLoadBalancer", RegionId="cn-test"))[0] == 403
    assert LoadBalancer.objects.get().name == "web"
