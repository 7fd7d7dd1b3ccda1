"""The golden files pin the wire form: a proxy of yesterday must read what is written today.

When one of these tests fails, the schema has changed. Give it a new number if a document of the
old form can no longer be read, and write the golden file anew on purpose.
"""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.decoding import ITEMS_PER_PART
from proxy.snapshot import (
    Access,
    AccessKind,
    AppliedSnapshot,
    ApplyReport,
    Certificate,
    CheckKind,
    DomainCertificate,
    Failover,
    ForwardingRule,
    GroupKind,
    HealthCheck,
    HealthDelta,
    HealthStatus,
    IndexEntry,
    Limits,
    Listener,
    ListenerError,
    ListenerFault,
    Protocol,
    Refusal,
    SchedulerName,
    Server,
    ServerGroup,
    ServerRole,
    Snapshot,
    SnapshotInvalid,
    Sticky,
    StickyKind,
    Tls,
    TlsPolicy,
    probe_id,
)
from tests.proxy.parts import finish

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "snapshots"

CHECK = HealthCheck(
    CheckKind.HTTP,
    interval_s=2,
    timeout_s=5,
    healthy_threshold=3,
    unhealthy_threshold=4,
    port=8081,
    method="GET",
    path="/health",
    host="example.com",
    expected_classes=(2,),
)
SNAPSHOT = Snapshot(
    "lb-demo",
    42,
    "127.88.0.1",
    (
        Listener(
            "lsn-http",
            Protocol.HTTP,
            8080,
            "rsp-default",
            8080,
            SchedulerName.WEIGHTED_ROUND_ROBIN,
            CHECK,
            connect_timeout_s=5,
            idle_timeout_s=15,
            request_timeout_s=60,
        ),
        Listener(
            "lsn-tcp",
            Protocol.TCP,
            9000,
            "rsp-pair",
            None,
            SchedulerName.SOURCE_HASH,
            None,
            connect_timeout_s=5,
            idle_timeout_s=900,
            request_timeout_s=60,
            forwarded_for=False,
            access=Access(AccessKind.DENY, ("10.9.0.0/16", "10.1.2.3/32")),
            persistence_timeout_s=600,
            drain_timeout_s=30,
            proxy_protocol=True,
            bandwidth_mbps=100,
        ),
        Listener(
            "lsn-https",
            Protocol.HTTPS,
            8443,
            "rsp-default",
            8080,
            SchedulerName.WEIGHTED_LEAST_CONNECTIONS,
            None,
            connect_timeout_s=5,
            idle_timeout_s=15,
            request_timeout_s=60,
            forwarded_proto=True,
            gzip=True,
            sticky=Sticky(StickyKind.INSERT, cookie_timeout_s=500),
            rules=(
                ForwardingRule(
                    "rule-1",
                    "*.example.com",
                    "/api",
                    "rsp-default",
                    SchedulerName.ROUND_ROBIN,
                    CHECK,
                    Sticky(StickyKind.REWRITE, cookie_name="sid"),
                ),
            ),
            tls=Tls(
                TlsPolicy.TLS_1_2_STRICT,
                "cert-1",
                (DomainCertificate("www.example.com", "cert-2"),),
                client_ca="cert-3",
            ),
        ),
        Listener(
            "lsn-udp",
            Protocol.UDP,
            9000,
            "rsp-default",
            8080,
            SchedulerName.ROUND_ROBIN,
            None,
            connect_timeout_s=5,
            idle_timeout_s=120,
            request_timeout_s=60,
            failover=Failover("rsp-second", threshold=2, hold_s=10),
        ),
    ),
    (
        ServerGroup(
            "rsp-default",
            GroupKind.DEFAULT,
            (Server("bs-1", "127.77.0.1", None, 100), Server("bs-2", "127.77.0.2", 8088, 0)),
        ),
        ServerGroup(
            "rsp-pair",
            GroupKind.PRIMARY_SECONDARY,
            (
                Server("bs-3", "127.77.0.3", 9000, 100, ServerRole.PRIMARY),
                Server("bs-4", "127.77.0.4", 9000, 100, ServerRole.SECONDARY),
            ),
        ),
        ServerGroup("rsp-second", GroupKind.VSERVER, (Server("bs-5", "127.77.0.5", 9000, 100),)),
    ),
    certificates=(
        Certificate("cert-1", "chain 1", "key 1"),
        Certificate("cert-2", "chain 2", "key 2"),
        Certificate("cert-3", "authority"),
    ),
    cookie_key="00ff",
    limits=Limits(connections=5000, requests_per_s=1000),
)
REPORT = ApplyReport(
    "node-1",
    at=1700000000.5,
    started_at=1690000000.0,
    workers=2,
    applied={"lb-demo": AppliedSnapshot(42, "0123456789abcdef")},
    refused={"lb-demo": Refusal(43, "weight 101 not 0-100")},
    faults=(
        ListenerFault("lb-demo", "lsn-tcp", ListenerError.ADDRESS_IN_USE, "127.88.0.1:9000: busy"),
    ),
    health={"0": "3.17"},
)
DELTA = HealthDelta(
    0, 3, 17, {"p1": HealthStatus.HEALTHY, "p2": HealthStatus.UNHEALTHY}, forgotten=("p3",)
)
DOCUMENTS = {
    "snapshot.json": SNAPSHOT,
    "report.json": REPORT,
    "health_delta.json": DELTA,
    "index_entry.json": IndexEntry(42, SNAPSHOT.content_hash),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_wire_form_is_the_golden_one(name):
    golden = json.loads((GOLDEN / name).read_text())
    assert json.loads(DOCUMENTS[name].to_json()) == golden


@pytest.mark.parametrize("name", DOCUMENTS)
def test_golden_file_is_read_as_the_value(name):
    value = DOCUMENTS[name]
    assert type(value).from_json((GOLDEN / name).read_text()) == value


def test_digests_stay_what_they_were():
    """Hashes and probe ids are compared between programs of different versions."""
    pinned = json.loads((GOLDEN / "digests.json").read_text())
    assert SNAPSHOT.content_hash == pinned["content_hash"]
    assert probe_id("127.77.0.1", 8080, CHECK) == pinned["probe_id"]
    assert probe_id("127.77.0.1", 8081, CHECK) == pinned["probe_id"], "the check has its own port"


def test_a_bandwidth_of_the_instance_is_said_only_where_there_is_one():
    """A proxy of before reads everything else."""
    assert "bandwidth_mbps" not in json.loads(SNAPSHOT.to_json())["limits"]
    limited = replace(SNAPSHOT, limits=replace(SNAPSHOT.limits, bandwidth_mbps=7))
    assert Snapshot.from_json(limited.to_json()) == limited
    assert limited.content_hash != SNAPSHOT.content_hash
    with pytest.raises(SnapshotInvalid, match="limits: bandwidth_mbps"):
        replace(SNAPSHOT, limits=Limits(bandwidth_mbps=0)).validate()


def test_version_is_no_part_of_the_content_hash():
    other = Snapshot.from_json(SNAPSHOT.to_json().replace('"version":42', '"version":43'))
    assert other.version == 43
    assert other.content_hash == SNAPSHOT.content_hash


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"weight":100', '"weight":101', "weight 101"),
        ('"weight":100', '"weight":-1', "weight -1"),
        ('"weight":100', '"weight":"100"', "int is needed"),
        ('"weight":100', '"weight":true', "int is needed"),
        ('"port":8080', '"port":0', "port 0"),
        ('"port":8080', '"port":65536', "port 65536"),
        ('"port":9000,"protocol":"tcp"', '"port":8080,"protocol":"tcp"', "same port"),
        ("127.77.0.1", "127.77.0.256", "127.77.0.256"),
        ("127.88.0.1", "localhost", "localhost"),
        ('"group":"rsp-default"', '"group":"rsp-none"', "rsp-none"),
        ('"id":"bs-2"', '"id":"bs-1"', "same id"),
        ('"protocol":"http"', '"protocol":"gopher"', "gopher"),
        ('"schema":1', '"schema":2', "schema"),
        ('"schema":1', '"schema":1,"colour":"red"', "unknown field colour"),
        (',"version":42', "", "missing field version"),
        ('"version":42', '"version":0', "version"),
        ('"interval_s":2', '"interval_s":0', "interval_s"),
        ('"backend_port":8080', '"backend_port":null', "need a backend port"),
        ('"protocol":"https"', '"protocol":"http"', "TLS settings"),
        ('"certificate":"cert-2"', '"certificate":"cert-9"', "cert-9"),
        ('"certificate":"cert-2"', '"certificate":"cert-3"', "no private key"),
        ('"client_ca":"cert-3"', '"client_ca":"cert-9"', "cert-9"),
        ('"cookie_key":"00ff"', '"cookie_key":""', "cookie key"),
        ("10.9.0.0/16", "10.9.0.0/33", "no IPv4 network"),
        ('"group":"rsp-second"', '"group":"rsp-none"', "rsp-none"),
        ('"group":"rsp-second"', '"group":"rsp-default"', "to itself"),
        ('"threshold":2', '"threshold":0', "threshold"),
        ('"bandwidth_mbps":100', '"bandwidth_mbps":0', "bandwidth_mbps"),
        ('"drain_timeout_s":30', '"drain_timeout_s":-1', "drain_timeout_s"),
        ('"id":"cert-2"', '"id":"cert-1"', "two certificates"),
        ('"cookie_name":"sid"', '"cookie_name":"s;d"', "cookie name 's;d'"),
        ('"cookie_name":"sid"', '"cookie_name":""', "cookie name ''"),
        ('"kind":"rewrite"', '"kind":"insert"', "positive timeout"),
    ],
)
def test_unusable_document_is_refused_whole_and_the_place_is_named(old, new, complaint):
    text = SNAPSHOT.to_json()
    assert old in text
    with pytest.raises(SnapshotInvalid, match=complaint) as whole:
        Snapshot.from_json(text.replace(old, new))
    with pytest.raises(SnapshotInvalid) as in_parts:
        read_in_parts(text.replace(old, new))
    assert str(in_parts.value) == str(whole.value)


