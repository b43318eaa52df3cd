"""Posting what is bought with a card, and what is given back of it."""

import sqlite3
from dataclasses import dataclass

from refundctl.domain.redemption import Buckets

SALES = "sales"


@dataclass(frozen=True, slots=True)
class NewRedemption:
    """A purchase to post: `amount` by bucket, in minor units. `customer` is who was named as buying."""

    card: int
    campaign: int
    amount: Buckets
    customer: int | None
    invoice: str | None
    order_total_minor: int | None
    pin: int | None = None
    redeemed_at: str | None = None


def redeem(connection: sqlite3.Connection, new: NewRedemption, run_id: int) -> list[int]:
    """Take a purchase off a card; gives the ids of its transactions, the first of which is the redemption's own.

    The schema itself refuses more than a bucket holds, an invoice that was used before, and a card that is dead or blocked.
    """
    posted: list[int] = []
    for bucket, minor in new.amount.items():
        row = connection.execute(
            """
            INSERT INTO transactions (
                campaign, card, type, bucket, amount_minor, contra_account, related_transaction, run_id
            )
            VALUES (?, ?, 'CREDITS_REDEMPTION', ?, ?, 'sales', ?, ?) RETURNING id
            """,
            (new.campaign, new.card, bucket, -minor, posted[0] if posted else None, run_id),
        ).fetchone()
        posted.append(row[0])
    connection.execute(
        """
        INSERT INTO redemptions (id, card, customer, invoice, order_total_minor, pin, redeemed_at, run_id)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (posted[0], new.card, new.customer, new.invoice, new.order_total_minor, new.pin, new.redeemed_at, run_id),
    )
    return posted


def invoice_used_by(connection: sqlite3.Connection, cards: list[int], invoice: str) -> int | None:
    """The redemption of one of these cards that has this invoice number, None where there is none."""
    for card in cards:
        row = connection.execute(
            "SELECT id FROM redemptions WHERE card = ? AND invoice = ?", (card, invoice)
        ).fetchone()
        if row is not None:
            return int(row[0])
    return None


def is_a_code(connection: sqlite3.Connection, key: str) -> bool:
    """Whether this is the key of a card's code, typed where something else belongs."""
    return connection.execute("SELECT 1 FROM codes WHERE code_key = ?", (key,)).fetchone() is not None
