"""Posting what is bought with a card, and what is given back of it."""

import sqlite3
from dataclasses import dataclass

from refundctl.domain.cards.buckets import Buckets
from refundctl.ledger.cards.card_transactions import CardTransaction, post
from refundctl.ledger.cards.successors import with_replaced

#: Why a purchase is refused after others were made.
MADE_BY_OTHERS = {"invoice_already_used", "quantity_exceeded"}


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

    The schema itself refuses more than a bucket holds, an invoice that was used before, and a dead or blocked card.
    """
    posted: list[int] = []
    for bucket, minor in new.amount.items():
        first = posted[0] if posted else None
        taken = CardTransaction(new.campaign, new.card, "CREDITS_REDEMPTION", bucket, -minor, "sales", None, first)
        posted.append(post(connection, taken, run_id))
    connection.execute(
        """
        INSERT INTO redemptions (id, card, customer, invoice, order_total_minor, pin, redeemed_at, run_id)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (posted[0], new.card, new.customer, new.invoice, new.order_total_minor, new.pin, new.redeemed_at, run_id),
    )
    return posted


@dataclass(frozen=True, slots=True)
class PastRedemption:
    """A redemption that was posted: `number` is its id, `taken` what it took, in minor units.

    `bonus_transaction` is the transaction that took the bonus, and `rolled_back_by` the run that gave it back.
    """

    number: int
    card: int
    campaign: int
    taken: Buckets
    paid_transaction: int | None
    bonus_transaction: int | None
    rolled_back_by: int | None


def redemption_of(connection: sqlite3.Connection, transaction: int) -> PastRedemption | None:
    """The redemption that a transaction is of, whether it took money off the card or gave it back; None for another."""
    row = connection.execute(
        """
        SELECT
            redemptions.id, redemptions.card, first.campaign,
            -coalesce(sum(own.amount_minor) FILTER (WHERE own.bucket = 'paid'), 0),
            -coalesce(sum(own.amount_minor) FILTER (WHERE own.bucket = 'bonus'), 0),
            max(own.id) FILTER (WHERE own.bucket = 'paid'), max(own.id) FILTER (WHERE own.bucket = 'bonus'),
            (SELECT run_id FROM rollbacks WHERE redemption = redemptions.id)
        FROM transactions AS asked
        -- Of a transaction that gives back, the one that it gives back may itself be the second of a redemption.
        LEFT JOIN transactions AS taken ON taken.id = asked.related_transaction
        CROSS JOIN redemptions ON redemptions.id IN (asked.id, asked.related_transaction, taken.related_transaction)
        CROSS JOIN transactions AS first ON first.id = redemptions.id
        CROSS JOIN transactions AS own ON own.type = 'CREDITS_REDEMPTION' AND (
            own.id = redemptions.id OR own.related_transaction = redemptions.id
        )
        WHERE asked.id = ? AND asked.type IN ('CREDITS_REDEMPTION', 'CREDITS_REFUND')
        GROUP BY redemptions.id
        """,
        (transaction,),
    ).fetchone()
    if row is None:
        return None
    number, card, campaign, paid, bonus, paid_by, bonus_by, rolled_back_by = row
    return PastRedemption(number, card, campaign, Buckets(paid, bonus), paid_by, bonus_by, rolled_back_by)


def roll_back(
    connection: sqlite3.Connection,
    redemption: PastRedemption,
    amount: Buckets,
    *,
    card: int,
    reason: str | None,
    run_id: int,
) -> list[int]:
    """Give a part of a redemption back, onto `card`; gives the ids of the new transactions.

    The schema itself refuses a second time, and more than was taken from a bucket.
    """
    posted: list[int] = []
    takers = {"paid": redemption.paid_transaction, "bonus": redemption.bonus_transaction}
    for bucket, minor in amount.items():
        campaign, taker = redemption.campaign, takers[bucket]
        back = CardTransaction(campaign, card, "CREDITS_REFUND", bucket, minor, "sales", reason, taker)
        posted.append(post(connection, back, run_id))
    connection.execute(
        "INSERT INTO rollbacks (redemption, reason, run_id) VALUES (?, ?, ?)", (redemption.number, reason, run_id)
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


def purchases_for(connection: sqlite3.Connection, card: int, invoice: str) -> list[tuple[int, int]]:
    """The redemptions of a card, or of one that it replaces, with this invoice: their ids and minor units taken."""
    rows = connection.execute(
        f"""
        {with_replaced("SELECT ?")}
        SELECT redemptions.id, (
            SELECT -sum(amount_minor) FROM transactions
            WHERE type = 'CREDITS_REDEMPTION' AND (
                transactions.id = redemptions.id OR related_transaction = redemptions.id
            )
        )
        FROM lineage CROSS JOIN redemptions ON redemptions.card = lineage.card AND redemptions.invoice = ?
        ORDER BY redemptions.id
        """,
        (card, invoice),
    )
    return rows.fetchall()


def post_refused(
    connection: sqlite3.Connection, card: int, invoice: str, amount_minor: int, error_code: str, run_id: int
) -> bool:
    """Keep what a till was refused, once for each reason; tells whether it is new.

    Reasons that other rows of the file may have made since are none of their own: a file loaded again adds nothing.
    """
    return bool(
        connection.execute(
            """
            INSERT INTO refused_redemptions (card, invoice, amount_minor, error_code, run_id)
            SELECT ?1, ?2, ?3, ?4, ?5
            WHERE NOT EXISTS (
                SELECT 1 FROM refused_redemptions
                WHERE card = ?1 AND invoice = ?2 AND amount_minor = ?3 AND (error_code = ?4 OR ?6)
            )
            """,
            (card, invoice, amount_minor, error_code, run_id, error_code in MADE_BY_OTHERS),
        ).rowcount
    )
