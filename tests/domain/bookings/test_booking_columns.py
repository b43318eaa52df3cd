"""Whole columns give the same as their texts one by one; rules between columns; metadata; card numbers."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.money import format_amount
from refundctl.domain.bookings import booking_columns
from refundctl.domain.bookings.booking_cells import FIELDS, REFUNDED, WHITESPACE, Fault, RejectCode
from refundctl.domain.bookings.booking_columns import BookingRules, Faults, find_card_numbers, metadata_texts

Columns = Mapping[str, Sequence[str]]


def read(texts: Columns, rules: BookingRules | None = None) -> tuple[dict[str, Any], list[tuple[int, str, str]]]:
    """The columns that are there, and row, field and code of each fault."""
    faults = Faults()
    count = len(next(iter(texts.values())))
    columns = (rules or BookingRules()).read(texts, count, faults)
    there = {name: list(values) for name, values in columns.items() if values is not None}
    return there, [(row, name, fault.code) for row, name, fault in faults]


ONE = {"booking_id": ["R1"], "order_amount": ["12.50"], "currency": ["EUR"], "email": ["ana@example.org"]}


def test_what_a_booking_says() -> None:
    columns, faults = read(ONE)
    assert faults == []
    assert columns == {
        "booking_id": ["R1"],
        "order_amount": [1250],
        "currency": ["EUR"],
        "refund_amount": [1250],
        "customer_id": ["ana@example.org"],
        "email": ["ana@example.org"],
    }


def test_every_canonical_column_has_an_entry() -> None:
    columns = BookingRules().read({**ONE, REFUNDED: ["1.00"]}, 1, Faults())
    assert columns.keys() == set(FIELDS)
    assert (columns["cash_amount"], columns["bonus_amount"]) == (None, None)


def test_texts_are_trimmed_and_blanks_are_none() -> None:
    columns, faults = read(
        {
            **ONE,
            "booking_id": ["\u00a0 R1\t"],
            "order_amount": [" 12.50 "],
            "currency": [" eur"],
            "name": ["  "],
            "status": [" cancelled "],
        }
    )
    assert faults == []
    assert (columns["booking_id"], columns["order_amount"], columns["currency"]) == (["R1"], [1250], ["EUR"])
    assert (columns["name"], columns["status"]) == ([None], ["cancelled"])


def test_the_texts_for_nothing_of_a_source_are_blank_too() -> None:
    rules = BookingRules(blanks=frozenset({"", "NULL", "-"}))
    columns, faults = read({**ONE, "name": ["NULL"], "country": [" NULL "], "tickets": ["-"]}, rules)
    assert faults == []
    assert (columns["name"], columns["country"], columns["tickets"]) == ([None], [None], [None])
    _, faults = read({**ONE, "booking_id": ["NULL"], "order_amount": ["NULL"]}, rules)
    assert faults == [(0, "booking_id", "missing_value")]


def test_a_constant_fills_an_absent_column_and_blank_cells() -> None:
    rules = BookingRules(constants={"currency": "EUR", "status": "cancelled"})
    texts = {"booking_id": ["R1", "R2"], "order_amount": ["1.00", "2.00"], "email": ["a@b.org", "c@d.org"]}
    columns, faults = read({**texts, "currency": [" ", "eur"], "status": ["", "open"]}, rules)
    assert faults == []
    assert (columns["currency"], columns["status"]) == (["EUR", "EUR"], ["cancelled", "open"])


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


def test_a_column_from_several_has_their_texts_with_a_space_between() -> None:
    rules = BookingRules(blanks=frozenset({"-"}))
    parts = [["Ana", " ", "-", " Jan "], ["Díaz", "Nowak", "", "de  Vries"], ["", "", "x", "-"]]
    assert rules.joined(parts) == ["Ana Díaz", "Nowak", "x", "Jan de  Vries"]


# --- Required values and the order of faults ---


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"booking_id": [""]}, "booking_id", "missing_value"),
        ({"order_amount": [" "]}, "order_amount", "missing_value"),
        ({"currency": [""]}, "currency", "missing_value"),
        ({"email": [""]}, "customer_id", "no_customer"),
        ({"customer_id": [""], "email": [""]}, "customer_id", "no_customer"),
        ({"email": ["ana"]}, "email", "malformed_email"),
        ({"customer_id": ["=1"], "email": [""]}, "customer_id", "formula"),
        ({"currency": ["XYZ"]}, "currency", "unknown_currency"),
        ({"order_amount": ["1,50"]}, "order_amount", "malformed_amount"),
        ({"order_amount": ["１００"]}, "order_amount", "malformed_amount"),
        ({"order_amount": ["1e3"]}, "order_amount", "malformed_amount"),
        ({"order_amount": ["NaN"]}, "order_amount", "malformed_amount"),
        ({"order_amount": ["-5"]}, "order_amount", "amount_not_positive"),
        ({"order_amount": ["0"]}, "order_amount", "amount_not_positive"),
        ({"order_amount": ["12.345"]}, "order_amount", "too_many_decimals"),
        ({"order_amount": ["300.5"], "currency": ["JPY"]}, "order_amount", "too_many_decimals"),
        ({"refund_amount": ["12.51"]}, "refund_amount", "refund_exceeds_order"),
        ({"refund_amount": ["0"]}, "refund_amount", "amount_not_positive"),
        ({"cash_amount": ["12.51"]}, "cash_amount", "cash_exceeds_refund"),
        ({"cash_amount": ["2.01"], "refund_amount": ["2.00"]}, "cash_amount", "cash_exceeds_refund"),
        ({"cash_amount": ["2.51"], "refunded": ["10.00"]}, "cash_amount", "cash_exceeds_refund"),
        ({"cash_amount": ["-0.01"]}, "cash_amount", "amount_not_positive"),
        ({"cash_amount": ["1.234"]}, "cash_amount", "too_many_decimals"),
        ({"bonus_amount": ["-2.00"]}, "bonus_amount", "amount_not_positive"),
        ({"bonus_amount": ["2.00 USD"]}, "bonus_amount", "currency_mismatch"),
        ({"bonus_amount": ["two"]}, "bonus_amount", "malformed_amount"),
        ({"refunded": ["n/a"]}, "refunded", "malformed_amount"),
        ({"refunded": ["-1.00"]}, "refunded", "amount_not_positive"),
        ({"refunded": ["amount:5.00|reason:"]}, "refunded", "malformed_amount"),
        ({"refunded": ["12.50"]}, "refund_amount", "amount_not_positive"),
        ({"refunded": ["2.00"], "refund_amount": ["2.00"]}, "refund_amount", "amount_not_positive"),
        ({"name": ["=HYPERLINK(1)"]}, "name", "formula"),
        ({"name": ["Ana\x1b[31m"]}, "name", "control_characters"),
        ({"status": ["x" * 1001]}, "status", "value_too_long"),
        ({"booked_at": ["2020-02-30"]}, "booked_at", "malformed_date"),
        ({"cancelled_at": ["soon"]}, "cancelled_at", "malformed_date"),
        ({"country": ["Poland"]}, "country", "malformed_value"),
        ({"locale": ["polski"]}, "locale", "malformed_value"),
        ({"tickets": ["-1"]}, "tickets", "malformed_value"),
        ({"accepted": ["maybe"]}, "accepted", "malformed_value"),
        ({"marketing_consent": ["?"]}, "marketing_consent", "malformed_value"),
    ],
)
def test_each_fault(change: Columns, field: str, code: str) -> None:
    _, faults = read({**ONE, **change})
    assert faults == [(0, field, code)]


def test_the_first_fault_in_the_order_of_the_fields_names_the_row() -> None:
    texts = {name: [""] for name in FIELDS} | {"tickets": ["x"], "booked_at": ["x"]}
    _, faults = read(texts)
    assert faults == [(0, "booking_id", "missing_value")]
    _, faults = read({**texts, "booking_id": ["R1"]})
    assert faults == [(0, "order_amount", "missing_value")]
    _, faults = read({**texts, "booking_id": ["R1"], "order_amount": ["1.00"], "currency": ["EUR"]})
    assert faults == [(0, "customer_id", "no_customer")]
    _, faults = read({**texts, **ONE})
    assert faults == [(0, "booked_at", "malformed_date")]


# --- Money ---


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


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"customer_id": "", "email": ""}, "is blank, and so is the e-mail; fill in one of them"),
        ({"customer_id": ""}, "is blank, and no column is an e-mail; fill it in"),
        ({"email": ""}, "has no column, and the e-mail is blank; fill in the e-mail, or add a column customer_id"),
        (
            {},
            "has no column, nor has an e-mail; add one of them, or name it under `columns` of a source",
        ),
    ],
)
def test_a_row_about_nobody_says_what_could_be_filled_in(columns: Mapping[str, str], reason: str) -> None:
    texts = {"booking_id": ["R1"], "order_amount": ["12.50"], "currency": ["EUR"]}
    faults = Faults()
    BookingRules().read(texts | {name: [text] for name, text in columns.items()}, 1, faults)
    assert list(faults) == [(0, "customer_id", Fault(RejectCode.NO_CUSTOMER, reason))]


def test_a_refund_line_with_the_id_of_its_booking_needs_none() -> None:
    columns, _ = read({**ONE, "refund_id": ["R1"]})
    assert columns["refund_id"] == [None]
    columns, _ = read({**ONE, "refund_id": ["R1-2"]})
    assert columns["refund_id"] == ["R1-2"]


def test_a_prefix_goes_before_the_ids_but_not_before_what_stands_for_one() -> None:
    texts = {
        "booking_id": ["7", "8", "9"],
        "order_amount": ["1.00", "2.00", "3.00"],
        "currency": ["EUR", "EUR", "EUR"],
        "refund_id": ["7", "R8", "A-9"],
        "customer_id": ["C7", "", "C9"],
        "email": ["ana@example.org", "jan@example.org", ""],
    }
    columns, faults = read(texts, BookingRules(id_prefix="A-"))
    assert faults == []
    assert columns["booking_id"] == ["A-7", "A-8", "A-9"]
    assert columns["customer_id"] == ["A-C7", "jan@example.org", "A-C9"]
    assert columns["refund_id"] == [None, "R8", None]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"booking_id": ["x" * 299]}, "booking_id", "value_too_long"),
        ({"customer_id": ["x" * 299]}, "customer_id", "value_too_long"),
        ({"booking_id": [" "]}, "booking_id", "missing_value"),
        ({"booking_id": ["=1"]}, "booking_id", "formula"),
        ({"booking_id": ["1.2E+15"]}, "booking_id", "malformed_id"),
        ({"customer_id": [""], "email": [""]}, "customer_id", "no_customer"),
    ],
)
def test_a_prefix_heals_no_id(change: Columns, field: str, code: str) -> None:
    _, faults = read({**ONE, **change}, BookingRules(id_prefix="A-"))
    assert faults == [(0, field, code)]


IDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="=+-@＝＋－＠;"), min_size=1, max_size=8)


@given(st.sampled_from(["A-", "B-", "shop ", "é"]), st.lists(IDS, min_size=1, max_size=20))
def test_a_prefix_keeps_ids_apart(prefix: str, ids: list[str]) -> None:
    texts = {
        "booking_id": ids,
        "order_amount": ["1.00"] * len(ids),
        "currency": ["EUR"] * len(ids),
        "email": ["a@b.org"] * len(ids),
    }
    plain, plain_faults = read(texts)
    prefixed, faults = read(texts, BookingRules(id_prefix=prefix))
    assert faults == plain_faults
    assert len(set(prefixed["booking_id"])) == len(set(plain["booking_id"]))
    assert all(given is None or given.startswith(prefix[:-1]) for given in prefixed["booking_id"])
    if prefix in {"A-", "B-"}:
        other, _ = read(texts, BookingRules(id_prefix="B-" if prefix == "A-" else "A-"))
        assert {None}.issuperset(set(prefixed["booking_id"]) & set(other["booking_id"]))


def test_a_customer_without_an_id_has_the_email_in_lower_case_for_one() -> None:
    columns, _ = read({**ONE, "email": ["Ana@Example.ORG"]})
    assert (columns["email"], columns["customer_id"]) == (["Ana@example.org"], ["ana@example.org"])
    columns, _ = read({**ONE, "email": ["jose\u0301@example.org"]})
    assert columns["customer_id"] == ["josé@example.org"]
    columns, _ = read({**ONE, "customer_id": ["C7"]})
    assert columns["customer_id"] == ["C7"]


# --- A column at once, and text by text ---

ODD = st.sampled_from(
    ["", " ", "NULL", "x" * 301, "=1", "+48 123", "a\nb", "a\n", "R1\x1b", "1,50", "0", "-5", "12.345", "300 USD",
     "ana@@b", "Ana@B.org", "ana@b.local", "2020-02-30", "2020-02-29", "Łódź", "Jose\u0301", "yes", "PRT", "pl_PL",
     "1.5E+10", "#N/A", "#12", "R;1", "XYZ", "eur", " R2 ", "Ana ", "Ana\u00a0", "\ufeffR1", "4111111111111111"]
)  # fmt: skip
USUAL = {
    "booking_id": st.from_regex(r"\A[A-Z]{1,2}[0-9]{1,4}\Z"),
    "order_amount": st.from_regex(r"\A[1-9][0-9]{0,3}\.[0-9]{2}\Z"),
    "currency": st.sampled_from(["EUR", "USD", "JPY"]),
    "refund_amount": st.from_regex(r"\A[1-9]\.[0-9]{2}\Z"),
    "cash_amount": st.sampled_from(["", "0", "0.00", "1.00"]),
    "bonus_amount": st.sampled_from(["", "0", "2.50"]),
    "refunded": st.sampled_from(["", "0.00", "0.50"]),
    "customer_id": st.from_regex(r"\AC[0-9]{1,4}\Z"),
    "email": st.from_regex(r"\A[a-z]{1,5}@[a-z]{1,5}\.org\Z"),
    "name": st.sampled_from(["Ana", "José Öberg", "O'Neil"]),
    "phone": st.sampled_from(["+48 123 456", "0123"]),
    "country": st.sampled_from(["PL", "US-ME"]),
    "booked_at": st.dates().map(str),
    "tickets": st.integers(0, 9).map(str),
    "accepted": st.sampled_from(["yes", "no"]),
}
ROW = st.fixed_dictionaries({name: usual | ODD for name, usual in USUAL.items()})


@given(st.lists(ROW, min_size=1, max_size=80))
def test_a_block_of_rows_gives_what_each_row_gives_alone(rows: list[dict[str, str]]) -> None:
    columns, faults = read({name: [row[name] for row in rows] for name in USUAL})
    alone = [read({name: [text] for name, text in row.items()}) for row in rows]
    assert faults == [(number, *fault[1:]) for number, (_, found) in enumerate(alone) for fault in found]
    at_fault = {row for row, *_ in faults}
    for number, (expected, _) in enumerate(alone):
        if number not in at_fault:
            assert {name: values[number] for name, values in columns.items()} == {
                name: values[0] for name, values in expected.items()
            }


@pytest.mark.parametrize("name", sorted(booking_columns._PLAIN))
def test_a_text_that_is_taken_as_it_is_would_be_read_as_the_same(name: str) -> None:
    """The shortcut is only right as long as this holds."""
    pattern = booking_columns._PLAIN[name].replace("++", "+").replace("?+", "?").replace("}+", "}")

    @given(st.from_regex(rf"\A(?:{pattern})\Z"))
    def holds(text: str) -> None:
        if booking_columns._PLAIN_VALUES[name].fullmatch(text):
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
    assert len(rules._remembered["status"]) <= booking_columns.REMEMBERED_MAX


# --- Metadata and card numbers ---


def test_metadata_is_one_json_text_per_row_with_sorted_keys() -> None:
    columns = {"segment": ["Online", None, None], "hotel": ["Łódź", "City", None]}
    assert metadata_texts(columns) == ['{"hotel":"Łódź","segment":"Online"}', '{"hotel":"City"}', None]
    assert metadata_texts({}) is None


def test_card_numbers_are_found_in_every_column() -> None:
    faults = Faults()
    find_card_numbers({"name": ["Ana", "4111 1111 1111 1111"], "metadata.note": ["378282246310005", ""]}, faults)
    reason = "holds the number of a payment card, which may not be kept; take it out"
    assert list(faults) == [
        (0, "metadata.note", Fault(RejectCode.PAYMENT_CARD_NUMBER, reason)),
        (1, "name", Fault(RejectCode.PAYMENT_CARD_NUMBER, reason)),
    ]


def test_a_phone_number_with_its_calling_code_is_no_card_number() -> None:
    faults = Faults()
    find_card_numbers({"phone": [" +4111111111111111", "4111111111111111"]}, faults)
    assert [row for row, *_ in faults] == [1]


def test_what_is_not_kept_may_hold_a_card_number() -> None:
    faults = Faults()
    find_card_numbers({"refunded": ["amount:5.00|reason:to 4111111111111111|date:2020-04-01 09:30:00"]}, faults)
    assert list(faults) == []


def test_a_card_number_goes_before_every_other_fault() -> None:
    faults = Faults()
    faults.add(0, "booking_id", Fault(RejectCode.MISSING_VALUE, "is blank; fill it in"))
    find_card_numbers({"status": ["4111111111111111"]}, faults)
    assert [(name, fault.code) for _, name, fault in faults] == [("status", "payment_card_number")]
