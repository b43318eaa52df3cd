"""Posting what is given, or taken, out of hand: corrections of balances, and goodwill."""

import sqlite3
from typing import Literal

from refundctl.domain.cards.buckets import Buckets

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
    return [
        connection.execute(
            """
            INSERT INTO transactions (campaign, card, type, bucket, amount_minor, contra_account, reason, run_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
            """,
            (
                campaign,
                card,
                "CREDITS_ADDITION" if minor > 0 else "CREDITS_REMOVAL",
                bucket,
                minor,
                contra_account,
                reason,
                run_id,
            ),
        ).fetchone()[0]
        for bucket, minor in amount.items()
    ]
