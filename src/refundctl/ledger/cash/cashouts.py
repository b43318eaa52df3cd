"""Posting cash-outs: a customer asks for cash instead of a card, or gets the card back."""

import sqlite3

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cards.card_transactions import CardTransaction, post


def request(
    connection: sqlite3.Connection, *, card: int, campaign: int, balance: Buckets, reason: str, run_id: int
) -> list[int]:
    """Take everything off a card: `paid` is owed in cash from then on, and the bonus lapses.

    Gives the ids of the transactions, the first of which is the debt's own.
    """
    posted: list[int] = []
    for (bucket, minor), contra in zip(balance.items(), ("cash_owed", "lapsed"), strict=False):
        first = posted[0] if posted else None
        removal = CardTransaction(campaign, card, "CREDITS_REMOVAL", bucket, -minor, contra, reason, first)
        posted.append(post(connection, removal, run_id))
    connection.execute(
        "INSERT INTO cashouts (id, card, reason, run_id) VALUES (?, ?, ?, ?)", (posted[0], card, reason, run_id)
    )
    return posted


def cancel(connection: sqlite3.Connection, debt: int, reason: str | None, run_id: int) -> list[int]:
    """Give back onto the card what a request took off it; gives the ids of the transactions, `paid` first.

    The schema itself refuses it for what is in a file for the bank, or has ended.
    """
    connection.execute("INSERT INTO cash_outcomes (debt, outcome, run_id) VALUES (?, 'cancelled', ?)", (debt, run_id))
    taken = connection.execute(
        """
        SELECT campaign, card, 'CREDITS_ADDITION', bucket, -amount_minor, contra_account, ?2, id FROM transactions
        WHERE (id = ?1 OR related_transaction = ?1) AND type = 'CREDITS_REMOVAL' ORDER BY id
        """,
        (debt, reason),
    ).fetchall()
    return [post(connection, CardTransaction(*row), run_id) for row in taken]
