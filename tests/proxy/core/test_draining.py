"""Who leaves, since when, and whose time is over (slb-rpc-api 5.2)."""

import pytest

from proxy.core.draining import DrainBook, leaving_places
from tests.proxy.core.test_failover import Scene, group

A, B = ("a", "10.0.1.1", 80), ("b", "10.0.1.2", 80)


def test_time_is_over_once_and_not_before():
    book = DrainBook()
    book.follow([A], now=100.0)
    assert book.is_open(A)
    assert book.take_due(109.9, 10) == set()
    book.follow([A, B], now=105.0)
    assert book.take_due(110.0, 10) == {A}
    assert not book.is_open(A)
    assert book.take_due(114.9, 10) == set()
    assert book.take_due(115.0, 10) == {B}
    assert book.take_due(1000.0, 10) == set()


def test_server_that_is_back_is_left_alone_and_begins_anew_next_time():
    book = DrainBook()
    book.follow([A], now=100.0)
    book.follow([], now=109.0)
    assert not book.is_open(A)
    assert book.take_due(111.0, 10) == set()
    book.follow([A], now=112.0)
    assert book.take_due(121.0, 10) == set()
    assert book.take_due(122.0, 10) == {A}
    book.follow([], now=123.0)
    book.follow([A], now=124.0)
    assert book.take_due(134.0, 10) == {A}


def test_other_timeout_counts_from_when_the_server_left():
    book = DrainBook()
    book.follow([A], now=100.0)
    assert book.take_due(150.0, 900) == set()
    assert book.take_due(150.0, 30) == {A}


@pytest.mark.parametrize(
    ("weights", "down", "leaving"),
    [
        pytest.param({"a": 1, "b": 1}, "", "", id="all-serve"),
        pytest.param({"a": 1, "b": 0}, "", "b", id="weight-0"),
        pytest.param({"a": 0, "b": 0}, "", "ab", id="all-at-weight-0"),
        pytest.param({"a": 1, "b": 1}, "b", "b", id="unhealthy"),
        pytest.param({"a": 1, "b": 1}, "ab", "", id="all-unhealthy"),
        pytest.param({"a": 0, "b": 1}, "b", "a", id="nobody-could-take-it"),
    ],
)
def test_who_leaves(weights, down, leaving):
    """Reliability 20: checks that fail everywhere at once drain nobody."""
    scene = Scene(first=group("rsp-1", **weights), second=group("rsp-2"))
    scene.say(down=down)
    found = leaving_places(scene.plan, scene.availability)
    assert sorted(server for server, _, _ in found) == sorted(leaving)
