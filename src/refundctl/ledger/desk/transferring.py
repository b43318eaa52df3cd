"""Posting transfers: the whole balance of a card moves to its successor, bucket by bucket, and the card is dead."""

import sqlite3

from refundctl.domain.cards.buckets import Buckets


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
    """Move `balance`, which is all there is on the card; gives the ids of the transactions, none where it holds
    nothing."""
    posted: list[int] = []
    for bucket, minor in balance.items():
        removal = _post(connection, (campaign, card, "CREDITS_REMOVAL", bucket, -minor, reason, None, run_id))
        addition = _post(connection, (campaign, successor, "CREDITS_ADDITION", bucket, minor, reason, removal, run_id))
        posted += [removal, addition]
    connection.execute(
        "INSERT INTO transfers (card, successor, reason, run_id) VALUES (?, ?, ?, ?)", (card, successor, reason, run_id)
    )
    return posted


def _post(connection: sqlite3.Connection, values: tuple[int | str | None, ...]) -> int:
    row = connection.execute(
        """
        INSERT INTO transactions (
            campaign, card, type, bucket, amount_minor, contra_account, reason, related_transaction, run_id
        )
        VALUES (?, ?, ?, ?, ?, 'transfers', ?, ?, ?) RETURNING id
        """,
        values,
    ).fetchone()
    return int(row[0])
