"""A row per line item: what the rows of one booking say together, column by column."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.bookings.booking_cells import Fault, RejectCode
from refundctl.domain.bookings.booking_columns import BookingRules
from refundctl.domain.bookings.column_faults import Faults
from refundctl.domain.bookings.line_items import AGREED, SUMMED, LineItemRules

POLISH = BookingRules(decimal=",", thousands=".")


def together(name: str, *cells: str, rules: BookingRules | None = None) -> str:
    """What the rows of one booking with these cells say in the column `name`."""
    faults = Faults()
    merged = LineItemRules(rules or BookingRules()).merged({name: cells}, [0, len(cells)], faults)
    assert list(faults) == []
    return merged[name][0]


def read_together(columns: Mapping[str, Sequence[str]], rules: BookingRules | None = None) -> Any:
    """The values of one booking, whose rows have these columns; or its field at fault and the code."""
    faults = Faults()
    count = len(next(iter(columns.values())))
    merged = LineItemRules(rules or BookingRules()).merged(columns, [0, count], faults)
    values = (rules or BookingRules()).read({"booking_id": ["R-1"], **merged}, 1, faults)
    for _, name, fault in faults:
        return name, fault.code.value
    return {name: column[0] for name, column in values.items() if column is not None}


def test_an_order_of_three_items() -> None:
    """As a shop writes it: what is said of the order stands in its first row."""
    assert read_together(
        {
            "order_amount": ["20.00", "5.50", "0.00"],
            "currency": ["eur", "", ""],
            "email": ["ana@example.org", "", ""],
            "status": ["refunded", "", ""],
            "tickets": ["2", "1", ""],
        }
    ) == {
        "booking_id": "R-1",
        "order_amount": 2550,
        "refund_amount": 2550,
        "currency": "EUR",
        "customer_id": "ana@example.org",
        "email": "ana@example.org",
        "status": "refunded",
        "tickets": 3,
    }


def test_rows_of_several_bookings_stand_next_to_each_other() -> None:
    columns = {"order_amount": ["1.00", "2.00", "3.00", "4.00"], "status": ["a", "a", "b", ""]}
    assert LineItemRules(BookingRules()).merged(columns, [0, 1, 2, 4], Faults()) == {
        "order_amount": ["1.00", "2.00", "7.00"],
        "status": ["a", "a", "b"],
    }


def test_no_rows_are_no_bookings() -> None:
    assert LineItemRules(BookingRules()).merged({"order_amount": [], "status": []}, [0], Faults()) == {
        "order_amount": [],
        "status": [],
    }


# --- Amounts ---


@pytest.mark.parametrize("name", SUMMED)
@pytest.mark.parametrize(
    ("cells", "total"),
    [
        (("10.00", "10.00", "10.00"), "30.00"),
        (("0.10", "0.20"), "0.30"),
        (("1", "0.5", "0.25"), "1.75"),
        (("7", "8"), "15"),
        (("10.00", "", " "), "10.00"),
        (("", " "), ""),
        (("0.01", "0.02"), "0.03"),
        (("999999999999999", "1"), "1000000000000000"),
        (("300 USD", "20 USD"), "320 USD"),
        (("USD300.50", "usd 20"), "320.50 USD"),
        (("€7.00", "3 EUR"), "10.00 EUR"),
        (("$7.00", "3.00 $"), "10.00 $"),
        (("$7.00", "3.00 USD"), "10.00 USD"),
    ],
)
def test_amounts_are_added_up_exactly(name: str, cells: tuple[str, ...], total: str) -> None:
    assert together(name, *cells) == total


@pytest.mark.parametrize(
    ("cells", "total"),
    [
        (("1.200,50", "0,50"), "1201,00"),
        (("1.200", "2.300.400"), "2301600"),
        (("1.200,50 PLN", "PLN 1"), "1201,50 PLN"),
    ],
)
def test_amounts_are_read_and_written_in_the_notation_of_the_source(cells: tuple[str, ...], total: str) -> None:
    assert together("order_amount", *cells, rules=POLISH) == total


def test_what_the_source_calls_blank_adds_nothing() -> None:
    assert together("order_amount", "NULL", "5.00", "NULL", rules=BookingRules(blanks=frozenset({"NULL"}))) == "5.00"


@pytest.mark.parametrize("name", ["order_amount", "refund_amount", "cash_amount", "bonus_amount"])
@pytest.mark.parametrize(
    ("cells", "total"),
    [
        (("10.00", "-3.00"), "7.00"),
        (("-3.00", "10.00"), "7.00"),
        (("10", "-2.5", ""), "7.5"),
        (("10.00", "-0.00"), "10.00"),
        (("-3.00", "-1.00", "4.01"), "0.01"),
        (("10.00 USD", "-3.00 USD"), "7.00 USD"),
        (("$10.00", "-$3.00"), "7.00 $"),
    ],
)
def test_a_discount_is_taken_off(name: str, cells: tuple[str, ...], total: str) -> None:
    assert together(name, *cells) == total


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("order_amount", ("3.00", "-5.00"), "is not above zero: the rows of the booking add up to -2.00; check them"),
        ("order_amount", ("3.00", "-3"), "is not above zero: the rows of the booking add up to 0.00; check them"),
        ("order_amount", ("0.00", "0.00"), "is not above zero: the rows of the booking add up to 0.00; check them"),
        ("order_amount", ("-5.00", ""), "is not above zero: the rows of the booking add up to -5.00; check them"),
        ("refund_amount", ("$1", "-$1.5"), "is not above zero: the rows of the booking add up to -0.5 $; check them"),
        ("cash_amount", ("3.00", "-3.01"), "is below zero: the rows of the booking add up to -0.01; check them"),
    ],
)
def test_rows_that_come_to_nothing_are_to_be_checked_and_none_left_out(
    name: str, cells: tuple[str, ...], reason: str
) -> None:
    faults = Faults()
    LineItemRules(BookingRules()).merged({name: cells}, [0, len(cells)], faults)
    assert list(faults) == [(0, name, Fault(RejectCode.AMOUNT_NOT_POSITIVE, reason))]


def test_nothing_is_enough_for_cash_bonus_and_what_was_refunded() -> None:
    for name in ("cash_amount", "bonus_amount", "refunded"):
        assert together(name, "0", "0.00") == "0.00"
    assert together("cash_amount", "3.00", "-3.00") == "0.00"


def test_what_was_refunded_is_not_below_zero_in_any_row() -> None:
    """It isn't known whether that were a payment, or a refund as some systems write it."""
    columns = {"order_amount": ["90.00", ""], "currency": ["EUR"] * 2, "email": ["a@b.org"] * 2}
    assert read_together({**columns, "refunded": ["5.00", "-5.00"]}) == ("refunded", "amount_not_positive")


