"""A correction by hand: one transaction for each bucket, its kind by its sign, and never more off than a bucket holds."""

import sqlite3

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.desk import adjusting
from support.desks.funded_desk import FundedDesk

POSTED = "card, line, type, bucket, amount_minor, contra_account, reason"


def adjust(desk: FundedDesk, amount: Buckets, account: adjusting.ContraAccount = "adjustments") -> list[int]:
    """On dee's card, which holds 30.00 and a bonus of 5.00."""
    return adjusting.post(desk.connection, account, card=3, campaign=1, amount=amount, reason="why", run_id=desk.run_id)


def test_what_comes_on_is_an_addition_and_what_comes_off_a_removal(desk: FundedDesk) -> None:
    assert adjust(desk, Buckets(-30_00, 1)) == [7, 8]
    assert desk.written(POSTED, "transactions") == [
        (3, None, "CREDITS_REMOVAL", "paid", -30_00, "adjustments", "why"),
        (3, None, "CREDITS_ADDITION", "bonus", 1, "adjustments", "why"),
    ]
    assert desk.read("SELECT paid_minor, bonus_minor FROM card_balances WHERE card = 3") == [(0, 5_01)]


def test_an_empty_bucket_has_no_transaction_and_goodwill_its_own_account(desk: FundedDesk) -> None:
    assert adjust(desk, Buckets(0, 2_00), "goodwill") == [7]
    assert desk.written("bucket, contra_account", "transactions") == [("bonus", "goodwill")]
    assert adjust(desk, Buckets()) == []


@pytest.mark.parametrize("amount", [Buckets(-30_01, 0), Buckets(-30_00, -5_01)])
def test_no_more_comes_off_a_bucket_than_it_holds_whatever_the_other_has(desk: FundedDesk, amount: Buckets) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="below zero"):
        adjust(desk, amount)
