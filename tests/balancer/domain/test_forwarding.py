"""The tester's reading of rules is that of the proxies (console-ui.md 2.6)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balancer.domain.forwarding import find_match, match_order, split_url
from proxy.core.routing import RuleTable
from proxy.snapshot import ForwardingRule, SchedulerName

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
LABELS = st.sampled_from(["a", "b", "com"])
DOMAINS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
PATHS = st.lists(st.sampled_from(["/a", "/b", "c"]), max_size=3).map(
    lambda parts: "/" + "".join(parts) if parts else ""
)
MATCHES = st.tuples(st.one_of(st.just(""), DOMAINS, DOMAINS.map("*.{}".format)), PATHS)


def rule(at: int, domain: str, path: str) -> ForwardingRule:
    scheduler = SchedulerName.WEIGHTED_ROUND_ROBIN
    return ForwardingRule(str(at), domain, path, "rsp", scheduler, None)


@UNHURRIED
@given(st.sets(MATCHES.filter(any), max_size=8).map(list), DOMAINS, PATHS)
def test_tester_and_proxy_agree(matches, host, path):
    target = path or "/"
    table = RuleTable(rule(at, *each) for at, each in enumerate(matches))
    found = table.find(host.encode(), target.encode())
    assert find_match(matches, host, target) == (None if found is None else int(found))


@UNHURRIED
@given(st.sets(MATCHES.filter(any), max_size=8).map(list), DOMAINS, PATHS)
def test_first_in_the_shown_order_that_fits_is_the_one(matches, host, path):
    ordered = sorted(matches, key=lambda each: match_order(*each))
    at = find_match(ordered, host, path or "/")
    assert at is None or find_match(ordered[:at], host, path or "/") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("a.example", ("a.example", "/")),
        ("http://A.example:80/b?c=/d#e", ("a.example", "/b?c=/d")),
        ("https://user@a.example./b", ("a.example", "/b")),
        ("a.example?b=1", ("a.example", "/?b=1")),
        ("/b", ("", "/b")),
        ("", ("", "/")),
    ],
)
def test_address_is_read_as_people_write_it(url, expected):
    assert split_url(url) == expected
