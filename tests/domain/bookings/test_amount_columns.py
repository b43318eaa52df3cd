"""Amounts of columns, in the currency of each row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.money import format_amount
from refundctl.domain.bookings.booking_cells import Fault, RejectCode
from refundctl.domain.bookings.booking_columns import BookingRules
from refundctl.domain.bookings.column_faults import Faults
from support.data.booking_columns import ONE, read


def test_a_currency_that_contradicts_the_constant_is_a_fault() -> None:
    faults = Faults()
    BookingRules(constants={"currency": "eur"}).read({**ONE, "currency": ["USD"]}, 1, faults)
    reason = (
        "is USD, but the source says EUR for all rows; correct the cell, or take `currency` out of the source's "
        "`constants`"
    )
    assert list(faults) == [(0, "currency", Fault(RejectCode.CURRENCY_MISMATCH, reason))]
    _, found = read(
        {**ONE, "order_amount": ["12.50 USD"], "currency": [""]}, BookingRules(constants={"currency": "EUR"})
    )
    assert found == [(0, "order_amount", "currency_mismatch")]


def test_amounts_have_the_decimals_of_their_own_currency() -> None:
    texts = {
        "booking_id": ["R1", "R2", "R3", "R4"],
        "order_amount": ["100", "1.5", "1.234", "1.2345"],
        "currency": ["JPY", "EUR", "KWD", "CLF"],
        "customer_id": ["C", "C", "C", "C"],
    }
    columns, faults = read(texts)
    assert faults == []
    assert columns["order_amount"] == [100, 150, 1234, 12345]


def test_decimal_and_thousands_signs_of_a_source() -> None:
    columns, faults = read({**ONE, "order_amount": ["1.234,50"]}, BookingRules(decimal=",", thousands="."))
    assert faults == []
    assert columns["order_amount"] == [123450]


def test_a_blank_refund_amount_is_the_order_amount() -> None:
    texts = {name: [*values, *values] for name, values in ONE.items()} | {"refund_amount": ["", "2.50"]}
    columns, faults = read(texts)
    assert faults == []
    assert columns["refund_amount"] == [1250, 250]


def test_cash_and_bonus_are_nothing_where_they_are_blank_or_zero() -> None:
    texts = {
        "booking_id": ["R1", "R2", "R3", "R4"],
        "order_amount": ["100.00", "100.00", "1000", "1.234"],
        "currency": ["EUR", "EUR", "JPY", "KWD"],
        "email": ["a@b.org", "a@b.org", "a@b.org", "a@b.org"],
        "cash_amount": ["100.00", "0", " ", "0.234"],
        "bonus_amount": ["250.5", "0.00", "15", ""],
    }
    columns, faults = read(texts)
    assert faults == []
    assert columns["cash_amount"] == [10000, 0, 0, 234]
    assert columns["bonus_amount"] == [25050, 0, 15, 0]
    assert columns["refund_amount"] == [10000, 10000, 1000, 1234]


def test_bonus_may_be_all_that_a_constant_says() -> None:
    columns, faults = read(ONE, BookingRules(constants={"bonus_amount": "5.00"}))
    assert (faults, columns["bonus_amount"]) == ([], [500])


def test_what_was_refunded_before_is_taken_off() -> None:
    texts = {
        "booking_id": ["R1", "R2", "R3", "R4"],
        "order_amount": ["100.00", "100.00", "100.00", "1000"],
        "refund_amount": ["", "40.00", "", ""],
        "refunded": [
            "",
            "10.00",
            "amount:30|reason:Late|date:2020-04-01 09:30:00;amount:0.50|reason:|date:2020-04-02 09:30:00",
            "1 JPY",
        ],
        "currency": ["EUR", "EUR", "EUR", "JPY"],
        "email": ["a@b.org", "a@b.org", "a@b.org", "a@b.org"],
    }
    columns, faults = read(texts)
    assert faults == []
    assert columns["refund_amount"] == [10000, 3000, 6950, 999]
    assert columns["order_amount"] == [10000, 10000, 10000, 1000]


@given(st.lists(st.tuples(st.integers(1, 30_000), st.integers(0, 30_000)), min_size=1, max_size=40))
def test_owed_is_the_order_less_what_was_refunded_or_the_row_is_rejected(pairs: list[tuple[int, int]]) -> None:
    texts = {
        "booking_id": [f"R{number}" for number in range(len(pairs))],
        "order_amount": [format_amount(order, "EUR") for order, _ in pairs],
        "refunded": [format_amount(refunded, "EUR") for _, refunded in pairs],
        "currency": ["EUR"] * len(pairs),
        "email": ["a@b.org"] * len(pairs),
    }
    columns, faults = read(texts)
    over = [(row, "refund_amount", "amount_not_positive") for row, (order, back) in enumerate(pairs) if order <= back]
    assert faults == over
    owed = [amount for amount in columns["refund_amount"] if amount is not None]
    assert owed == [order - back for order, back in pairs if order > back]


def test_a_refund_in_full_says_so() -> None:
    faults = Faults()
    BookingRules().read({**ONE, "refunded": ["12.50"]}, 1, faults)
    reason = "is zero, since the order has been refunded in full already; leave the order out"
    assert list(faults) == [(0, "refund_amount", Fault(RejectCode.AMOUNT_NOT_POSITIVE, reason))]
    faults = Faults()
    BookingRules().read({**ONE, "refunded": ["-1"]}, 1, faults)
    reason = "'-1' is below zero; correct it, or leave it blank for nothing"
    assert list(faults) == [(0, "refunded", Fault(RejectCode.AMOUNT_NOT_POSITIVE, reason))]


def test_an_amount_may_bring_its_currency_along() -> None:
    texts = {
        "booking_id": ["R1", "R2", "R3", "R4"],
        "order_amount": ["300.00 USD", "EUR 20", "5", "7 XYZ"],
        "email": ["a@b.org", "a@b.org", "a@b.org", "a@b.org"],
    }
    columns, faults = read(texts)
    assert faults == [(2, "currency", "missing_value"), (3, "currency", "unknown_currency")]
    assert columns["order_amount"][:2] == [30000, 2000]
    assert columns["currency"][:2] == ["USD", "EUR"]


def test_an_amount_agrees_with_the_currency_of_its_row() -> None:
    columns, faults = read({**ONE, "order_amount": ["12.50 EUR"], "refund_amount": ["eur 2.50"]})
    assert faults == []
    assert (columns["order_amount"], columns["refund_amount"]) == ([1250], [250])
    faults_found = Faults()
    BookingRules().read({**ONE, "refund_amount": ["2.50 USD"]}, 1, faults_found)
    reason = "is in USD, but the currency of its row is EUR; correct one of them"
    assert list(faults_found) == [(0, "refund_amount", Fault(RejectCode.CURRENCY_MISMATCH, reason))]


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("€25.00", "EUR", 2500), ("25.00 €", "EUR", 2500), ("£5", "GBP", 500), ("$10.50", "USD", 1050), ("$10.50", "CAD", 1050),
        ("CA$ 7", "CAD", 700), ("¥500", "JPY", 500), ("¥500", "CNY", 50000), ("12.00 zł", "PLN", 1200), ("7 kr", "SEK", 700),
        ("7 Kr.", "DKK", 700), ("5 Kč", "CZK", 500), ("5 Ft", "HUF", 500), ("₹5", "INR", 500), ("Fr. 5", "CHF", 500),
    ],
)  # fmt: skip
def test_a_sign_beside_an_amount_is_taken_where_it_stands_for_the_currency_of_its_row(
    amount: str, currency: str, minor: int
) -> None:
    columns, faults = read({**ONE, "order_amount": [amount], "currency": [currency]})
    assert (faults, columns["order_amount"]) == ([], [minor])


@pytest.mark.parametrize(
    ("amount", "rules", "minor"),
    [
        ("$1,050.00", BookingRules(thousands=","), 105000),
        ("1 234,50 $", BookingRules(decimal=",", thousands=" "), 123450),
    ],
)
def test_a_sign_goes_with_every_notation(amount: str, rules: BookingRules, minor: int) -> None:
    columns, faults = read({**ONE, "order_amount": [amount], "currency": ["USD"]}, rules)
    assert (faults, columns["order_amount"]) == ([], [minor])


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [
        ("$12.50", "EUR", "has the sign $, but the currency of its row is EUR; correct one of them"),
        ("12.50 €", "USD", "is in EUR, but the currency of its row is USD; correct one of them"),
        ("Kr. 5", "PLN", "has the sign kr., but the currency of its row is PLN; correct one of them"),
    ],
)
def test_a_sign_of_another_currency_is_a_contradiction(amount: str, currency: str, reason: str) -> None:
    faults = Faults()
    BookingRules().read({**ONE, "order_amount": [amount], "currency": [currency]}, 1, faults)
    assert list(faults) == [(0, "order_amount", Fault(RejectCode.CURRENCY_MISMATCH, reason))]


def test_a_sign_says_the_currency_only_where_it_means_exactly_one() -> None:
    texts = {"booking_id": ["R1"] * 3, "order_amount": ["€20", "12 zł", "$5"], "customer_id": ["C"] * 3}
    faults = Faults()
    columns = BookingRules().read(texts, 3, faults)
    reason = "is blank, and the sign $ in the amount stands for several; fill it in"
    assert list(faults) == [(2, "currency", Fault(RejectCode.MISSING_VALUE, reason))]
    assert list(columns["currency"] or ())[:2] == ["EUR", "PLN"]
    assert list(columns["order_amount"] or ())[:2] == [2000, 1200]


def test_a_column_of_signs_and_a_constant_that_is_one() -> None:
    columns, faults = read({**ONE, "currency": ["€"]}, BookingRules(constants={"currency": "EUR"}))
    assert (faults, columns["currency"]) == ([], ["EUR"])
    columns, faults = read({**ONE, "currency": ["EUR"]}, BookingRules(constants={"currency": "€"}))
    assert (faults, columns["currency"]) == ([], ["EUR"])
    _, faults = read({**ONE, "currency": ["$"]})
    assert faults == [(0, "currency", "unknown_currency")]


@pytest.mark.parametrize("amount", ["(3.00)", "CHF 5.-", "€", "€ 5 €", "5€5", "€1,50"])
def test_what_is_no_amount_with_a_sign_either(amount: str) -> None:
    _, faults = read({**ONE, "order_amount": [amount], "currency": ["CHF" if "CHF" in amount else "EUR"]})
    assert faults == [(0, "order_amount", "malformed_amount")]


def test_what_to_set_is_said_for_a_source_that_begins_with_the_preset() -> None:
    rules = BookingRules(preset="stripe")
    assert rules.read_amount("order_amount", "1,234.56", "EUR") == Fault(
        RejectCode.MALFORMED_AMOUNT,
        "'1,234.56' is not an amount in EUR; write it like 12.50, digits only, or load it by a source of yours: "
        "`sources: {my-source: {preset: stripe, thousands: ','}}` if it means 1234.56",
    )
    faults = Faults()
    rules.read_column("booked_at", ["14.3.2020"], faults)
    reason = (
        "'14.3.2020' is not a date; write it as YYYY-MM-DD, or name its format in a source of yours, such as "
        "`sources: {my-source: {preset: stripe, date_format: '%d.%m.%Y'}}`"
    )
    assert list(faults) == [(0, "booked_at", Fault(RejectCode.MALFORMED_DATE, reason))]
