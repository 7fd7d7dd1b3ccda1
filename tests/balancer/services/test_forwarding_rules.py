"""Forwarding rules: what they may match, whom they may send to, and what the proxies hear (S35)."""

import pytest

from balancer.constants import DEFAULT_LIMITS
from balancer.exceptions import Conflict, Invalid, NotFound, QuotaExceeded, Stale, Unsupported
from balancer.models import ForwardingRule, Listener
from balancer.services.forwarding_rules import (
    create_forwarding_rule,
    delete_forwarding_rule,
    update_forwarding_rule,
)
from balancer.services.listeners import delete_listener, update_listener
from balancer.services.server_groups import delete_server_group
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import CheckKind, GroupKind, Protocol, SchedulerName, Sticky, StickyKind


@pytest.fixture
def group(estate):
    return estate.add_group("api")


def create(actor, estate, group, **values) -> ForwardingRule:
    options = {"name": "one", "domain": "www.example.com", "server_group": group} | values
    return create_forwarding_rule(actor=actor, listener=estate.listener, **options)


def compiled(estate):
    [listener] = compile_snapshot(estate.load_balancer, version=1).listeners
    return listener.rules


def test_rule_is_stored_recorded_and_reaches_the_proxies(actor, estate, group, recorder):
    rule = create(actor, estate, group, domain="WWW.Example.com", path="/api")
    assert (rule.domain, rule.inherits_settings) == ("www.example.com", True)
    record = recorder.entry()
    assert record.action == "forwarding_rule.created"
    assert record.after == {
        "listener": estate.listener.public_id,
        "server_group": group.public_id,
        "name": "one",
        "domain": "www.example.com",
        "path": "/api",
        "check_kind": "http",
    }
    assert recorder.published == 1
    snapshot = compile_snapshot(estate.load_balancer, version=1)
    snapshot.validate()
    assert {each.id for each in snapshot.groups} == {estate.group.public_id, group.public_id}
    [sent] = snapshot.listeners[0].rules
    assert (sent.id, sent.domain, sent.path) == (rule.public_id, "www.example.com", "/api")
    assert sent.group == group.public_id


def test_rule_inherits_or_has_settings_of_its_own(actor, estate, group, recorder):
    """slb-rpc-api.md 3.5, ListenerSync."""
    update_listener(actor=actor, listener=estate.listener, check_interval_s=7)
    rule = create(actor, estate, group)
    [sent] = compiled(estate)
    assert sent.health_check is not None
    assert (sent.health_check.interval_s, sent.sticky) == (7, None)
    update_forwarding_rule(
        actor=actor,
        rule=rule,
        inherits_settings=False,
        scheduler="round_robin",
        check_path="/ready",
        sticky_enabled=True,
        sticky_kind="insert",
        cookie_timeout_s="60",
    )
    [sent] = compiled(estate)
    assert sent.scheduler is SchedulerName.ROUND_ROBIN
    assert sent.sticky == Sticky(StickyKind.INSERT, cookie_timeout_s=60)
    assert sent.health_check is not None
    assert (sent.health_check.kind, sent.health_check.path) == (CheckKind.HTTP, "/ready")
    assert sent.health_check.interval_s == 2
    assert recorder.published == 3


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"domain": "", "path": ""}, {"domain", "path"}),
        ({"domain": "*"}, {"domain"}),
        ({"domain": "*.*.com"}, {"domain"}),
        ({"domain": "a.*.com"}, {"domain"}),
        ({"domain": "a..com"}, {"domain"}),
        ({"domain": ".com"}, {"domain"}),
        ({"domain": "-a.com"}, {"domain"}),
        ({"domain": "a.com:80"}, {"domain"}),
        ({"domain": "ä.com"}, {"domain"}),
        ({"domain": "a.com\n"}, set()),
        ({"domain": "a" * 81}, {"domain"}),
        ({"domain": 5}, {"domain"}),
        ({"path": "api"}, {"path"}),
        ({"path": "/"}, {"path"}),
        ({"path": "/" + "a" * 80}, {"path"}),
        ({"path": "/a b"}, {"path"}),
        ({"path": "/a\n"}, {"path"}),
        ({"path": "/<a>"}, {"path"}),
        ({"name": ""}, {"name"}),
        ({"name": "a" * 41}, {"name"}),
        ({"name": "a b"}, {"name"}),
        ({"name": "", "path": "api"}, {"name", "path"}),
        ({"colour": "red"}, {"colour"}),
        ({"scheduler": "source_hash"}, {"scheduler"}),
        ({"check_kind": "tcp"}, {"check_kind"}),
        ({"check_request": "ping"}, {"check_request"}),
        ({"check_interval_s": 51}, {"check_interval_s"}),
        ({"sticky_enabled": True}, {"sticky_kind"}),
        ({"sticky_enabled": True, "sticky_kind": "rewrite"}, {"cookie_name"}),
    ],
)
def test_bad_values_are_named(actor, estate, group, recorder, values, fields):
    """slb-rpc-api.md 3.5 and console-ui.md 2.6, F11.2; a line end around a domain is no part."""
    if not fields:
        assert create(actor, estate, group, **values).domain == "a.com"
        return
    with pytest.raises(Invalid) as refused:
        create(actor, estate, group, **values)
    assert refused.value.fields.keys() == fields
    recorder.assert_nothing_happened()


