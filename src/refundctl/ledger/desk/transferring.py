"""Posting transfers: the whole balance of a card moves to its successor, bucket by bucket, and the card is dead."""

import sqlite3

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cards.card_transactions import CardTransaction, post


def transfer(
    connection: sqlite3.Connection,
    *,
    card: int,
    successor: int,
    campaign: int,
    balance: Buckets,
    reason: str | None,
    run_id: int,
) -> list[int]:
    """Move `balance`, which is all there is on the card; gives the ids of the transactions, none for nothing."""
    posted: list[int] = []
    for bucket, minor in balance.items():
        out = CardTransaction(campaign, card, "CREDITS_REMOVAL", bucket, -minor, "transfers", reason, None)
        removal = post(connection, out, run_id)
        onto = CardTransaction(campaign, successor, "CREDITS_ADDITION", bucket, minor, "transfers", reason, removal)
        posted += [removal, post(connection, onto, run_id)]
    connection.execute(
        "INSERT INTO transfers (card, successor, reason, run_id) VALUES (?, ?, ?, ?)", (card, successor, reason, run_id)
    )
    return posted
