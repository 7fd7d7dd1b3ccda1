"""Options of listeners: ranges, and what the proxies apply."""

import pytest

from balancer.domain.listeners import (
    check_group_kind,
    check_options,
    check_scheduler_allowed,
    check_udp_answer,
)
from balancer.domain.support import SUPPORTED_SCHEDULERS, check_listener_supported
from balancer.exceptions import Invalid, Unsupported
from proxy.snapshot import GroupKind, Protocol, SchedulerName

RANGES = [
    ("check_interval_s", 1, 50),
    ("check_timeout_s", 1, 300),
    ("check_healthy_threshold", 1, 10),
    ("check_unhealthy_threshold", 1, 10),
    ("idle_timeout_s", 1, 60),
    ("request_timeout_s", 1, 180),
    ("established_timeout_s", 10, 900),
    ("backend_port", 1, 65535),
    ("check_port", 1, 65535),
    ("cookie_timeout_s", 1, 86400),
]


@pytest.mark.parametrize(("option", "lowest", "highest"), RANGES)
def test_options_keep_their_documented_ranges(option, lowest, highest):
    """slb-rpc-api.md 3.0: the edges belong to the range, their neighbours do not."""
    for value in (lowest, str(highest)):
        assert check_options({option: value}, protocol=Protocol.HTTP) == {option: int(value)}
    for value in (lowest - 1, highest + 1, "x", 1.5):
        with pytest.raises(Invalid) as refused:
            check_options({option: value}, protocol=Protocol.HTTP)
        assert refused.value.fields.keys() == {option}


@pytest.mark.parametrize("option", ["backend_port", "check_port", "cookie_timeout_s"])
def test_some_numbers_may_be_left_empty(option):
    assert check_options({option: ""}, protocol=Protocol.TCP) == {option: None}
    assert check_options({option: None}, protocol=Protocol.TCP) == {option: None}


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        ("check_path", ["/", "/health?x=1&y=2#z", "/" + "a" * 79], ["", "health", "/" + "a" * 80]),
        ("check_path", ["/a.b/%20"], ["/a b", "/<x>", "/a\r\nHost: x", 5, None]),
        ("check_host", ["", "example.com", "a" * 80], ["a" * 81, "a b", "x\r\ny", "a/b"]),
        ("check_method", ["HEAD", "GET"], ["POST", "head", None]),
        ("check_expected_classes", ["2", "2,3", "2,3,4,5"], ["", "1", "6", "2;3", "22", "2,"]),
        ("cookie_name", ["", "JSESSIONID", "a" * 200, "a$", "connect.sid"], ["a" * 201, "$a"]),
        ("cookie_name", ["_1"], ["a b", "a,b", "a;b", "a=b", "\u00e9", "a\r\nb", 5]),
        ("sticky_kind", ["", "insert", "rewrite"], ["server", None, 5]),
        ("name", ["k8s/80/web"], ["a b", "a" * 81]),
    ],
)
def test_texts_of_the_check_are_bounded(option, good, bad):
    for value in good:
        assert check_options({option: value}, protocol=Protocol.HTTP)[option] == value
    for value in bad:
        with pytest.raises(Invalid) as refused:
            check_options({option: value}, protocol=Protocol.HTTP)
        assert refused.value.fields.keys() == {option}


def test_expected_classes_are_kept_once_and_in_order():
    checked = check_options({"check_expected_classes": "3,2,3"}, protocol=Protocol.HTTP)
    assert checked == {"check_expected_classes": "2,3"}


def test_all_wrong_options_are_named_at_once():
    with pytest.raises(Invalid) as refused:
        check_options({"idle_timeout_s": 61, "check_path": "x"}, protocol=Protocol.HTTP)
    assert refused.value.fields.keys() == {"idle_timeout_s", "check_path"}


def test_schedulers_without_a_proxy_are_refused_by_name():
    with pytest.raises(Unsupported) as refused:
        check_listener_supported({"scheduler": SchedulerName.CONNECTION_ID_HASH})
    assert refused.value.fields.keys() == {"scheduler"}
    for scheduler in SUPPORTED_SCHEDULERS:
        check_listener_supported({"scheduler": scheduler})


ROBINS_AND_LEAST = "weighted_round_robin round_robin weighted_least_connections"