def test_a_row_by_itself_is_judged_by_the_rule_of_one_value() -> None:
    assert together("order_amount", "-5.00") == "-5.00"
    assert together("order_amount", "0") == "0"


@pytest.mark.parametrize("name", ["order_amount", "refund_amount"])
@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("-500.00", "amount_not_positive"),
        ("(5.00)", "malformed_amount"),
        ("x", "malformed_amount"),
        ("1,50", "malformed_amount"),
        ("1e3", "malformed_amount"),
        ("１００", "malformed_amount"),
        ("20 USD", "currency_mismatch"),
        ("20 XYZ", "malformed_amount"),
        ("0.001", "too_many_decimals"),
        ("1000000000000000", "malformed_amount"),
        ("9" * 5000, "malformed_amount"),
        ("0." + "0" * 5000, "too_many_decimals"),
    ],
)
def test_one_bad_amount_and_the_booking_is_refused_as_the_amount_would_be(name: str, cell: str, code: str) -> None:
    columns = {"order_amount": ["90.00", "90.00", "90.00"], "currency": ["EUR"] * 3, "email": ["a@b.org"] * 3}
    for cells in (["5.00", cell, "6.00"], [cell, "5.00", "6.00"], ["5.00", "6.00", cell]):
        assert read_together({**columns, name: cells}) == (name, code)


def test_a_sum_must_be_above_zero() -> None:
    columns = {"order_amount": ["0.00", "0.00"], "currency": ["EUR"] * 2, "email": ["a@b.org"] * 2}
    assert read_together(columns) == ("order_amount", "amount_not_positive")


def test_a_sum_of_more_decimals_than_the_currency_has_is_refused_and_never_rounded() -> None:
    columns = {"order_amount": ["0.333", "0.667"], "currency": ["EUR"] * 2, "email": ["a@b.org"] * 2}
    assert read_together(columns) == ("order_amount", "too_many_decimals")


