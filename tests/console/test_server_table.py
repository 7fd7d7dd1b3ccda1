"""Rows of servers whose ports and weights are typed, without script: rules R1-R16."""

import pytest
from django.http import QueryDict

from balancer.exceptions import Invalid
from console.forms.server_table import (
    Column,
    Direction,
    PendingRow,
    change_rows,
    check_rows,
    errors_of,
    read_rows,
    replicate,
    reset,
)

BOTH = (Column.PORT, Column.WEIGHT)
# The worked example of section 2.12: A has two ports.
ROWS = [
    PendingRow("A", "80", "100"),
    PendingRow("A", "8080", "20"),
    PendingRow("B", "80", "50"),
    PendingRow("C", "80", "0"),
]


def weights(rows):
    return [row.weight for row in rows]


def ports(rows):
    return [row.port for row in rows]


@pytest.mark.parametrize(
    ("direction", "source", "expected"),
    [
        pytest.param("below", 2, ["100", "20", "50", "50"], id="R3-below"),
        pytest.param("above", 2, ["50", "50", "50", "0"], id="R4-above-R7-port-rows-count"),
        pytest.param("all", 1, ["20", "20", "20", "20"], id="R5-all"),
        pytest.param("above", 0, ["100", "20", "50", "0"], id="R12-first-row-has-none-above"),
        pytest.param("below", 3, ["100", "20", "50", "0"], id="R12-last-row-has-none-below"),
    ],
)
def test_replicate_a_weight(direction, source, expected):
    changed = replicate(ROWS, Column.WEIGHT, Direction(direction), source)
    assert weights(changed) == expected
    assert ports(changed) == ports(ROWS), "R1: the other column stays"


def test_f2_steps_one_to_three():
    rows = [PendingRow(key, "", text) for key, text in zip("ABC", ("10", "20", "30"), strict=True)]
    assert weights(change_rows(rows, "replicate weight above 2")) == ["30", "30", "30"]
    assert weights(change_rows(rows, "replicate weight below 1")) == ["10", "20", "20"]
    assert weights(change_rows(rows, "replicate weight all 0")) == ["10", "10", "10"]


@pytest.mark.parametrize("bad", ["", "101", "-1", "1.5", "abc", "1e2", "\uff15"])
def test_r11_a_bad_source_copies_nothing(bad):
    rows = [PendingRow("A", "", bad), PendingRow("B", "", "7")]
    assert weights(replicate(rows, Column.WEIGHT, Direction.ALL, 0)) == [bad, "7"]


def test_r6_reset_empties_one_column_only():
    changed = reset(ROWS, Column.WEIGHT)
    assert weights(changed) == ["", "", "", ""]
    assert ports(changed) == ports(ROWS)
    assert len(changed) == len(ROWS)


def test_r13_equal_ports_of_one_server_are_marked():
    changed = replicate(ROWS, Column.PORT, Direction.ALL, 0)
    errors = check_rows(changed, BOTH)
    assert set(errors) == {0, 1}
    assert errors[0]["port"] == ["Same server and port"]
    assert check_rows(ROWS, BOTH) == {}, "the same port on different servers is fine (S103)"


def test_r16_empty_fields_block():
    errors = check_rows(reset(reset(ROWS, Column.WEIGHT), Column.PORT), BOTH)
    assert set(errors) == {0, 1, 2, 3}
    assert "Enter a weight from 0 to 100." in errors[0]["weight"]
    assert "Enter a port from 1 to 65535." in errors[0]["port"]


@pytest.mark.parametrize("text", ["-1", "101", "1.5", "abc", "1e2", "\uff15\uff10"])
def test_e1_1_a_wrong_weight_names_the_range(text):
    [messages] = check_rows([PendingRow("A", "", text)], (Column.WEIGHT,)).values()
    assert "0 to 100" in messages["weight"][0]
    assert text in messages["weight"][0]


@pytest.mark.parametrize("text", ["0", "100"])
def test_e1_1_the_ends_of_the_range_are_accepted(text):
    assert check_rows([PendingRow("A", "", text)], (Column.WEIGHT,)) == {}


@pytest.mark.parametrize("text", ["0", "65536", "80.5", "http"])
def test_e5_2_a_wrong_port_names_the_range(text):
    [messages] = check_rows([PendingRow("A", text)], (Column.PORT,)).values()
    assert "1 to 65535" in messages["port"][0]


def test_add_port_comes_below_the_last_row_of_its_server():
    changed = change_rows(ROWS, "add-port 0")
    assert [row.key for row in changed] == ["A", "A", "A", "B", "C"]
    assert changed[2] == PendingRow("A", "", "100")


def test_delete_takes_a_row_or_the_whole_server():
    assert [row.port for row in change_rows(ROWS, "delete 0")] == ["8080", "80", "80"]
    assert [row.key for row in change_rows(ROWS, "delete-server 1")] == ["B", "C"]


@pytest.mark.parametrize(
    "act", ["", "next", "replicate weight sideways 0", "replicate name below 0", "delete x"]
)
def test_other_acts_are_not_the_tables(act):
    assert change_rows(ROWS, act) is None


def test_rows_far_outside_change_nothing():
    for act in ("replicate weight below 99", "delete 99", "add-port 99", "delete-server 99"):
        assert change_rows(ROWS, act) == ROWS


def test_rows_are_read_in_the_order_of_the_page():
    data = QueryDict("key=A&port=80&weight=1&key=A&port=81&weight=2&key=B&port=&weight= 3 ")
    assert read_rows(data) == [
        PendingRow("A", "80", "1"),
        PendingRow("A", "81", "2"),
        PendingRow("B", "", "3"),
    ]


def test_a_refusal_of_the_service_comes_to_its_row():
    error = Invalid(
        "x",
        "first",
        fields={"servers[1].weight": ["w"], "servers[0].machine_id": ["gone"], "group": ["full"]},
    )
    rows, others = errors_of(error)
    assert rows == {1: {"weight": ["w"]}, 0: {"row": ["gone"]}}
    assert others == ["full"]
    assert errors_of(Invalid("x", "alone"))[1] == ["alone"]
