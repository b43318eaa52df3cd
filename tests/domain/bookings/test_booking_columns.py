"""Whole columns give the same as their texts one by one; rules between columns; metadata; card numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.bookings.booking_cells import FIELDS, REFUNDED
from refundctl.domain.bookings.booking_columns import BookingRules, metadata_texts
from refundctl.domain.bookings.column_faults import Faults
from support.data.booking_columns import ONE, Columns, read


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


def test_a_constant_fills_an_absent_column_and_blank_cells() -> None:
    rules = BookingRules(constants={"currency": "EUR", "status": "cancelled"})
    texts = {"booking_id": ["R1", "R2"], "order_amount": ["1.00", "2.00"], "email": ["a@b.org", "c@d.org"]}
    columns, faults = read({**texts, "currency": [" ", "eur"], "status": ["", "open"]}, rules)
    assert faults == []
    assert (columns["currency"], columns["status"]) == (["EUR", "EUR"], ["cancelled", "open"])


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


def test_metadata_is_one_json_text_per_row_with_sorted_keys() -> None:
    columns = {"segment": ["Online", None, None], "hotel": ["Łódź", "City", None]}
    assert metadata_texts(columns) == ['{"hotel":"Łódź","segment":"Online"}', '{"hotel":"City"}', None]
    assert metadata_texts({}) is None
