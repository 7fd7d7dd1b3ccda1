"""Editing of cookies in header lines: one name is touched, all else stays byte for byte."""

import pytest

from proxy.core.http.cookies import edit_cookies, edit_set_cookies


def take_out(value: bytes) -> None:
    return None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(b"Cookie: sid=1\r\nA: b\r\n", b"A: b\r\n", id="only-one"),
        pytest.param(b"Cookie: sid=1; b=2\r\n", b"Cookie: b=2\r\n", id="first"),
        pytest.param(b"cOOkie:b=2;sid=1;  c=3\r\n", b"cOOkie: b=2;  c=3\r\n", id="between"),
        pytest.param(b"Cookie: sid=1; sid=2\r\n", b"", id="twice"),
        pytest.param(b"Cookie: a=sid=1; xsid=2\r\n", b"Cookie: a=sid=1; xsid=2\r\n", id="others"),
        pytest.param(b"Cookie: SID=1\r\n", b"Cookie: SID=1\r\n", id="names-have-case"),
        pytest.param(b"Cookie: sid =1\r\n", b"Cookie: sid =1\r\n", id="space-in-the-pair"),
        pytest.param(b"X: sid=1\r\n", b"X: sid=1\r\n", id="another-field"),
        pytest.param(b"Cookie: a=1\r\nCookie: sid=2\r\n", b"Cookie: a=1\r\n", id="two-lines"),
        pytest.param(b"Cookie: sid\r\n", b"Cookie: sid\r\n", id="no-pair"),
    ],
)
def test_cookie_is_taken_out_of_a_request(lines, expected):
    assert edit_cookies(lines, b"sid", take_out) == expected


def test_values_are_edited_in_place():
    lines = b"Cookie: a=1; sid=x; b=2\r\n"
    assert edit_cookies(lines, b"sid", lambda value: value * 2) == b"Cookie: a=1; sid=xx; b=2\r\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            b"Set-Cookie: sid=x; Path=/\r\n", b"Set-Cookie: sid=<x>; Path=/\r\n", id="one"
        ),
        pytest.param(b"set-cookie:sid=\r\n", b"set-cookie: sid=<>\r\n", id="empty"),
        pytest.param(b"Set-Cookie: a=sid\r\n", b"Set-Cookie: a=sid\r\n", id="another"),
        pytest.param(b"Set-Cookie: b=1; sid=2\r\n", b"Set-Cookie: b=1; sid=2\r\n", id="attribute"),
        pytest.param(b"Cookie: sid=x\r\n", b"Cookie: sid=x\r\n", id="not-set"),
    ],
)
def test_cookie_that_a_response_sets_is_edited(lines, expected):
    assert edit_set_cookies(lines, b"sid", lambda value: b"<%b>" % value) == expected
