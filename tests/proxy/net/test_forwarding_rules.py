"""Forwarding rules through real sockets: which group's server gets the request (S35)."""

import pytest

from proxy.snapshot import ForwardingRule, SchedulerName, Sticky, StickyKind
from tests.proxy.net.answering import ask
from tests.proxy.net.http_scene import Scene

ROBIN = SchedulerName.WEIGHTED_ROUND_ROBIN


def rule(id_: str, domain: str, path: str, group: str, **options: object) -> ForwardingRule:
    values = {"scheduler": ROBIN, "health_check": None} | options
    return ForwardingRule(id_, domain, path, group, **values)  # type: ignore[arg-type]


RULES = (
    rule("rule-api", "a.example", "/api", "rsp-api"),
    rule("rule-wild", "*.example", "", "rsp-wild"),
    rule("rule-empty", "empty.example", "", "rsp-empty"),
)
GROUPS = {"rsp-1": [0], "rsp-api": [1], "rsp-wild": [2], "rsp-empty": []}


@pytest.fixture
def scene():
    with Scene(servers=4, groups=GROUPS, rules=RULES) as made:
        yield made


@pytest.mark.parametrize(
    ("line", "host", "expected"),
    [
        pytest.param(b"GET /api/1", b"a.example", 1, id="domain-and-path"),
        pytest.param(b"GET /other", b"a.example", 2, id="wildcard-takes-what-is-left"),
        pytest.param(b"GET /", b"B.Example:8080", 2, id="wildcard-port-and-case"),
        pytest.param(b"GET /api", b"elsewhere", 0, id="no-rule"),
        pytest.param(b"GET http://a.example/api", b"elsewhere", 1, id="absolute-form"),
        pytest.param(b"OPTIONS *", b"a.example", 2, id="asterisk-form"),
    ],
)
def test_request_goes_to_the_group_of_its_rule(scene, line, host, expected):
    client = scene.connect()
    assert ask(scene, client, line + b" HTTP/1.1\r\nHost: " + host + b"\r\n")[0] == expected


def test_requests_of_one_connection_go_where_each_belongs(scene):
    client = scene.connect()
    heads = [
        b"GET /api HTTP/1.1\r\nHost: a.example\r\n",
        b"GET / HTTP/1.1\r\nHost: a.example\r\n",
        b"GET / HTTP/1.1\r\nHost: other\r\n",
    ]
    assert [ask(scene, client, head)[0] for head in heads * 2] == [1, 2, 0] * 2


def test_http_1_0_without_a_host_is_of_no_domain(scene):
    assert ask(scene, scene.connect(), b"GET /api HTTP/1.0\r\n")[0] == 0


def test_rule_whose_group_is_empty_answers_itself(scene):
    client = scene.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: empty.example\r\n\r\n")
    head, _ = client.wait_for_response()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"X-OpenCLB-Reason: no_servers\r\n" in head
    assert ask(scene, client, b"GET / HTTP/1.1\r\nHost: other\r\n")[0] == 0


def test_retry_stays_in_the_rules_group():
    groups = {"rsp-1": [0], "rsp-api": [1, 2]}
    with Scene(servers=3, groups=groups, rules=(RULES[0],)) as scene:
        scene.servers[1].close()
        for _ in range(4):
            client = scene.connect()
            head = b"GET /api HTTP/1.1\r\nHost: a.example\r\n"
            assert ask(scene, client, head)[0] == 2
        scene.servers[2].close()
        for peer in scene.servers[2].accepted:
            peer.close()
        client = scene.connect()
        client.send(b"GET /api HTTP/1.1\r\nHost: a.example\r\n\r\n")
        head, _ = client.wait_for_response()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"X-OpenCLB-Reason: connect_failed\r\n" in head


def test_rule_has_a_scheduler_of_its_own():
    rules = (rule("rule-1", "a.example", "", "rsp-2", scheduler=SchedulerName.ROUND_ROBIN),)
    with Scene(servers=4, groups={"rsp-1": [0, 1], "rsp-2": [2, 3]}, rules=rules) as scene:
        scene.adopt_weights([100, 50, 100, 50])
        client = scene.connect()
        heads = [b"GET / HTTP/1.1\r\nHost: %b\r\n" % host for host in (b"a.example", b"other")]
        ruled = [ask(scene, client, heads[0])[0] for _ in range(6)]
        others = [ask(scene, client, heads[1])[0] for _ in range(6)]
        assert sorted(ruled) == [2, 2, 2, 3, 3, 3]
        assert sorted(others) == [0, 0, 0, 0, 1, 1]


def test_rule_that_is_added_or_removed_counts_from_the_next_request_on(scene):
    client = scene.connect()
    head = b"GET /api HTTP/1.1\r\nHost: a.example\r\n"
    assert ask(scene, client, head)[0] == 1
    scene.adopt_weights([100] * 4, rules=())
    assert ask(scene, client, head)[0] == 0
    scene.adopt_weights([100] * 4, rules=(rule("rule-new", "", "/api", "rsp-wild"),))
    assert ask(scene, client, head)[0] == 2
    # Nothing is counted as open that is not.
    assert all(each["active"] == 0 for each in scene.service.report()["servers"].values())


def test_sessions_of_the_listener_and_of_a_rule_do_not_disturb_each_other():
    """Both have cookies, for a client goes to and fro between them."""
    sticky = Sticky(StickyKind.INSERT, cookie_timeout_s=60)
    rules = (rule("rule-1", "", "/api", "rsp-2", sticky=sticky),)
    groups = {"rsp-1": [0, 1], "rsp-2": [2, 3]}
    with Scene(servers=4, groups=groups, rules=rules, sticky=sticky) as scene:
        client = scene.connect()
        jar: dict[bytes, bytes] = {}
        seen = []
        for target in [b"/", b"/api"] * 4:
            cookies = b"; ".join(b"%b=%b" % item for item in jar.items())
            head = b"GET %b HTTP/1.1\r\nHost: a\r\nCookie: x=1; %b\r\n" % (target, cookies)
            at, _, answer = ask(scene, client, head)
            seen.append(at)
            if b"Set-Cookie: " in answer:
                pair = answer.partition(b"Set-Cookie: ")[2].partition(b";")[0]
                name, _, value = pair.partition(b"=")
                jar[name] = value
        assert seen == seen[:2] * 4
        assert len(jar) == 2
