"""/healthz, /readyz and /metrics: who may ask, and that each part is told apart."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from balancer.models import PublishHead
from console import traffic_metrics
from console.broker import BEAT_LEASE_KEY, heartbeat_key
from console.celery import HEALTH_QUEUES, WORKER_QUEUES
from console.tasks import record_heartbeat
from proxy.core.reasons import Reason
from proxy.net.metrics import ListenerCounters
from proxy.snapshot import AppliedSnapshot, ApplyReport, Refusal, counters_key, report_key

pytestmark = pytest.mark.django_db

PROBES = ["/healthz", "/readyz", "/metrics"]
OUTSIDE = {"REMOTE_ADDR": "198.51.100.7"}


def report(broker, node="node-1", *, applied=None, refused=None):
    """Put a node's report on the feed."""
    written = ApplyReport(
        node,
        time.time(),
        time.time(),
        2,
        applied={key: AppliedSnapshot(version, "x") for key, version in (applied or {}).items()},
        refused={key: Refusal(version, "bad") for key, version in (refused or {}).items()},
    )
    broker.client.set(report_key(node), written.to_json())


@pytest.fixture
def everything_up(broker):
    for queue in (*WORKER_QUEUES, *HEALTH_QUEUES):
        record_heartbeat(queue)
    broker.client.set(BEAT_LEASE_KEY, "somebody")
    report(broker)
    return broker


def readiness(client):
    answer = client.get("/readyz")
    parts = answer.json()["checks"]
    return answer.status_code, {name for name, part in parts.items() if not part["ok"]}


def wanted(version, *, age_s=60.0):
    at = timezone.now() - timedelta(seconds=age_s)
    return PublishHead.objects.create(load_balancer_public_id="lb-a", wanted=version, wanted_at=at)


def test_ready_when_every_part_is_there(client, everything_up):
    assert readiness(client) == (200, set())
    names = set(client.get("/readyz").json()["checks"])
    assert names == {"database", "broker", "worker", "beat", "proxy"}


@pytest.mark.parametrize(
    ("key", "part"),
    [
        pytest.param(BEAT_LEASE_KEY, "beat", id="no-beat"),
        pytest.param(heartbeat_key("publish"), "worker", id="nobody-publishes"),
        pytest.param(heartbeat_key("health"), "worker", id="nobody-checks-health"),
        pytest.param(report_key("node-1"), "proxy", id="no-proxy"),
    ],
)
def test_what_is_missing_is_named(client, everything_up, key, part):
    everything_up.client.delete(key)
    assert readiness(client) == (503, {part})


def test_broker_away_is_told_and_is_no_error(client, everything_up):
    everything_up.stop()
    assert readiness(client) == (503, {"broker", "worker", "beat", "proxy"})
    assert client.get("/healthz").status_code == 200
    assert 'openclb_part_up{part="broker"} 0.0' in client.get("/metrics").content.decode()


@pytest.mark.parametrize(
    ("applied", "refused", "age_s", "missing"),
    [
        pytest.param({"lb-a": 7}, {}, 60, set(), id="applied"),
        pytest.param({"lb-a": 6}, {}, 60, {"proxy"}, id="behind"),
        pytest.param({"lb-a": 6}, {}, 1, set(), id="change-is-on-its-way"),
        pytest.param({"lb-a": 6}, {"lb-a": 7}, 60, set(), id="refused-is-an-answer"),
        pytest.param({}, {}, 60, {"proxy"}, id="never-seen"),
    ],
)
def test_proxy_counts_when_it_has_what_is_wanted(
    client, everything_up, applied, refused, age_s, missing
):
    wanted(7, age_s=age_s)
    report(everything_up, applied=applied, refused=refused)
    assert readiness(client)[1] == missing


def test_one_proxy_in_sync_is_enough(client, everything_up):
    wanted(7)
    report(everything_up, "node-1", applied={"lb-a": 6})
    report(everything_up, "node-2", applied={"lb-a": 7})
    assert readiness(client) == (200, set())


