"""What a purchase takes off a card and what is given back of it, found again by any of its transactions."""

import sqlite3
from dataclasses import replace

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.redeeming import NewRedemption, PastRedemption
from refundctl.ledger.desk.transferring import transfer
from support.desks.funded_desk import FundedDesk

# Of dee's card, which holds 30.00 and a bonus of 5.00; redemption 6 took 25.00 off ana's.
BOUGHT = NewRedemption(3, 1, Buckets(4_00, 5_00), 3, "INV-9", 10_00, redeemed_at="2020-06-01T10:00:00Z")
POSTED = "id, card, type, bucket, amount_minor, contra_account, related_transaction"


@pytest.fixture
def past(desk: FundedDesk) -> PastRedemption:
    redeeming.redeem(desk.connection, BOUGHT, desk.run_id)
    found = redeeming.redemption_of(desk.connection, 7)
    assert found is not None
    return found


def give_back(desk: FundedDesk, past: PastRedemption, amount: Buckets, card: int = 3) -> list[int]:
    return redeeming.roll_back(desk.connection, past, amount, card=card, reason="returned", run_id=desk.run_id)


def test_a_purchase_is_a_transaction_for_each_bucket_and_named_by_the_first(desk: FundedDesk) -> None:
    assert redeeming.redeem(desk.connection, BOUGHT, desk.run_id) == [7, 8]
    assert desk.written(POSTED, "transactions") == [
        (7, 3, "CREDITS_REDEMPTION", "paid", -4_00, "sales", None),
        (8, 3, "CREDITS_REDEMPTION", "bonus", -5_00, "sales", 7),
    ]
    said = desk.written("id, card, customer, invoice, order_total_minor, pin, redeemed_at", "redemptions")
    assert said == [(7, 3, 3, "INV-9", 10_00, None, "2020-06-01T10:00:00Z")]
    with pytest.raises(sqlite3.IntegrityError, match="below zero"):
        redeeming.redeem(desk.connection, replace(BOUGHT, invoice="INV-10", amount=Buckets(0, 1)), desk.run_id)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        redeeming.redeem(desk.connection, replace(BOUGHT, amount=Buckets(1)), desk.run_id)


def test_it_is_found_by_what_took_the_money_and_by_what_gave_it_back(desk: FundedDesk, past: PastRedemption) -> None:
    assert past == PastRedemption(7, 3, 1, Buckets(4_00, 5_00), 7, 8, None)
    given = give_back(desk, past, Buckets(4_00, 2_00))
    again = replace(past, rolled_back_by=desk.run_id)
    assert [redeeming.redemption_of(desk.connection, number) for number in (7, 8, *given)] == [again] * 4
    assert redeeming.redemption_of(desk.connection, 6) == PastRedemption(6, 1, 1, Buckets(25_00), 6, None, None)
    assert redeeming.redemption_of(desk.connection, 1) is None
    assert redeeming.redemption_of(desk.connection, 99) is None


def test_each_bucket_gets_back_at_most_what_it_gave_and_once(desk: FundedDesk, past: PastRedemption) -> None:
    for too_much in (Buckets(4_01, 0), Buckets(0, 5_01)):
        with pytest.raises(sqlite3.IntegrityError, match="no more is given back"):
            give_back(desk, past, too_much)
    assert give_back(desk, past, Buckets(0, 2_00), card=2) == [9]
    assert desk.written(POSTED, "transactions")[2:] == [(9, 2, "CREDITS_REFUND", "bonus", 2_00, "sales", 8)]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        give_back(desk, past, Buckets(1_00, 0))


def test_purchases_for_an_invoice_are_those_of_the_card_and_of_what_it_replaces(
    desk: FundedDesk, past: PastRedemption
) -> None:
    give_back(desk, past, Buckets(4_00, 5_00))
    left = Buckets(30_00, 5_00)
    transfer(desk.connection, card=3, successor=2, campaign=1, balance=left, reason=None, run_id=desk.run_id)
    redeeming.redeem(desk.connection, replace(BOUGHT, card=2, amount=Buckets(3_00)), desk.run_id)
    assert redeeming.purchases_for(desk.connection, 2, "INV-9") == [(7, 9_00), (15, 3_00)]
    assert redeeming.purchases_for(desk.connection, 3, "INV-9") == [(7, 9_00)]
    assert redeeming.purchases_for(desk.connection, 1, "INV-9") == []
    assert redeeming.invoice_used_by(desk.connection, [1, 3, 2], "INV-9") == 7
    assert redeeming.invoice_used_by(desk.connection, [1], "INV-9") is None


@pytest.mark.parametrize(
    ("card", "minor", "code", "is_new"),
    [
        (1, 75_00, "gift_amount_exceeded", False),
        (1, 75_01, "gift_amount_exceeded", True),
        (2, 75_00, "gift_amount_exceeded", True),
        (1, 75_00, "voucher_expired", True),
        # Rows of the same file have made these since: loaded again, they add nothing.
        (1, 75_00, "invoice_already_used", False),
        (1, 75_00, "quantity_exceeded", False),
        (1, 75_01, "quantity_exceeded", True),
    ],
)
def test_what_a_till_was_refused_is_kept_once_for_each_reason(
    desk: FundedDesk, card: int, minor: int, code: str, is_new: bool
) -> None:
    assert redeeming.post_refused(desk.connection, 1, "T-1", 75_00, "gift_amount_exceeded", desk.run_id)
    assert redeeming.post_refused(desk.connection, card, "T-1", minor, code, desk.run_id) is is_new
    assert len(desk.written("id", "refused_redemptions")) == 1 + is_new
