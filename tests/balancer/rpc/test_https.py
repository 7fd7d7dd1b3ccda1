"""HTTPS listeners, certificates and domains through the RPC API (sections 3.2, 3.12)."""

import pytest

from balancer.models import Certificate, Tag
from tests.balancer.rpc.caller import Refused
from tests.certificates import authority, certificate_for

ONE, OTHER = certificate_for("www.example.com"), certificate_for("other.example.com")


@pytest.fixture
def lb(estate) -> str:
    return estate.load_balancer.public_id


@pytest.fixture
def upload(estate, rpc):
    def send(issued=ONE, key=None, **more):
        return rpc.call(
            "UploadServerCertificate",
            RegionId="cn-test",
            ServerCertificateName="www",
            ServerCertificate=issued.chain_pem,
            PrivateKey=(key or issued).key_pem,
            **more,
        )

    return send


@pytest.fixture
def listen(rpc, lb, upload):
    """Return the parameters that name a new HTTPS listener."""
    at = {"LoadBalancerId": lb, "ListenerPort": 443}
    rpc.call(
        "CreateLoadBalancerHTTPSListener",
        BackendServerPort=8080,
        Bandwidth=-1,
        HealthCheck="off",
        ServerCertificateId=upload()["ServerCertificateId"],
        **at,
    )
    return at


def test_certificate_is_uploaded_shown_renamed_and_deleted(rpc, upload):
    made = upload(**{"Tag.1.Key": "k", "Tag.1.Value": "v"})
    assert made["CommonName"] == "www.example.com"
    assert made["SubjectAlternativeNames"] == {"SubjectAlternativeName": ["www.example.com"]}
    assert (made["IsAliCloudCertificate"], made["RegionId"]) == (0, "cn-test")
    assert isinstance(made["ExpireTimeStamp"], int)
    one = {"RegionId": "cn-test", "ServerCertificateId": made["ServerCertificateId"]}
    rpc.call("SetServerCertificateName", ServerCertificateName="web", **one)
    answer = rpc.call("DescribeServerCertificates", **one)
    assert "PRIVATE KEY" not in str(answer)
    (entry,) = answer["ServerCertificates"]["ServerCertificate"]
    assert (entry["ServerCertificateName"], entry["Fingerprint"]) == ("web", made["Fingerprint"])
    assert entry["Tags"] == {"Tag": [{"TagKey": "k", "TagValue": "v"}]}
    rpc.call("DeleteServerCertificate", **one)
    assert not Tag.objects.exists()
    with pytest.raises(Refused) as refusal:
        rpc.call("DeleteServerCertificate", **one)
    assert (refusal.value.status, refusal.value.code) == (404, "ResourceNotFound.Certificate")


def test_authority_is_uploaded_shown_and_deleted(rpc, estate):
    made = rpc.call("UploadCACertificate", RegionId="cn-test", CACertificate=authority().chain_pem)
    one = {"RegionId": "cn-test", "CACertificateId": made["CACertificateId"]}
    rpc.call("SetCACertificateName", CACertificateName="root", **one)
    (entry,) = rpc.call("DescribeCACertificates", **one)["CACertificates"]["CACertificate"]
    assert entry["CACertificateName"] == "root"
    with pytest.raises(Refused) as refusal:
        rpc.call("DeleteServerCertificate", ServerCertificateId=made["CACertificateId"])
    assert refusal.value.code == "CertificateTypeMismatched"
    rpc.call("DeleteCACertificate", **one)


def test_bad_certificates_are_refused(rpc, estate, upload):
    with pytest.raises(Refused) as refusal:
        upload(ONE, key=OTHER)
    assert refusal.value.code == "CertificateNotMatchPrivateKey"
    bad = {"ServerCertificate": "x", "PrivateKey": ONE.key_pem}
    worse = {"ServerCertificate": ONE.chain_pem, "PrivateKey": "x"}
    for given, code in ((bad, "CertificateFormatInvalid"), (worse, "KeyFormatError")):
        with pytest.raises(Refused) as refusal:
            rpc.call("UploadServerCertificate", RegionId="cn-test", **given)
        assert refusal.value.code == code
    assert not Certificate.objects.exists()


def test_listener_shows_its_certificate_and_the_defaults_of_this_api(rpc, listen):
    shown = rpc.call("DescribeLoadBalancerHTTPSListenerAttribute", **listen)
    certificate = Certificate.objects.get().public_id
    assert (shown["Status"], shown["ServerCertificateId"]) == ("stopped", certificate)
    assert (shown["EnableHttp2"], shown["Gzip"]) == ("on", "on")
    assert shown["TLSCipherPolicy"] == "tls_cipher_policy_1_2"
    assert shown["DomainExtensions"] == {"DomainExtension": []}
    assert "ListenerForward" not in shown
    assert "CACertificateId" not in shown


