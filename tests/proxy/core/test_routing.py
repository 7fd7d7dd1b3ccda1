"""Which rule takes a request: S35, slb-rpc-api.md 5.3, console-ui.md 2.6 (match order)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.routing import RuleTable
from proxy.snapshot import ForwardingRule, SchedulerName


def rule(match: str) -> ForwardingRule:
    """Return a rule that is named by what it matches."""
    domain, slash, path = match.partition("/")
    scheduler = SchedulerName.WEIGHTED_ROUND_ROBIN
    return ForwardingRule(match, domain, slash + path, "rsp", scheduler, None)


def table(*matches: str) -> RuleTable:
    return RuleTable(rule(match) for match in matches)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param(b"a.b.com", "a.b.com", id="exact"),
        pytest.param(b"x.a.b.com", "*.a.b.com", id="narrowest-wildcard"),
        pytest.param(b"y.x.a.b.com", "*.a.b.com", id="wildcard-of-two-levels"),
        pytest.param(b"x.b.com", "*.b.com", id="wider-wildcard"),
        pytest.param(b"b.com", None, id="a-wildcard-is-not-its-own-domain"),
        pytest.param(b"xb.com", None, id="a-wildcard-ends-at-a-label"),
        pytest.param(b"A.b.COM", "a.b.com", id="letter-case"),
        pytest.param(b"a.b.com:8080", "a.b.com", id="port"),
        pytest.param(b"a.b.com.", "a.b.com", id="root-dot"),
        pytest.param(b"a.b.com.:80", "a.b.com", id="root-dot-and-port"),
        pytest.param(b"[::1]:80", None, id="ipv6-literal"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="none"),
        pytest.param(b"x." * 20_000 + b"b.com", None, id="longer-than-any-name"),
    ],
)
def test_exact_domain_then_the_narrowest_wildcard(host, expected):
    rules = table("*.b.com", "a.b.com", "*.a.b.com")
    assert rules.find(host, b"/") == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(b"/api/v1/users", "a.com/api/v1", id="longest"),
        pytest.param(b"/api", "a.com/api", id="equal"),
        pytest.param(b"/apix", "a.com/api", id="plain-text-prefix"),
        pytest.param(b"/API", "a.com", id="case-matters-in-paths"),
        pytest.param(b"/api?q=/api/v1", "a.com/api", id="query-is-not-path"),
        pytest.param(b"/find?kind=a", "a.com/find?kind=a", id="rule-with-a-query"),
        pytest.param(b"*", "a.com", id="asterisk-form"),
    ],
)
def test_longest_path_within_a_domain(target, expected):
    rules = table("a.com", "a.com/api", "a.com/api/v1", "a.com/find?kind=a")
    assert rules.find(b"a.com", target) == expected


def test_domain_decides_before_the_path():
    rules = table("/images/large", "*.b.com/images", "a.b.com/im")
    assert rules.find(b"a.b.com", b"/images/large/1") == "a.b.com/im"
    assert rules.find(b"c.b.com", b"/images/large/1") == "*.b.com/images"
    assert rules.find(b"other", b"/images/large/1") == "/images/large"


def test_domain_without_a_fitting_path_passes_on_to_wider_ones():
    rules = table("a.b.com/one", "*.b.com/two", "*.com", "/four")
    assert rules.find(b"a.b.com", b"/two") == "*.b.com/two"
    assert rules.find(b"a.b.com", b"/three") == "*.com"
    assert table("a.b.com/one", "/four").find(b"a.b.com", b"/four") == "/four"
    assert table("a.b.com/one").find(b"a.b.com", b"/four") is None


LABELS = st.sampled_from(["a", "b", "com"])
DOMAINS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
PATHS = st.lists(st.sampled_from(["/a", "/b", "c"]), max_size=3).map(
    lambda parts: "/" + "".join(parts) if parts else ""
)
MATCHES = st.tuples(st.one_of(st.just(""), DOMAINS, DOMAINS.map("*.{}".format)), PATHS)


def rank(match: tuple[str, str], host: str, target: str) -> tuple[int, int, int] | None:
    """Return how good a rule is for a request, None when it does not match: the plain reading."""
    domain, path = match
    if not target.startswith(path):
        return None
    if not domain:
        return (0, 0, len(path))
    if domain.startswith("*."):
        return (1, len(domain), len(path)) if host.endswith(domain[1:]) else None
    return (2, 0, len(path)) if host == domain else None


@given(st.sets(MATCHES.filter(any), max_size=8).map(list), DOMAINS, PATHS, st.randoms())
def test_look_up_agrees_with_the_plain_reading_in_any_order(matches, host, path, random):
    target = path or "/"
    random.shuffle(matches)
    ranked = [(rank(each, host, target), each) for each in matches]
    best = max(((how, each) for how, each in ranked if how is not None), default=None)
    found = table(*("".join(each) for each in matches)).find(host.encode(), target.encode())
    assert found == (None if best is None else "".join(best[1]))