def read_in_parts(text: str) -> tuple[Snapshot, int]:
    return finish(Snapshot.from_json_in_parts(text))


def test_document_read_in_parts_is_the_same():
    snapshot, pauses = read_in_parts(SNAPSHOT.to_json())
    assert snapshot == SNAPSHOT
    server = SNAPSHOT.groups[0].servers[0]
    many = tuple(dataclasses.replace(server, id=f"bs-{at}") for at in range(1000))
    group = dataclasses.replace(SNAPSHOT.groups[0], servers=many)
    large = dataclasses.replace(SNAPSHOT, groups=(group, *SNAPSHOT.groups[1:]))
    snapshot, pauses_of_large = read_in_parts(large.to_json())
    assert snapshot == large
    assert pauses_of_large >= pauses + 1000 // ITEMS_PER_PART


def test_place_of_a_fault_is_named_when_read_in_parts_too():
    text = SNAPSHOT.to_json().replace('"weight":100', '"weight":true')
    with pytest.raises(
        SnapshotInvalid, match=r"Snapshot\.groups\[\d\]\.servers\[\d\]\.weight: int"
    ):
        read_in_parts(text)


def test_secrets_are_not_shown_where_a_snapshot_is():
    assert "key 1" not in repr(SNAPSHOT)
    assert "00ff" not in repr(SNAPSHOT)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '"text"', "[" * 100_000])
def test_text_that_is_no_object_is_refused(text):
    with pytest.raises(SnapshotInvalid):
        Snapshot.from_json(text)
