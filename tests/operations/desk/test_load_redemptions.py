"""What a till hands in later: rows are judged by their own moments, known ones left, refused ones kept once."""

import tempfile

import pytest

from refundctl.operations.bookings.input_files import Input, LoadResult, plain, read_plainly
from refundctl.operations.desk.load_redemptions import load, stage
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.transfer import Transfer
from refundctl.operations.run_lifecycle import one_run
from support.desks.clerk_desk import ClerkDesk

HEADER = "card_id,amount,invoice,customer_id,redeemed_at\n"
Rejects = list[tuple[int, str, str]]


def hand_in(desk: ClerkDesk, rows: str, header: str = HEADER) -> tuple[LoadResult, Rejects]:
    """What became of the rows, the first of which is on line 2; and the rejects: line, field and code."""
    with tempfile.TemporaryFile() as file:
        file.write((header + rows).encode())
        file.seek(0)
        with plain([Input("till.csv", file)], read_plainly) as inputs:
            staged = stage(desk.ledger, inputs, None, lambda read, rows: None)
    with desk.ledger.writing(), one_run(desk.journal("load-redemptions")) as run:
        result = load(desk.ledger, staged, run.begun)
    return result, [(reject.line, reject.field, reject.code) for reject in staged.rows.rejects_of(1)]


def rejects(desk: ClerkDesk, rows: str, header: str = HEADER) -> Rejects:
    return hand_in(desk, rows, header)[1]


def test_purchases_are_taken_in_the_order_in_which_they_were_made() -> None:
    desk = ClerkDesk()
    rows = "c2,40.00,T2,ben,2020-05-01T11:00:00Z\nc2,30.00,T1,ben,2020-05-01T12:30:00+02:00\n"
    result, rejected = hand_in(desk, rows)
    assert (result.loaded, result.noted, rejected) == (1, 1, [(2, "amount", "gift_amount_exceeded")])
    assert result.totals == {"EUR": {"redeemed": 30_00, "paid": 28_00, "bonus": 2_00}}
    assert desk.read("SELECT invoice, redeemed_at FROM redemptions") == [("T1", "2020-05-01T10:30:00Z")]


def test_a_list_that_is_handed_in_again_changes_nothing() -> None:
    desk, rows = ClerkDesk(), "c1,5.00,T1,ana,\nc1,200.00,T2,ana,\n"
    assert (hand_in(desk, rows)[0].loaded, desk.balance()) == (1, (99_00, 0))
    desk.do(Transfer())
    result, rejected = hand_in(desk, rows)
    assert (result.loaded, result.unchanged, desk.balance(3)) == (0, 1, (99_00, 0))
    assert rejected == [(3, "card_id", "voucher_not_active")]  # that card is dead by now
    # Another amount for an invoice that is known contradicts it, also on the card that replaces the first.
    assert rejects(desk, "c3,5.01,T1,ana,\n") == [(2, "invoice", "invoice_already_used")]
    assert desk.read("SELECT invoice, amount_minor, error_code FROM refused_redemptions ORDER BY id") == [
        ("T2", 200_00, "gift_amount_exceeded"),
        ("T2", 200_00, "voucher_not_active"),
        ("T1", 5_01, "invoice_already_used"),
    ]


@pytest.mark.parametrize(
    ("said", "rejected"),
    [
        ("2020-04-30T12:00:00Z", []),  # a day before the card was made: the till's clock may be slow
        ("2020-04-30T11:59:59Z", [(2, "redeemed_at", "malformed_date")]),
        ("2020-05-01T12:00:00Z", []),
        ("2020-05-01T12:00:01Z", [(2, "redeemed_at", "malformed_date")]),
        ("2020-05-01", []),
        ("2020-05-02", [(2, "redeemed_at", "malformed_date")]),
    ],
)
def test_a_purchase_is_neither_still_to_come_nor_older_than_its_card(said: str, rejected: Rejects) -> None:
    assert rejects(ClerkDesk(), f"c1,1.00,T1,ana,{said}\n") == rejected


def test_what_was_valid_when_it_was_bought_is_taken() -> None:
    desk = ClerkDesk(activity_duration_after_publishing="P365D", timezone="Europe/Warsaw")
    desk.at("2021-06-01T12:00:00Z")
    rows = "c1,1.00,T1,ana,2021-05-01T23:59:59\nc1,1.00,T2,ana,2021-05-02T00:00:00\nc1,1.00,T3,ana,\n"
    result, rejected = hand_in(desk, rows)
    assert result.loaded == 1
    assert rejected == [(3, "redeemed_at", "voucher_expired"), (4, "redeemed_at", "voucher_expired")]


def test_the_till_has_asked_for_the_pin_but_the_other_rules_hold() -> None:
    desk = ClerkDesk(minimum_order="20.00")
    desk.set_pin("2580")
    header = "card_id,amount,invoice,customer_id,order_total\n"
    rows = "c1,1.00,T1,ana,20.00\nc1,1.00,T2,,20.00\nc1,1.00,T3,ben,20.00\nc1,1.00,T4,ana,\n"
    result, rejected = hand_in(desk, rows, header)
    assert result.loaded == 1
    assert rejected == [
        (3, "customer_id", "customer_rules_violated"),
        (4, "customer_id", "customer_rules_violated"),
        (5, "order_total", "order_rules_violated"),
    ]


def test_what_a_row_names_must_be_one_card_of_this_ledger_and_in_its_currency() -> None:
    desk = ClerkDesk()
    one, other = desk.card(1).code, desk.card(2).code
    header = "card_id,code,amount,invoice,customer_id\n"
    rows = (
        f"c9,,1.00,T1,ana\n,RF-7KQ2-M9XD-4TWH-P3VN,1.00,T2,ana\nc1,{other},1.00,T3,ana\nc1,,USD 1.00,T4,ana\n"
        f"c1,,1.005,T5,ana\nc1,,1.00,{other},ana\nc1,{one.lower()},1.00,T7,ana\n"
    )
    assert rejects(desk, rows, header) == [
        (2, "card_id", "resource_not_found"),
        (3, "code", "resource_not_found"),
        (4, "card_id", "contradiction"),
        (5, "amount", "currency_mismatch"),
        (6, "amount", "too_many_decimals"),
        (7, "invoice", "malformed_id"),
    ]
    assert desk.read("SELECT invoice FROM redemptions") == [("T7",)]
    with_currency = "card_id,amount,invoice,customer_id,currency\n"
    assert rejects(desk, "c1,1.00,T8,ana,USD\nc1,1.00,T9,ana,EUR\n", with_currency) == [
        (2, "currency", "currency_mismatch")
    ]
    desk.do(Redeem("1", "INV-1", "ana"))
    assert rejects(desk, "c1,2.00,INV-1,ana,\n") == [(2, "invoice", "invoice_already_used")]