def test_where_amounts_name_the_currency_all_must_name_the_same() -> None:
    email = {"email": ["a@b.org", ""]}
    assert read_together({"order_amount": ["300 USD", "20 USD"], **email})["order_amount"] == 32000
    assert read_together({"order_amount": ["300 USD", "20 EUR"], **email}) == ("currency", "contradiction")
    assert read_together({"order_amount": ["300 USD", "20"], **email}) == ("currency", "missing_value")


def test_where_the_currency_stands_elsewhere_not_all_need_name_it() -> None:
    columns = {"order_amount": ["300 USD", "20"], "email": ["a@b.org", ""]}
    assert read_together({**columns, "currency": ["", "USD"]})["order_amount"] == 32000
    assert read_together(columns, BookingRules(constants={"currency": "USD"}))["order_amount"] == 32000


def test_lists_of_refunds_are_added_up_too() -> None:
    cells = (
        "amount:5.00|reason:Late|date:2020-04-01 09:30:00;amount:1.50|reason:|date:2020-04-02 09:30:00",
        "2",
        "",
    )
    assert together("refunded", *cells) == "8.50"


# --- Tickets ---


@pytest.mark.parametrize(
    ("cells", "count"),
    [(("2", "1", "1"), "4"), (("2", ""), "2"), (("", ""), ""), (("1.0", "2"), "3"), (("0", "0"), "0")],
)
def test_tickets_are_counted_together(cells: tuple[str, ...], count: str) -> None:
    assert together("tickets", *cells) == count


@pytest.mark.parametrize("cell", ["two", "-1", "1.5"])
def test_one_bad_number_of_tickets_is_handed_on(cell: str) -> None:
    assert together("tickets", "2", cell, "3") == cell


# --- What the rows must agree on ---


@pytest.mark.parametrize("name", AGREED)
def test_blanks_agree_with_everything(name: str) -> None:
    text = {"email": "ana@example.org", "currency": "EUR", "accepted": "yes"}.get(name, "X-1")
    assert together(name, "", f" {text} ", text, "") == text


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("customer_id", ("C-1", "C-2")),
        ("email", ("ana@example.org", "jan@example.org")),
        ("currency", ("EUR", "USD")),
        ("refund_id", ("1", "2")),
        ("accepted", ("yes", "no")),
    ],
)
def test_a_booking_whose_rows_contradict_each_other_is_refused(name: str, cells: tuple[str, str]) -> None:
    columns = {"order_amount": ["1.00"] * 2, "currency": ["EUR"] * 2, "email": ["ana@example.org"] * 2, name: cells}
    assert read_together(columns) == (name, "contradiction")
    assert read_together({**columns, name: cells[::-1]}) == (name, "contradiction")


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("email", ("Ana@Example.org", "ana@example.ORG"), "Ana@Example.org"),
        ("currency", ("eur", "EUR"), "EUR"),
        ("accepted", ("Y", "yes", "1"), "1"),
        ("status", ("refunded", "Refunded"), "Refunded"),
    ],
)
def test_the_same_in_another_writing_is_no_contradiction(name: str, cells: tuple[str, ...], said: str) -> None:
    assert together(name, *cells) == said
    assert together(name, *cells[::-1]) == said


def test_a_cell_at_fault_goes_before_a_contradiction() -> None:
    columns = {"order_amount": ["1.00"] * 2, "currency": ["EUR"] * 2, "email": ["ana@example.org", "x"]}
    assert read_together(columns) == ("email", "malformed_email")


