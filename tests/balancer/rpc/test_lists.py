"""Lists inside a parameter, as different clients write them (traps 6 and 7)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.rpc.lists import Malformed, read_list, read_objects

ONE = [{"serverid": "i-1", "weight": "100"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('[{"ServerId":"i-1","Weight":"100"}]', ONE, id="json"),
        pytest.param("[{'ServerId':'i-1','Weight':'100'}]", ONE, id="terraform"),
        pytest.param("[{'ServerId': 'i-1', 'Weight': '100'}, ]", ONE, id="trailing-comma"),
        pytest.param("[{'serverId':'i-1','WEIGHT':'100'}]", ONE, id="any-case"),
        pytest.param('{"ServerId":"i-1","Weight":"100"}', ONE, id="one-object"),
        pytest.param("[{'a': 1, 'b': True, 'c': None}]", [{"a": 1, "b": True}], id="repr"),
        pytest.param('[{"a": 1, "b": null}]', [{"a": 1}], id="null-is-absent"),
        pytest.param("[{'a': 'it\\'s'}]", [{"a": "it's"}], id="escaped-quote"),
        pytest.param("[{'a': \"it's\"}]", [{"a": "it's"}], id="other-quote"),
        pytest.param("[]", [], id="empty-list"),
        pytest.param("", [], id="nothing"),
        pytest.param("  ", [], id="blanks"),
    ],
)
def test_objects_are_read(text, expected):
    assert read_objects(text) == expected


@pytest.mark.parametrize("text", ["['rule-x']", '["rule-x"]', "[ 'rule-x' , ]"])
def test_texts_are_read(text):
    assert read_list(text) == ["rule-x"]


@pytest.mark.parametrize(
    "text",
    [
        "[{",
        "[{'a':}]",
        "[{'a' 1}]",
        "[{a: 1}]",
        "['a' 'b']",
        "[1] x",
        "[1.5]",
        "[1e3]",
        "[NaN]",
        "['open]",
        "[__import__('os')]",
        "[" * 5000,
        '[{"a": ' * 100,
        '["\\ud800"]',
        '["\\u0000"]',
        "['\\u0000']",
        "[" + "9" * 5000 + "]",
        "x" * 70_000,
    ],
)
def test_what_is_no_list_is_refused(text):
    with pytest.raises(Malformed):
        read_objects(text)


@given(st.text(alphabet="[]{}'\":,\\ab1- \n", max_size=60))
def test_no_text_breaks_the_reader(text):
    with contextlib.suppress(Malformed):
        read_objects(text)


@given(st.lists(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 99) | st.text("x' \""))))
def test_the_representation_of_python_is_understood(members):
    assert read_objects(repr(members)) == [dict(each) for each in members]
