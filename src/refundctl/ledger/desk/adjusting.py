"""Posting what is given, or taken, out of hand: corrections of balances, and goodwill."""

import sqlite3
from typing import Literal

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cards import card_transactions
from refundctl.ledger.cards.card_transactions import CardTransaction

ContraAccount = Literal["adjustments", "goodwill"]


def post(
    connection: sqlite3.Connection,
    contra_account: ContraAccount,
    *,
    card: int,
    campaign: int,
    amount: Buckets,
    reason: str,
    run_id: int,
) -> list[int]:
    """Put an amount on a card, or take a negative one off it; gives the ids of the transactions, one for each bucket.

    The schema itself refuses to take more than a bucket holds.
    """
    posted = []
    for bucket, minor in amount.items():
        kind = "CREDITS_ADDITION" if minor > 0 else "CREDITS_REMOVAL"
        given = CardTransaction(campaign, card, kind, bucket, minor, contra_account, reason, None)
        posted.append(card_transactions.post(connection, given, run_id))
    return posted