@pytest.mark.parametrize(
    ("protocol", "allowed"),
    [
        (Protocol.TCP, f"{ROBINS_AND_LEAST} source_hash tuple_hash"),
        (Protocol.UDP, f"{ROBINS_AND_LEAST} source_hash tuple_hash connection_id_hash"),
        (Protocol.HTTP, ROBINS_AND_LEAST),
        (Protocol.HTTPS, ROBINS_AND_LEAST),
    ],
)
def test_each_protocol_has_its_schedulers(protocol, allowed):
    """slb-rpc-api.md 5.1: consistent hashes are for TCP and UDP, QUIC's for UDP alone."""
    for scheduler in (*SchedulerName, "sch", "", None):
        values = {"scheduler": scheduler}
        if scheduler and scheduler in allowed.split():
            assert check_options(values, protocol=protocol) == values
        else:
            with pytest.raises(Invalid) as refused:
                check_options(values, protocol=protocol)
            [message] = refused.value.fields["scheduler"]
            assert protocol.upper() in message
            assert "weighted round robin" in message


@pytest.mark.parametrize("scheduler", list(SchedulerName))
def test_consistent_hashes_need_a_guaranteed_performance_instance(scheduler):
    check_scheduler_allowed(scheduler, instance="web", is_guaranteed=True)
    if not scheduler.endswith("hash"):
        check_scheduler_allowed(scheduler, instance="web", is_guaranteed=False)
        return
    with pytest.raises(Invalid) as refused:
        check_scheduler_allowed(scheduler, instance="web", is_guaranteed=False)
    assert refused.value.code == "specification_too_small"
    assert "web is a shared-performance instance" in refused.value.fields["scheduler"][0]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("syn_proxy", True),
    ],
)
def test_options_that_no_proxy_applies_are_refused_by_name(option, value):
    with pytest.raises(Unsupported) as refused:
        check_listener_supported({option: value})
    assert refused.value.fields.keys() == {option}


@pytest.mark.parametrize(
    ("protocol", "option", "value"),
    [
        (Protocol.TCP, "idle_timeout_s", 30),
        (Protocol.TCP, "request_timeout_s", 30),
        (Protocol.TCP, "forwarded_for", False),
        (Protocol.TCP, "forwarded_proto", True),
        (Protocol.UDP, "forwarded_instance_id", True),
        (Protocol.TCP, "gzip_enabled", True),
        (Protocol.HTTP, "tls_policy", "tls_1_0"),
        (Protocol.HTTP, "http2_enabled", True),
        (Protocol.TCP, "redirect_port", 443),
        (Protocol.TCP, "sticky_enabled", True),
        (Protocol.UDP, "cookie_timeout_s", 60),
        (Protocol.HTTP, "established_timeout_s", 100),
        (Protocol.UDP, "established_timeout_s", 100),
        (Protocol.UDP, "idle_timeout_s", 30),
        (Protocol.TCP, "check_request", "ping"),
        (Protocol.HTTP, "check_expected_answer", "pong"),
    ],
)
def test_options_of_another_protocol_are_refused(protocol, option, value):
    """Nothing is stored that is not in force."""
    with pytest.raises(Unsupported) as refused:
        check_listener_supported({"protocol": protocol, option: value})
    assert refused.value.fields.keys() == {option}


def test_options_in_force_pass():
    check_listener_supported({"protocol": "http", "idle_timeout_s": 30, "forwarded_for": False})
    check_listener_supported({"protocol": "tcp", "established_timeout_s": 100})
    check_listener_supported({"protocol": "tcp", "idle_timeout_s": 15})
    check_listener_supported({"protocol": "http", "gzip_enabled": True, "redirect_port": 443})


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_pairs_serve_tcp_and_udp(protocol):
    for kind in GroupKind:
        check_group_kind(kind, protocol=protocol)


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.HTTPS])
def test_pairs_serve_nothing_else_and_the_reason_is_said(protocol):
    """S40, S127."""
    check_group_kind(GroupKind.VSERVER, protocol=protocol)
    with pytest.raises(Invalid) as refused:
        check_group_kind(GroupKind.PRIMARY_SECONDARY, protocol=protocol)
    assert "TCP and UDP" in refused.value.fields["server_group"][0]


@pytest.mark.parametrize("text", ["a b", "ä", "x" * 65, "a\n", None, 5])
@pytest.mark.parametrize("option", ["check_request", "check_expected_answer"])
def test_udp_check_texts_are_64_letters_and_digits(option, text):
    with pytest.raises(Invalid) as refused:
        check_options({option: text}, protocol=Protocol.UDP)
    assert refused.value.fields.keys() == {option}
    assert check_options({option: "Ping" * 16}, protocol=Protocol.UDP)


def test_udp_answer_needs_a_request():
    check_udp_answer("", "")
    check_udp_answer("ping", "")
    check_udp_answer("ping", "pong")
    with pytest.raises(Invalid) as refused:
        check_udp_answer("", "pong")
    assert refused.value.fields.keys() == {"check_request"}
