"""Posting the balance of cards that have expired: what nobody will spend any more is breakage."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.cards.card_transactions import last_transaction
from refundctl.ledger.cards.state import many_cards


@dataclass(frozen=True, slots=True)
class PostedBreakage:
    """How many cards' balances were booked, and how much of each bucket, in minor units."""

    cards: int
    paid_minor: int
    bonus_minor: int


def post_breakage(
    connection: sqlite3.Connection, campaign: int, today: str, reason: str | None, run_id: int
) -> PostedBreakage:
    """Take what is left off every card of a campaign whose last valid day is before `today`, the day in its time zone.

    Whatever else the card is: blocked, deactivated, locked. A card without a last day is never among them, and of one
    that is dead or frozen by moving its balance nothing is left.
    """
    before = last_transaction(connection)
    connection.execute(
        f"""
        INSERT INTO transactions (campaign, card, type, bucket, amount_minor, contra_account, reason, run_id)
        SELECT :campaign, card, 'CREDITS_REMOVAL', bucket, -left_minor, 'breakage', :reason, :run
        FROM (
            SELECT card, bucket, sum(amount_minor) AS left_minor
            FROM (
                SELECT id FROM cards WHERE campaign = :campaign AND {many_cards(connection).last_day} < :today
            ) AS expired
            CROSS JOIN transactions ON transactions.card = expired.id
            GROUP BY card, bucket HAVING left_minor > 0
        )
        ORDER BY card, bucket DESC
        """,
        {"campaign": campaign, "today": today, "reason": reason, "run": run_id},
    )
    found = connection.execute(
        """
        SELECT
            count(DISTINCT card), coalesce(-sum(amount_minor) FILTER (WHERE bucket = 'paid'), 0),
            coalesce(-sum(amount_minor) FILTER (WHERE bucket = 'bonus'), 0)
        FROM transactions WHERE id > ?
        """,
        (before,),
    ).fetchone()
    return PostedBreakage(*found)
