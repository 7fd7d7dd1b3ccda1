"""What access lists may hold: every refusal says what was given and how to fix it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.domain.access import NewEntry, check_access, check_entries, check_network
from balancer.exceptions import Invalid


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("192.0.2.7/32", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_networks_are_stored_in_one_form(given_text, stored):
    assert check_network(given_text) == stored


@pytest.mark.parametrize(
    ("given_text", "words"),
    [
        ("10.0.0.5/24", "write 10.0.0.0/24 for the network or 10.0.0.5 for the address alone"),
        ("2001:db8::/32", "IPv6 networks are not supported yet"),
        ("::1", "IPv6"),
        ("10.0.0.0/33", "IPv4 network or address"),
        ("10.0.0.0/255.0.0.0", "a number from 0 to 32"),
        ("10.0.0.0/0.0.0.255", "a number from 0 to 32"),
        ("10.0.0.0/08", "a number from 0 to 32"),
        ("010.0.0.1", "IPv4 network or address"),
        ("10.0.0.0/", "IPv4 network or address"),
        ("10.0.0.0/٨", "IPv4 network or address"),
        ("example.test", "given: example.test"),
        ("", "IPv4 network or address"),
        (None, "IPv4 network or address"),
        (167772160, "given: 167772160"),
        (["10.0.0.0/8"], "IPv4 network or address"),
    ],
)
def test_what_is_no_network_is_refused_in_words(given_text, words):
    with pytest.raises(Invalid) as refused:
        check_network(given_text)
    assert words in refused.value.fields["network"][0]


@given(st.text(max_size=30))
def test_any_text_is_a_network_or_refused(text):
    try:
        stored = check_network(text)
    except Invalid:
        return
    assert check_network(stored) == stored


def test_every_wrong_entry_is_named():
    entries = [
        NewEntry("10.0.0.0/8"),
        NewEntry("10.0.0.0/8"),
        NewEntry("192.0.2.0/24", "the office"),
        NewEntry("x"),
        NewEntry("198.51.100.1", "<b>"),
    ]
    with pytest.raises(Invalid) as refused:
        check_entries(entries, known={"192.0.2.0/24"})
    fields = refused.value.fields
    assert fields.keys() == {
        "entries[1].network",
        "entries[2].network",
        "entries[3].network",
        "entries[4].description",
    }
    assert "given twice" in fields["entries[1].network"][0]
    assert "in the list already" in fields["entries[2].network"][0]


def test_good_entries_keep_their_order_and_descriptions():
    entries = [NewEntry("10.0.0.0/8", "all of us"), NewEntry("1.2.3.4")]
    assert check_entries(entries) == [("10.0.0.0/8", "all of us"), ("1.2.3.4/32", "")]


@pytest.mark.parametrize(
    ("enabled", "kind", "lists", "fields"),
    [
        (True, "", 1, {"access_kind"}),
        (True, "allow", 0, {"access_lists"}),
        (True, "", 0, {"access_kind", "access_lists"}),
        (False, "deny", 0, {"access_kind"}),
        (False, "", 2, {"access_lists"}),
        (True, "white", 1, {"access_kind"}),
    ],
)
def test_access_control_is_whole_or_off(enabled, kind, lists, fields):
    with pytest.raises(Invalid) as refused:
        check_access(enabled=enabled, kind=kind, lists=lists)
    assert refused.value.fields.keys() == fields


def test_whole_access_control_passes():
    check_access(enabled=True, kind="deny", lists=3)
    check_access(enabled=False, kind="", lists=0)