def test_listener_changes_certificates_and_policy(rpc, listen, upload):
    other = upload(OTHER)["ServerCertificateId"]
    root = rpc.call("UploadCACertificate", RegionId="cn-test", CACertificate=authority().chain_pem)[
        "CACertificateId"
    ]
    rpc.call(
        "SetLoadBalancerHTTPSListenerAttribute",
        ServerCertificateId=other,
        CACertificateId=root,
        TLSCipherPolicy="tls_cipher_policy_1_2_strict_with_1_3",
        EnableHttp2="off",
        **listen,
    )
    shown = rpc.call("DescribeLoadBalancerHTTPSListenerAttribute", **listen)
    assert (shown["ServerCertificateId"], shown["CACertificateId"]) == (other, root)
    assert shown["TLSCipherPolicy"] == "tls_cipher_policy_1_2_strict_with_1_3"
    assert shown["EnableHttp2"] == "off"
    with pytest.raises(Refused) as refusal:
        rpc.call("DeleteServerCertificate", ServerCertificateId=other)
    assert refusal.value.code == "CertificateAndPrivateKeyIsRefered"
    listed = rpc.call("DescribeLoadBalancerListeners", ListenerProtocol="https")
    config = listed["Listeners"][0]["HTTPSListenerConfig"]
    assert (config["ServerCertificateId"], config["CACertificateId"]) == (other, root)


def test_listener_needs_a_certificate_that_is_there(rpc, lb):
    wanted = {
        "LoadBalancerId": lb,
        "ListenerPort": 443,
        "BackendServerPort": 80,
        "Bandwidth": -1,
        "HealthCheck": "off",
    }
    for given, status, code in (
        ({}, 400, "MissingParameter"),
        ({"ServerCertificateId": "cert-none"}, 404, "ResourceNotFound.Certificate"),
    ):
        with pytest.raises(Refused) as refusal:
            rpc.call("CreateLoadBalancerHTTPSListener", **wanted, **given)
        assert (refusal.value.status, refusal.value.code) == (status, code)


def test_http_listener_redirects_to_it_and_then_it_stays(rpc, lb, listen):  # sections 5.6, 6.2
    http = {"LoadBalancerId": lb, "ListenerPort": 8000}
    rpc.call(
        "CreateLoadBalancerHTTPListener",
        ListenerForward="on",
        ForwardPort=443,
        StickySession="off",
        HealthCheck="off",
        **{"": "80"},
        **http,
    )
    shown = rpc.call("DescribeLoadBalancerHTTPListenerAttribute", **http)
    assert (shown["ListenerForward"], shown["ForwardPort"]) == ("on", 443)
    ports = rpc.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    entries = ports["ListenerPortsAndProtocol"]["ListenerPortAndProtocol"]
    forwarding = next(each for each in entries if each["ListenerPort"] == 8000)
    assert (forwarding["ListenerForward"], forwarding["ForwardPort"]) == ("on", 443)
    with pytest.raises(Refused) as refusal:
        rpc.call("SetLoadBalancerHTTPListenerAttribute", Gzip="off", **http)
    assert refusal.value.code == "Operation.NotAllowed"
    assert refusal.value.message == (
        "Operation Denied. The HTTP listener does not support this action."
    )
    with pytest.raises(Refused) as refusal:
        rpc.call("DeleteLoadBalancerListener", **listen)
    assert refusal.value.code == "ListenerForwardExist"


def test_domains_have_certificates_of_their_own(rpc, listen, upload):
    other = upload(OTHER)["ServerCertificateId"]
    made = rpc.call(
        "CreateDomainExtension", Domain="other.example.com", ServerCertificateId=other, **listen
    )
    one = {"DomainExtensionId": made["DomainExtensionId"]}
    listed = rpc.call("DescribeDomainExtensions", **listen)["DomainExtensions"]
    entry = {"Domain": "other.example.com", "ServerCertificateId": other, **one}
    assert listed == {"DomainExtension": [entry]}
    shown = rpc.call("DescribeLoadBalancerHTTPSListenerAttribute", **listen)
    assert shown["DomainExtensions"] == {"DomainExtension": [entry]}
    third = upload()["ServerCertificateId"]
    rpc.call("SetDomainExtensionAttribute", ServerCertificateId=third, **one)
    shown = rpc.call("DescribeDomainExtensionAttribute", **one)
    assert (shown["ServerCertificateId"], shown["ListenerPort"]) == (third, 443)
    rpc.call("DeleteDomainExtension", **one)
    with pytest.raises(Refused) as refusal:
        rpc.call("DescribeDomainExtensionAttribute", **one)
    assert "NotFound" in refusal.value.code


def test_redirecting_listener_needs_no_health_check(rpc, lb, listen):  # sections 3.2, 5.6
    at = {"LoadBalancerId": lb, "ListenerPort": 8081}
    rpc.call("CreateLoadBalancerHTTPListener", ListenerForward="on", ForwardPort=443, **at)
    shown = rpc.call("DescribeLoadBalancerHTTPListenerAttribute", **at)
    assert (shown["ListenerForward"], shown["ForwardPort"]) == ("on", 443)
    assert shown["HealthCheck"] == "off"


def test_unknown_tls_policy_has_its_own_code(rpc, listen):  # section 3.4
    with pytest.raises(Refused) as refusal:
        rpc.call("SetLoadBalancerHTTPSListenerAttribute", TLSCipherPolicy="best", **listen)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidTLSPolicyId.NotExist")
