"""Bodies that break framework parsers become 400 or 413 here, never a 5xx (reliability, list 1)."""

import io

import pytest
from rest_framework.exceptions import ParseError

from balancer.api.parsers import MAX_DEPTH, BodyTooLarge, StrictJSONParser


def parse(body: bytes) -> object:
    return StrictJSONParser().parse(io.BytesIO(body))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b'{"weight": 1e999}', "number_not_finite", id="beyond-every-float"),
        pytest.param(b'{"weight": -1e999}', "number_not_finite", id="below-every-float"),
        pytest.param(b'{"weight": NaN}', "number_not_finite", id="not-a-number"),
        pytest.param(b'{"weight": Infinity}', "number_not_finite", id="infinity"),
        pytest.param(
            b"[" * 100_000 + b"]" * 100_000, "nested_too_deep", id="deeper-than-the-stack"
        ),
        pytest.param(
            b'{"a":' * 1000 + b"1" + b"}" * 1000, "nested_too_deep", id="deep-but-readable"
        ),
        pytest.param(b"1" * 5000, "not_json", id="more-digits-than-are-converted"),
        pytest.param(b'{"name": "a", "name": "b"}', "name_twice", id="one-name-twice"),
        pytest.param(rb'{"name": "\ud800"}', "broken_text", id="half-a-surrogate-pair"),
        pytest.param(rb'{"\udfff": 1}', "broken_text", id="half-a-pair-in-a-name"),
        pytest.param(rb'[["\ud800"]]', "broken_text", id="half-a-pair-inside"),
        pytest.param(b'{"name": "\xff"}', "not_json", id="not-utf-8"),
        pytest.param(b"{", "not_json", id="cut-off"),
        pytest.param(b"", "not_json", id="empty"),
    ],
)
def test_what_cannot_be_kept_is_refused(body, code):
    with pytest.raises(ParseError) as refusal:
        parse(body)
    assert refusal.value.get_codes() == code


def test_a_document_of_the_greatest_depth_is_read():
    body = b"[" * (MAX_DEPTH - 1) + b"1" + b"]" * (MAX_DEPTH - 1)
    assert parse(body) is not None


def test_a_whole_surrogate_pair_is_read():
    assert parse(rb'{"name": "\ud83d\ude00"}') == {"name": "\U0001f600"}


def test_a_body_over_the_limit_is_read_to_its_end_and_refused(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    stream = io.BytesIO(b'"' + b"a" * 200_000 + b'"')
    with pytest.raises(BodyTooLarge):
        StrictJSONParser().parse(stream)
    assert stream.read() == b""  # else the connection is reset and the refusal lost


def test_a_body_at_the_limit_is_read(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert parse(b'"' + b"a" * 98 + b'"') == "a" * 98