@pytest.mark.parametrize("path", PROBES)
def test_loopback_needs_no_login(client, everything_up, path):
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize(
    "origin",
    [OUTSIDE, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.7"}],
    ids=["outside", "outside-through-a-local-reverse-proxy"],
)
def test_others_are_refused_unless_configured(client, everything_up, settings, path, origin):
    assert client.get(path, **origin).status_code == 403
    settings.OPENCLB_PROBE_SOURCES = [_network("198.51.100.0/24"), _network("127.0.0.0/8")]
    assert client.get(path, **origin).status_code == 200


@pytest.mark.parametrize("path", PROBES)
def test_probes_only_answer_reading_methods(client, path):
    assert client.post(path).status_code == 405


def test_metrics_tell_traffic_and_lag(client, everything_up):
    wanted(7)
    everything_up.client.set(
        counters_key("node-1"),
        '{"at": 1, "listeners": {"lsn-1": {"accepted": 3, "active": 1, "requests": 9, '
        '"bytes_in": 10, "bytes_out": 20, "packets_dropped": 4, "responses": {"2xx": 8, "5xx": 1}, '
        '"servers": {"rs-1": {"connections": 2, "active": 0, "requests": 8, "failures": 1}}}}}',
    )
    text = client.get("/metrics").content.decode()
    for line in [
        'openclb_publish_lag_versions{load_balancer="lb-a"} 7.0',
        'openclb_listener_requests_total{listener="lsn-1",node="node-1"} 9.0',
        'openclb_listener_dropped_packets_total{listener="lsn-1",node="node-1"} 4.0',
        'openclb_listener_responses_total{class="5xx",listener="lsn-1",node="node-1"} 1.0',
        'openclb_server_failures_total{listener="lsn-1",node="node-1",server="rs-1"} 1.0',
        'openclb_proxy_workers{node="node-1"} 2.0',
    ]:
        assert line in text
    assert all(line.startswith(("#", "openclb_")) for line in text.splitlines())


def test_metrics_tell_what_the_proxies_count(client, everything_up):
    """The report is the one that a worker makes, so that both sides mean the same."""
    counters = ListenerCounters()
    counters.retries = 2
    counters.count_own_answer(Reason.NO_WEIGHT)
    counters.count_rule("rule-1")
    for took_s in (0.0005, 0.002, 0.002, 77):
        counters.count_time(took_s)
    said = {
        "at": 1,
        "listeners": {"lsn-1": counters.as_json(active=0)},
        "access_log": {"written": 5, "lost": 3},
    }
    everything_up.client.set(counters_key("node-1"), json.dumps(said))
    text = client.get("/metrics").content.decode()
    place = 'listener="lsn-1",node="node-1"'
    for line in [
        f"openclb_listener_retries_total{{{place}}} 2.0",
        f'openclb_listener_own_answers_total{{{place},reason="no_weight"}} 1.0',
        f'openclb_rule_requests_total{{{place},rule="rule-1"}} 1.0',
        f'openclb_listener_response_seconds_bucket{{le="0.001",{place}}} 1.0',
        f'openclb_listener_response_seconds_bucket{{le="0.0025",{place}}} 3.0',
        f'openclb_listener_response_seconds_bucket{{le="30.0",{place}}} 3.0',
        f'openclb_listener_response_seconds_bucket{{le="+Inf",{place}}} 4.0',
        f"openclb_listener_response_seconds_count{{{place}}} 4.0",
        f"openclb_listener_response_seconds_sum{{{place}}} 77.0045",
        'openclb_access_log_lines_total{node="node-1"} 5.0',
        'openclb_access_log_lost_lines_total{node="node-1"} 3.0',
    ]:
        assert line in text


def test_metrics_tell_of_groups_and_servers(client, everything_up):
    """Issue 3, section 1: per listener, group and server."""
    counters = ListenerCounters(lambda server: "rsp-1")
    for server_id, status in (("rs-1", 200), ("rs-2", 404)):
        of_server = counters.server(server_id)
        of_server.requests, of_server.bytes_in, of_server.active = 3, 100, 1
        of_server.count_response(status)
    said = {"at": 1, "listeners": {"lsn-1": counters.as_json(2, leaving={"rs-2"})}}
    everything_up.client.set(counters_key("node-1"), json.dumps(said))
    lines = client.get("/metrics").content.decode().splitlines()
    group = 'group="rsp-1",listener="lsn-1",node="node-1"'
    server = 'listener="lsn-1",node="node-1",server="rs-2"'
    for line in [
        f"openclb_group_requests_total{{{group}}} 6.0",
        f"openclb_group_received_bytes_total{{{group}}} 200.0",
        f"openclb_group_active_connections{{{group}}} 2.0",
        f'openclb_group_responses_total{{class="2xx",{group}}} 1.0',
        f"openclb_server_requests_total{{{server}}} 3.0",
        f"openclb_server_received_bytes_total{{{server}}} 100.0",
        f"openclb_server_draining_connections{{{server}}} 1.0",
        f'openclb_server_responses_total{{class="4xx",{server}}} 1.0',
        "openclb_server_places_left_out 0.0",
    ]:
        assert line in lines


def test_metrics_have_a_bounded_number_of_series(client, everything_up, monkeypatch):
    monkeypatch.setattr(traffic_metrics, "MOST_SERVERS", 3)
    counters = ListenerCounters(lambda server: "rsp-1")
    for number in range(5):
        counters.server(f"rs-{number}").requests = 2
    said = {"at": 1, "listeners": {"lsn-1": counters.as_json(0)}}
    everything_up.client.set(counters_key("node-1"), json.dumps(said))
    text = client.get("/metrics").content.decode()
    assert text.count("openclb_server_requests_total{") == 3
    assert "openclb_server_places_left_out 2.0" in text
    assert 'openclb_group_requests_total{group="rsp-1",listener="lsn-1",node="node-1"} 10.0' in text


def _network(text):
    import ipaddress

    return ipaddress.ip_network(text)
