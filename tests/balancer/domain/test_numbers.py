"""The strict reader of whole numbers, and the weights and ports that it reads."""

import pytest

from balancer.domain.numbers import read_integer
from balancer.domain.weights import check_port, check_weight, traffic_shares
from balancer.exceptions import Invalid

NOT_NUMBERS = [
    pytest.param("1.5", id="fraction"),
    pytest.param("abc", id="letters"),
    pytest.param("1e2", id="exponent"),
    pytest.param("１００", id="full-width"),
    pytest.param("٥", id="arabic-digit"),
    pytest.param("+5", id="plus"),
    pytest.param("0_5", id="underscore"),
    pytest.param("0x10", id="hexadecimal"),
    pytest.param(" 5", id="space"),
    pytest.param("5\n", id="newline"),
    pytest.param("--5", id="two-signs"),
    pytest.param("-", id="sign-alone"),
    pytest.param("²", id="superscript"),
    pytest.param(5.0, id="float"),
    pytest.param(True, id="true"),
    pytest.param([5], id="list"),
    pytest.param({}, id="object"),
    pytest.param("9" * 19, id="very-long-text"),
]


@pytest.mark.parametrize("value", [0, 1, 100, "0", "100", "007"])
def test_weights_from_0_to_100_are_read(value):
    """S68: 0 and 100 are weights."""
    assert check_weight(value) == int(value)


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_no_plain_number_is_no_weight(value):
    """E1.1: the message names the field, the range and what was given."""
    with pytest.raises(Invalid) as refused:
        check_weight(value, "servers[2].weight")
    assert refused.value.code == "not_a_number"
    (message,) = refused.value.fields["servers[2].weight"]
    assert message.startswith("Weight must be a whole number from 0 to 100; given: ")


@pytest.mark.parametrize("value", [-1, 101, "-1", "101", 150, 10**400, -(10**400)])
def test_weights_outside_the_range_are_refused(value):
    with pytest.raises(Invalid) as refused:
        check_weight(value)
    assert refused.value.code == "out_of_range"
    assert "from 0 to 100" in refused.value.fields["weight"][0]


def test_the_given_value_stands_in_the_message():
    with pytest.raises(Invalid) as refused:
        check_weight(150)
    assert refused.value.message == "Weight must be a whole number from 0 to 100; given: 150."


def test_a_long_given_value_is_cut():
    with pytest.raises(Invalid) as refused:
        check_weight("x" * 5000)
    assert len(refused.value.message) < 150


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_weight_is_asked_for(value):
    """E1.2, R16: nothing stands for a default."""
    with pytest.raises(Invalid) as refused:
        check_weight(value)
    assert refused.value.code == "required"


@pytest.mark.parametrize("value", [1, 65535, "8080"])
def test_ports_are_read(value):
    assert check_port(value) == int(value)


@pytest.mark.parametrize("value", [0, 65536, -1, "0"])
def test_ports_outside_the_range_are_refused(value):
    with pytest.raises(Invalid) as refused:
        check_port(value, "backend_port", "Backend port")
    message = refused.value.fields["backend_port"][0]
    assert message.startswith("Backend port must be a whole number from 1 to 65535")


@pytest.mark.parametrize(
    ("minimum", "maximum", "rule"),
    [
        pytest.param(1, None, "a whole number of at least 1;", id="only-a-minimum"),
        pytest.param(None, 9, "a whole number of at most 9;", id="only-a-maximum"),
        pytest.param(None, None, "a whole number;", id="no-bounds"),
    ],
)
def test_open_ranges_are_said(minimum, maximum, rule):
    with pytest.raises(Invalid, match=rule):
        read_integer("x", field="n", minimum=minimum, maximum=maximum, label="Page")


def test_shares_are_proportions_of_the_weights():
    """S18, C2: equal weights give equal shares; weight 0 gives none (S69)."""
    assert traffic_shares([50, 30, 20]) == [50, 30, 20]
    assert traffic_shares([7, 7, 0]) == [50, 50, 0]
    assert traffic_shares([0, 0]) == [0, 0]
    assert traffic_shares([]) == []
