"""One column: its texts trimmed, put together, and taken as they are where that is the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.bookings import column_rules
from refundctl.domain.bookings.booking_cells import WHITESPACE
from refundctl.domain.bookings.booking_columns import BookingRules
from refundctl.domain.bookings.column_faults import Faults
from support.data.booking_columns import ONE, read


def test_the_texts_for_nothing_of_a_source_are_blank_too() -> None:
    rules = BookingRules(blanks=frozenset({"", "NULL", "-"}))
    columns, faults = read({**ONE, "name": ["NULL"], "country": [" NULL "], "tickets": ["-"]}, rules)
    assert faults == []
    assert (columns["name"], columns["country"], columns["tickets"]) == ([None], [None], [None])
    _, faults = read({**ONE, "booking_id": ["NULL"], "order_amount": ["NULL"]}, rules)
    assert faults == [(0, "booking_id", "missing_value")]


def test_a_column_from_several_has_their_texts_with_a_space_between() -> None:
    rules = BookingRules(blanks=frozenset({"-"}))
    parts = [["Ana", " ", "-", " Jan "], ["Díaz", "Nowak", "", "de  Vries"], ["", "", "x", "-"]]
    assert rules.joined(parts) == ["Ana Díaz", "Nowak", "x", "Jan de  Vries"]


@pytest.mark.parametrize("name", sorted(column_rules._PLAIN))
def test_a_text_that_is_taken_as_it_is_would_be_read_as_the_same(name: str) -> None:
    """The shortcut is only right as long as this holds."""
    pattern = column_rules._PLAIN[name].replace("++", "+").replace("?+", "?").replace("}+", "}")

    @given(st.from_regex(rf"\A(?:{pattern})\Z"))
    def holds(text: str) -> None:
        if column_rules._PLAIN_VALUES[name].fullmatch(text):
            rules = BookingRules()
            assert text == text.strip(WHITESPACE)
            assert rules._outcome(rules._rule(name), text) == text

    holds()


def test_the_letters_that_are_taken_as_they_are_have_no_other_form() -> None:
    letters = "".join(map(chr, range(0xC0, 0x2C0)))
    assert unicodedata.normalize("NFC", letters) == letters
    assert letters.isprintable()


def test_what_is_remembered_stays_small() -> None:
    rules = BookingRules()
    for first in range(0, 60_000, 5_000):
        texts = [f"status {number}" for number in range(first, first + 5_000)]
        assert rules.read_column("status", texts, Faults()) == texts
    assert len(rules._remembered["status"]) <= column_rules.REMEMBERED_MAX
