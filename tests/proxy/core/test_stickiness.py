"""Cookies that keep sessions: what is read in requests, what responses say (slb-rpc-api.md 5.6)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.http.request_reader import RequestReader
from proxy.core.http.response_reader import ResponseReader
from proxy.core.marks import MARK_CHARACTERS, Marks
from proxy.core.stickiness import MAX_MARKS_READ, Session, Stickiness
from proxy.snapshot import Sticky, StickyKind

NOW = 1_800_000_000.0
KEY = b"key of the tests"
SERVERS = ["bs-1", "bs-2", "bs-3"]
TIMEOUT_S = 100
INSERT = Sticky(StickyKind.INSERT, cookie_timeout_s=TIMEOUT_S)
REWRITE = Sticky(StickyKind.REWRITE, cookie_name="sid")


def stickiness(sticky: Sticky = INSERT, key: bytes = KEY, *, is_secure: bool = False):
    return Stickiness(sticky, Marks(key, SERVERS), is_secure=is_secure)


def request(*cookies: bytes):
    reader = RequestReader()
    lines = b"".join(b"Cookie: %b\r\n" % cookie for cookie in cookies)
    reader.receive(b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n" + lines + b"\r\n")
    head = reader.next_head()
    assert head is not None
    return head


def response(status: int = 200, lines: bytes = b""):
    reader = ResponseReader()
    reader.receive(b"HTTP/1.1 %d X\r\n%bContent-Length: 0\r\n\r\n" % (status, lines))
    head = reader.next_head()
    assert head is not None
    return head


def mark_of(server: str, at: float = NOW, key: bytes = KEY) -> bytes:
    return Marks(key, SERVERS).write(server, at)


def value_set(head) -> bytes:
    """Return the value of the one cookie that the response sets."""
    [value] = re.findall(rb"Set-Cookie: [^=]+=([^;\r]*)", head.fields.lines)
    return value


# --- marks ---------------------------------------------------------------------------------------


def test_mark_is_read_by_every_proxy_with_the_key_and_names_nobody():
    mark = mark_of("bs-2")
    assert Marks(KEY, list(reversed(SERVERS))).read(mark) == ("bs-2", NOW)
    assert b"bs-2" not in mark
    assert len(mark) == MARK_CHARACTERS


def test_mark_of_another_key_or_of_a_server_that_is_gone_is_none():
    assert Marks(b"another key", SERVERS).read(mark_of("bs-2")) is None
    assert Marks(KEY, ["bs-1"]).read(mark_of("bs-2")) is None


@given(st.integers(0, MARK_CHARACTERS - 1), st.characters(codec="ascii"))
def test_changed_mark_is_none(at, character):
    mark = mark_of("bs-1").decode()
    changed = mark[:at] + character + mark[at + 1 :]
    # The decoder takes the signs of both alphabets for the same.
    same = str.maketrans("+/", "-_")
    if changed.translate(same) != mark:
        assert Marks(KEY, SERVERS).read(changed.encode()) is None


@given(st.binary(max_size=2 * MARK_CHARACTERS))
def test_anything_else_is_no_mark(data):
    assert Marks(KEY, SERVERS).read(data) is None


def test_names_are_kept_from_one_plan_to_the_next_but_not_over_a_change_of_the_key():
    before = Marks(KEY, SERVERS)
    assert Marks(KEY, ["bs-2", "bs-4"], before).read(mark_of("bs-2")) == ("bs-2", NOW)
    assert Marks(b"new", SERVERS, before).read(mark_of("bs-2")) is None


# --- an inserted cookie --------------------------------------------------------------------------


def test_first_response_sets_the_cookie_with_its_attributes():
    cookies = stickiness()
    head, session = cookies.read(request(), NOW)
    assert session == Session()
    marked = cookies.mark(response(), session, "bs-2", NOW)
    assert marked.fields.lines == (
        b"Set-Cookie: SERVERID=%b; Max-Age=100; Path=/; HttpOnly; SameSite=Lax\r\n"
        % mark_of("bs-2")
    )
    head, session = cookies.read(request(b"SERVERID=" + value_set(marked)), NOW)
    assert session.server == "bs-2"


def test_cookie_of_a_client_over_tls_is_secure():
    marked = stickiness(is_secure=True).mark(response(), Session(), "bs-2", NOW)
    assert marked.fields.lines.endswith(b"; SameSite=Lax; Secure\r\n")


def test_server_does_not_see_our_cookie():
    head, _ = stickiness().read(request(b"a=1; SERVERID=" + mark_of("bs-1") + b"; b=2"), NOW)
    assert head.fields.lines == b"X-A: 1\r\nCookie: a=1; b=2\r\n"
    assert b"SERVERID" not in head.fields.spliced
    assert b"Cookie: a=1; b=2\r\n" in head.fields.spliced
    head, session = stickiness().read(request(b"SERVERID=nonsense"), NOW)
    assert b"ookie" not in head.fields.spliced
    assert session.server is None


@pytest.mark.parametrize(
    ("age_s", "is_known", "is_set"),
    [
        pytest.param(0, True, False, id="new"),
        pytest.param(49, True, False, id="first-half"),
        pytest.param(51, True, True, id="second-half-renews"),
        pytest.param(101, False, True, id="over"),
        pytest.param(-5, True, True, id="from-a-proxy-whose-clock-is-ahead"),
    ],
)
def test_cookie_lives_as_long_as_its_timeout_and_is_renewed_in_use(age_s, is_known, is_set):
    cookies = stickiness()
    _, session = cookies.read(request(b"SERVERID=" + mark_of("bs-1", NOW - age_s)), NOW)
    assert session.server == ("bs-1" if is_known else None)
    marked = cookies.mark(response(), session, "bs-1", NOW)
    assert (b"Set-Cookie" in marked.fields.lines) is is_set


def test_another_server_than_the_one_named_is_told_at_once():
    cookies = stickiness()
    _, session = cookies.read(request(b"SERVERID=" + mark_of("bs-1")), NOW)
    assert value_set(cookies.mark(response(), session, "bs-3", NOW)) == mark_of("bs-3")


def test_forged_cookie_is_answered_by_a_new_one():
    cookies = stickiness()
    _, session = cookies.read(request(b"SERVERID=" + mark_of("bs-1", key=b"guessed")), NOW)
    assert session == Session()
    assert value_set(cookies.mark(response(), session, "bs-3", NOW)) == mark_of("bs-3")


def test_first_good_one_of_a_few_cookies_counts_and_no_more_are_looked_at():
    good = b"SERVERID=" + mark_of("bs-1")
    bad = b"SERVERID=no"
    _, session = stickiness().read(request(b"; ".join([bad, good])), NOW)
    assert session.server == "bs-1"
    head, session = stickiness().read(request(b"; ".join([bad] * MAX_MARKS_READ + [good])), NOW)
    assert session.server is None
    assert b"SERVERID" not in head.fields.spliced


def test_two_listeners_on_one_host_keep_their_sessions_in_one_cookie():
    """Browsers know no ports in cookies (RFC 6265 section 8.5); the name is always SERVERID."""
    here, there = stickiness(), Stickiness(INSERT, Marks(KEY, ["bs-8", "bs-9"]), is_secure=False)
    _, session = here.read(request(), NOW)
    value = value_set(here.mark(response(), session, "bs-1", NOW))
    _, session = there.read(request(b"SERVERID=" + value), NOW)
    assert session.server is None
    value = value_set(there.mark(response(), session, "bs-9", NOW))
    for age_s in range(5):  # neither replaces the other again
        cookie = request(b"SERVERID=" + value)
        for cookies, server in ((here, "bs-1"), (there, "bs-9")):
            head, session = cookies.read(cookie, NOW + age_s)
            assert b"SERVERID" not in head.fields.spliced
            assert session.server == server
            marked = cookies.mark(response(), session, server, NOW + age_s)
            assert b"Set-Cookie" not in marked.fields.lines
    _, session = here.read(cookie, NOW + 60)
    value = value_set(here.mark(response(), session, "bs-1", NOW + 60))
    assert there.read(request(b"SERVERID=" + value), NOW + 60)[1].server == "bs-9"


def test_marks_of_others_are_few_signed_and_not_older_than_any_session():
    other = Marks(KEY, [f"x-{number}" for number in range(9)])
    written = [other.write(f"x-{number}", NOW - number) for number in range(9)]
    old, forged = other.write("x-0", NOW - 86400), Marks(b"guessed", ["x"]).write("x", NOW)
    cookies = stickiness()
    _, session = cookies.read(request(b"SERVERID=" + b".".join(written)), NOW)
    assert session.others == tuple(written[: MAX_MARKS_READ - 1])
    value = value_set(cookies.mark(response(), session, "bs-1", NOW))
    assert len(value) < MAX_MARKS_READ * (MARK_CHARACTERS + 1)
    _, session = cookies.read(request(b"SERVERID=" + b".".join([old, forged, b"", b"x"])), NOW)
    assert session == Session()


def test_browser_keeps_the_cookie_as_long_as_the_longest_session_in_it():
    cookies = Stickiness(INSERT, Marks(KEY, SERVERS), is_secure=False, lifetime_s=5000)
    marked = cookies.mark(response(), Session(), "bs-1", NOW)
    assert b"; Max-Age=5000;" in marked.fields.lines
    _, session = cookies.read(request(b"SERVERID=" + value_set(marked)), NOW + TIMEOUT_S + 1)
    assert session.server is None, "here it lives no longer than its own timeout"


def test_cookie_is_not_inserted_into_4xx_answers():
    marked = stickiness().mark(response(404), Session(), "bs-1", NOW)
    assert b"Set-Cookie" not in marked.fields.lines
    assert b"Set-Cookie" in stickiness().mark(response(500), Session(), "bs-1", NOW).fields.lines


def test_cookie_of_a_server_that_takes_our_name_is_left_out():
    lines = b"Set-Cookie: SERVERID=mine\r\nSet-Cookie: a=1\r\n"
    known = Session("bs-1", is_fresh=True)
    marked = stickiness().mark(response(200, lines), known, "bs-1", NOW)
    assert marked.fields.lines == b"Set-Cookie: a=1\r\n"


# --- a rewritten cookie --------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"abc", b"", b'"quoted value"', b"~odd~", b"a=b~c"])
def test_mark_stands_before_the_value_and_is_gone_for_the_server(value):
    cookies = stickiness(REWRITE)
    lines = b"Set-Cookie: sid=%b; Path=/app; Secure\r\nSet-Cookie: other=1\r\n" % value
    marked = cookies.mark(response(200, lines), Session(), "bs-2", NOW)
    assert marked.fields.lines.endswith(b"; Path=/app; Secure\r\nSet-Cookie: other=1\r\n")
    given_to_client = re.findall(rb"sid=([^;]*)", marked.fields.lines)[0]
    assert given_to_client.startswith(b'"') is value.startswith(b'"')
    head, session = cookies.read(request(b"a=1; sid=" + given_to_client), NOW + 10**6)
    assert head.fields.lines == b"X-A: 1\r\nCookie: a=1; sid=%b\r\n" % value
    assert session == Session("bs-2", is_fresh=True, value=value)


def test_value_that_bears_no_mark_reaches_the_server_as_it_is():
    token = b"e" * MARK_CHARACTERS + b".payload.signature"
    head, session = stickiness(REWRITE).read(request(b"sid=" + token), NOW)
    assert b"sid=" + token in head.fields.lines
    assert session == Session(value=token)


def test_mark_of_another_key_does_not_reach_the_server_either():
    old = b"~" + mark_of("bs-1", key=b"old key") + b"~"
    head, session = stickiness(REWRITE).read(request(b"sid=" + old + b"abc"), NOW)
    assert b"Cookie: sid=abc\r\n" in head.fields.lines
    assert session == Session(value=b"abc")


def test_session_that_moves_is_told_even_when_the_application_sets_nothing():
    """A dead server's cookie is answered by a new one in one hop."""
    cookies = stickiness(REWRITE)
    _, session = cookies.read(request(b"sid=~" + mark_of("bs-1") + b"~abc"), NOW)
    assert b"Set-Cookie" not in cookies.mark(response(), session, "bs-1", NOW).fields.lines
    moved = cookies.mark(response(), session, "bs-3", NOW)
    expected = b"Set-Cookie: sid=~%b~abc; Path=/; HttpOnly; SameSite=Lax\r\n" % mark_of("bs-3")
    assert moved.fields.lines == expected


def test_application_that_has_no_session_gets_no_cookie_from_us():
    cookies = stickiness(REWRITE)
    _, session = cookies.read(request(b"a=1"), NOW)
    assert cookies.mark(response(), session, "bs-1", NOW).fields.lines == b""
