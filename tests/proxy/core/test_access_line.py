"""Lines of the access log: one JSON object each, whatever clients and servers say."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.access_line import MAX_TEXT, json_text, milliseconds, plain_text


@given(st.binary())
def test_any_bytes_become_one_json_string_of_printable_ascii(value):
    text = json_text(value)
    assert re.fullmatch(rb"[\x20-\x7e]*", text)
    assert isinstance(json.loads(text), str)


@given(st.text())
def test_text_comes_back_as_it_was(value):
    if len(value) <= MAX_TEXT:
        assert json.loads(json_text(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param(b'/a"b\\c', '/a"b\\c', id="quotes-and-backslashes"),
        pytest.param(b"/\xff\r\n{}", "/\\xff\r\n{}", id="not-utf-8-and-line-ends"),
        pytest.param("/ü".encode(), "/ü", id="utf-8"),
        pytest.param(b"x" * (MAX_TEXT + 1), "x" * MAX_TEXT + "...", id="too-long"),
        pytest.param(b"x" * MAX_TEXT, "x" * MAX_TEXT, id="longest"),
    ],
)
def test_value_as_it_is_read_back(value, expected):
    assert json.loads(json_text(value)) == expected


def test_hostile_text_does_not_grow_without_bound():
    """The worst are bytes that are not UTF-8: four characters each, one of them with an escape."""
    assert len(json_text(b"\xff" * 100_000)) <= 5 * (MAX_TEXT + 4)


def test_plain_text_is_cut_in_the_same_way():
    assert plain_text(b"/" * MAX_TEXT) == b"/" * MAX_TEXT
    assert plain_text(b"/" * (MAX_TEXT + 1)) == b"/" * MAX_TEXT + b"..."


def test_time_has_three_decimals_and_none_is_null():
    assert milliseconds(0.0123456) == b"12.346"
    assert milliseconds(None) == b"null"