# --- What else they say ---


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("name", ("Ana Nowak", "", "Ana Nowak"), "Ana Nowak"),
        ("name", ("Ana Nowak", "Jan Nowak"), ""),
        ("country", ("POL", "PL"), "PL"),
        ("booked_at", ("2020-04-01", "2020-04-01 09:30"), ""),
        ("channel", ("web", "", "app", ""), ""),
        ("status", ("Attending", "", "Checked In"), ""),
        ("name", ("Ana", "=1+1"), "=1+1"),
        ("booked_at", ("2020-04-01", "2020-02-30", "2020-04-02"), "2020-02-30"),
    ],
)
def test_what_rows_differ_in_is_blank_unless_a_cell_is_at_fault(name: str, cells: tuple[str, ...], said: str) -> None:
    assert together(name, *cells) == said
    assert together(name, *cells[::-1]) == said


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("Chair", "Table", "Chair"), "Chair; Table"),
        (("Table", "", "Chair"), "Chair; Table"),
        (("", ""), ""),
        (("caf\u00e9", "cafe\u0301"), "caf\u00e9"),
        (("a" * 600, "b" * 398), "a" * 600 + "; " + "b" * 398),
        (("a" * 600, "b" * 399), "a" * 600),
        (("a", "b" * 1001), "b" * 1001),
    ],
)
def test_metadata_are_joined_as_far_as_they_fit(cells: tuple[str, ...], said: str) -> None:
    assert together("metadata.product", *cells) == said
    assert together("metadata.product", *cells[::-1]) == said


# --- Which rows are wanted ---


def kept(*cells: str, wanted: str = "refunded", unsure: bool = False, rules: BookingRules | None = None) -> list[bool]:
    """Which rows of one booking stay."""
    rules = rules or BookingRules()
    return LineItemRules(rules).wanted(cells, [0, len(cells)], frozenset({wanted}), {0} if unsure else ())


def test_each_row_speaks_for_itself() -> None:
    assert kept("refunded", "paid", " refunded ") == [True, False, True]


def test_a_blank_says_what_the_others_of_its_booking_say() -> None:
    assert kept("refunded", "", "") == [True, True, True]
    assert kept("", "paid", "") == [False, False, False]
    assert kept("paid", "", "refunded") == [False, True, True]


def test_where_all_are_blank_the_blank_itself_is_judged() -> None:
    assert kept("", " ") == [False, False]
    assert kept("", " ", wanted="") == [True, True]
    assert kept("", "paid", wanted="") == [False, False]


def test_what_the_source_calls_blank_is_one() -> None:
    rules = BookingRules(blanks=frozenset({"NULL"}))
    assert kept("NULL", "refunded", rules=rules) == [True, True]
    assert kept("NULL", "NULL", rules=rules, wanted="NULL") == [True, True]


def test_blanks_stay_where_a_row_of_the_booking_can_not_be_read() -> None:
    assert kept("", "paid", unsure=True) == [True, False]


def test_bookings_do_not_speak_for_each_other() -> None:
    rules = LineItemRules(BookingRules())
    assert rules.wanted(["1", "", "0", "", "1"], [0, 2, 4, 5], frozenset({"1"})) == [True, True, False, False, True]


# --- Rules ---

AMOUNT = st.decimals(min_value=-(10**9), max_value=10**9, places=2).map(str) | st.sampled_from(["", "0", "7", "1.5"])


@given(st.lists(AMOUNT, min_size=1, max_size=20))
def test_the_sum_is_that_of_exact_decimals_or_the_booking_is_refused(cells: list[str]) -> None:
    faults = Faults()
    total = LineItemRules(BookingRules()).merged({"order_amount": cells}, [0, len(cells)], faults)["order_amount"][0]
    exact = sum(Decimal(cell or 0) for cell in cells)
    refused = len(cells) > 1 and any(cells) and exact <= 0
    assert [fault.code for _, _, fault in faults] == (["amount_not_positive"] if refused else [])
    assert refused or Decimal(total or 0) == exact
    assert (total == "") == (not any(cells)) or refused


CELL = st.sampled_from(
    ["", " ", "a", "A", "b", "1.00", "2 EUR", "2 USD", "-1", "EUR", "eur", "x@y.org", "X@y.org", "yes"]
)
ANY_NAME = st.sampled_from([*SUMMED, *AGREED, "name", "tickets", "booked_at", "country", "metadata.product"])


@given(name=ANY_NAME, cells=st.lists(CELL, min_size=1, max_size=6), shuffled=st.randoms())
def test_the_order_of_rows_never_matters(name: str, cells: list[str], shuffled: Any) -> None:
    def said(texts: list[str]) -> tuple[str, list[tuple[int, str, str]]]:
        faults = Faults()
        merged = LineItemRules(BookingRules()).merged({name: texts}, [0, len(texts)], faults)
        found = [(row, field, fault.reason) for row, field, fault in faults]
        return "" if found else merged[name][0].strip(), found

    others = list(cells)
    shuffled.shuffle(others)
    assert said(others) == said(cells)