@pytest.mark.parametrize(
    "values",
    [
        {"domain": "*.example.com"},
        {"domain": "localhost"},
        {"domain": "", "path": "/a-1/.%20?x#y&z"},
        {"name": "a/b-c.d_9" + "x" * 31},
    ],
)
def test_good_values_are_taken(actor, estate, group, values):
    assert create(actor, estate, group, **values).pk


def test_same_match_or_name_twice_is_refused(actor, estate, group, recorder):
    first = create(actor, estate, group, path="/a")
    assert recorder.published == 1
    with pytest.raises(Conflict, match="one matches www.example.com/a already") as refused:
        create(actor, estate, group, name="two", domain="WWW.example.com", path="/a")
    assert refused.value.details["rule"] == first.public_id
    with pytest.raises(Invalid) as same_name:
        create(actor, estate, group, path="/b")
    assert same_name.value.fields.keys() == {"name"}
    assert recorder.published == 1


def test_rule_sends_to_vserver_groups_of_its_own_instance_only(actor, estate, recorder):
    other = estate.add_load_balancer("127.88.0.2")
    foreign = other.server_groups.get()
    pair = estate.add_group("pair")
    pair.kind = GroupKind.PRIMARY_SECONDARY
    pair.save()
    gone = estate.add_group("gone")
    type(gone).objects.filter(pk=gone.pk).delete()
    for group in (foreign, pair, gone, estate.group):
        with pytest.raises(Invalid) as refused:
            create(actor, estate, group)
        assert refused.value.fields.keys() == {"server_group"}
    recorder.assert_nothing_happened()


def test_only_listeners_that_read_requests_and_ask_servers_have_rules(actor, estate, group):
    for protocol in (Protocol.TCP, Protocol.UDP):
        listener = Listener.objects.create(
            load_balancer=estate.load_balancer, protocol=protocol, port=9000, name=protocol
        )
        with pytest.raises(Invalid) as refused:
            create_forwarding_rule(
                actor=actor, listener=listener, name="x", path="/a", server_group=group
            )
        assert refused.value.code == "rules_not_supported"
    estate.listener.redirect_port = 443
    estate.listener.save()
    with pytest.raises(Conflict) as conflict:
        create(actor, estate, group)
    assert conflict.value.code == "listener_redirects"


def test_listener_with_rules_cannot_be_made_to_redirect(actor, estate, group):
    Listener.objects.create(
        load_balancer=estate.load_balancer, protocol=Protocol.HTTPS, port=443, name="https"
    )
    create(actor, estate, group)
    with pytest.raises(Conflict) as refused:
        update_listener(actor=actor, listener=estate.listener, redirect_port=443)
    assert refused.value.code == "listener_has_rules"


def test_the_41st_rule_is_refused(actor, estate, group, recorder):
    limit = DEFAULT_LIMITS["rules_per_listener"]
    ForwardingRule.objects.bulk_create(
        ForwardingRule(listener=estate.listener, name=f"r{at}", path=f"/{at}", server_group=group)
        for at in range(limit)
    )
    with pytest.raises(QuotaExceeded) as refused:
        create(actor, estate, group)
    assert refused.value.details["limit"] == limit == 40
    recorder.assert_nothing_happened()


@pytest.mark.parametrize("field", ["domain", "path", "listener", "public_id"])
def test_what_a_rule_matches_stays(actor, estate, group, field):
    rule = create(actor, estate, group)
    with pytest.raises(Invalid) as refused:
        update_forwarding_rule(actor=actor, rule=rule, **{field: "/x"})
    assert refused.value.fields.keys() == {field}


def test_change_is_recorded_checked_for_freshness_and_none_when_nothing_differs(
    actor, estate, group, recorder
):
    rule = create(actor, estate, group)
    other = estate.add_group("other")
    update_forwarding_rule(actor=actor, rule=rule, expected=1, server_group=other, name="one")
    record = recorder.entries()[-1]
    assert (record.before, record.after) == (
        {"server_group": group.public_id},
        {"server_group": other.public_id},
    )
    update_forwarding_rule(actor=actor, rule=rule, server_group=other)
    assert recorder.published == 2
    with pytest.raises(Stale):
        update_forwarding_rule(actor=actor, rule=rule, expected=1, name="two")


def test_delete_is_recorded_and_the_group_stays(actor, estate, group, recorder):
    rule = create(actor, estate, group)
    delete_forwarding_rule(actor=actor, rule=rule)
    assert recorder.entries()[-1].action == "forwarding_rule.deleted"
    assert recorder.published == 2
    group.refresh_from_db()
    for act in (delete_forwarding_rule, update_forwarding_rule):
        with pytest.raises(NotFound):
            act(actor=actor, rule=rule)


def test_group_of_a_rule_stays_until_the_rule_is_gone(actor, estate, group):
    """F7.2: the refusal names the rule."""
    create(actor, estate, group, path="/api")
    with pytest.raises(Conflict, match="one: www.example.com/api") as refused:
        delete_server_group(actor=actor, group=group)
    assert [each["type"] for each in refused.value.details["users"]] == ["rule"]
    delete_listener(actor=actor, listener=estate.listener)
    assert not ForwardingRule.objects.exists()
    delete_server_group(actor=actor, group=group)


def test_option_of_udp_checks_is_no_option_of_a_rule(actor, estate, group):
    rule = create(actor, estate, group)
    with pytest.raises(Unsupported):
        update_forwarding_rule(actor=actor, rule=rule, check_expected_answer="pong")
