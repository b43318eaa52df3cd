"""The cards that one hand-over tells their holders of, with what the mail file says of each."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from refundctl.ledger.campaigns.stored_campaigns import StoredCampaign, campaigns
from refundctl.ledger.delivery.hand_overs import HANDED, find_unreachable, untold
from refundctl.ledger.file.sql import any_rows

CARDS_PER_READ = 5_000


def batch_terms(connection: sqlite3.Connection, batch: int) -> tuple[StoredCampaign, int]:
    """The campaign of a batch, and the last transaction that its balances count."""
    campaign, last = connection.execute(
        "SELECT campaign, last_transaction FROM batches WHERE id = ?", (batch,)
    ).fetchone()
    return next(stored for stored in campaigns(connection) if stored.campaign_id == campaign), last


def find_batch_cards(connection: sqlite3.Connection, batch: int) -> int:
    """Collect the cards that a batch is about, those left out of which nobody is told any more; give their number."""
    connection.execute("DROP TABLE IF EXISTS temp.batch_cards")
    connection.execute("CREATE TEMP TABLE batch_cards (card INTEGER PRIMARY KEY)")
    connection.execute(
        """
        INSERT OR IGNORE INTO batch_cards
        SELECT transactions.card
        FROM batch_ranges
        CROSS JOIN transactions
            ON transactions.id BETWEEN batch_ranges.first_transaction AND batch_ranges.last_transaction
            AND transactions.campaign = batch_ranges.campaign
        WHERE batch_ranges.batch = ? AND transactions.type = 'CREDITS_ADDITION' AND transactions.card IS NOT NULL
        """,
        (batch,),
    )
    connection.execute(
        """
        INSERT OR IGNORE INTO batch_cards
        SELECT transactions.card
        FROM batches
        CROSS JOIN transactions
            ON transactions.campaign = batches.campaign AND transactions.id <= batches.last_transaction
        WHERE batches.id = ? AND everyone AND transactions.card IS NOT NULL
        """,
        (batch,),
    )
    left_out = untold(connection, "batch_cards.card")
    if left_out:
        connection.execute(f"DELETE FROM batch_cards WHERE {left_out}")
    return int(connection.execute("SELECT count(*) FROM batch_cards").fetchone()[0])


def mail_cards(connection: sqlite3.Connection, last_transaction: int, cards: range) -> Iterator[list[tuple[Any, ...]]]:
    """The cards collected by find_batch_cards() with ids in `cards`, block by block, in order.

    Each row: email (None where there is none), name, code, balance in minor units, last valid day, bookings separated
    by `;`, customer_id, locale. What was taken back since then of these credits counts: its holder must not be told of it.
    Where later credits had to be spent for what is gone of these, nothing is left of them, and never less.
    """
    bookings, since = _MAILED_BOOKINGS, _TAKEN_SINCE
    if any_rows(connection, "transfers"):
        bookings, since = _MAILED_BOOKINGS_MOVED, _TAKEN_SINCE_MOVED
    after = cards.start - 1
    while True:
        rows = connection.execute(
            f"""
            SELECT
                customers.email, customers.name, cards.code, max(0, sum(transactions.amount_minor)),
                coalesce(
                    (SELECT max(expires_on) FROM extensions WHERE extensions.card = cards.id), cards.expires_on
                ),
                {bookings}, customers.customer_id, customers.locale, cards.id
            FROM (
                SELECT card FROM batch_cards WHERE card > :after AND card < :stop ORDER BY card LIMIT :limit
            ) AS page
            CROSS JOIN held_cards AS cards ON cards.id = page.card
            CROSS JOIN customers ON customers.id = cards.customer
            CROSS JOIN transactions
                ON transactions.card = cards.id AND (transactions.id <= :last OR ({since}))
            LEFT JOIN line_versions
                ON line_versions.id = transactions.line AND transactions.entry IS NOT NULL
                AND transactions.run_id NOT IN (SELECT undone_run FROM undoings)
            LEFT JOIN bookings ON bookings.id = line_versions.booking
            GROUP BY cards.id
            ORDER BY cards.id
            """,
            {"after": after, "stop": cards.stop, "limit": CARDS_PER_READ, "last": last_transaction},
        ).fetchall()
        if not rows:
            return
        after = rows[-1][-1]
        yield [row[:-1] for row in rows]


_MAILED_BOOKINGS = "group_concat(bookings.booking_id, ';')"
_TAKEN_SINCE = "transactions.type = 'CREDITS_REMOVAL' AND transactions.related_transaction <= :last"
# Of a card that others were replaced by, the bookings whose credits were theirs; where nothing has moved, the card's own.
_MAILED_BOOKINGS_MOVED = """
    coalesce(
        iif(
            EXISTS (SELECT 1 FROM transfers WHERE successor = cards.id),
            (
                WITH RECURSIVE lineage (card) AS (
                    SELECT cards.id
                    UNION
                    SELECT transfers.card FROM lineage CROSS JOIN transfers ON transfers.successor = lineage.card
                )
                SELECT group_concat(booking_id, ';') FROM (
                    SELECT credited.booking_id
                    FROM lineage
                    CROSS JOIN transactions AS credit ON credit.card = lineage.card AND credit.id <= :last
                    CROSS JOIN line_versions AS line ON line.id = credit.line
                    CROSS JOIN bookings AS credited ON credited.id = line.booking
                    WHERE credit.entry IS NOT NULL AND credit.run_id NOT IN (SELECT undone_run FROM undoings)
                    ORDER BY credit.id
                )
            ),
            group_concat(bookings.booking_id, ';')
        ),
        (SELECT booking_id FROM bookings AS own WHERE own.id = cards.booking)
    )
"""
# What was taken back of a credit on a card that this one has replaced counts if the money had come here by then.
_TAKEN_SINCE_MOVED = f"""
    {_TAKEN_SINCE} AND (
        cards.id = (SELECT card FROM transactions AS credit WHERE credit.id = transactions.related_transaction)
        OR EXISTS (
            WITH RECURSIVE moved (card, run_id) AS (
                SELECT successor, transfers.run_id
                FROM transactions AS credit CROSS JOIN transfers ON transfers.card = credit.card
                WHERE credit.id = transactions.related_transaction
                UNION
                SELECT successor, transfers.run_id FROM moved CROSS JOIN transfers ON transfers.card = moved.card
            )
            SELECT 1 FROM moved
            WHERE moved.card = cards.id AND moved.run_id <= (SELECT run_id FROM transactions AS latest WHERE latest.id = :last)
        )
    )
"""


def batch_unreachable(connection: sqlite3.Connection, batch: int) -> tuple[int, int]:
    """How many cards are not in this batch, and in none before, as their holder has no e-mail address; and their balance.

    find_batch_cards() comes before.
    """
    campaign, tool, last = connection.execute(
        "SELECT campaign, tool, last_transaction FROM batches WHERE id = ?", (batch,)
    ).fetchone()
    if not find_unreachable(connection, campaign):
        return 0, 0
    count, balance = connection.execute(
        f"""
        SELECT count(DISTINCT card), coalesce(sum(amount_minor), 0) FROM transactions
        WHERE id <= :last AND card IN (
            SELECT card FROM transactions
            WHERE campaign = :campaign AND type = 'CREDITS_ADDITION' AND id <= :last
                AND card IN (SELECT card FROM unreachable_cards)
                AND card NOT IN (SELECT card FROM batch_cards) AND NOT ({HANDED})
        )
        """,
        {"campaign": campaign, "tool": tool, "last": last},
    ).fetchone()
    return count, balance


def batch_card_bounds(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """The lowest card, the middle one and the highest of find_batch_cards(); zeros where there is none."""
    count = connection.execute("SELECT count(*) FROM batch_cards").fetchone()[0]
    if not count:
        return 0, 0, 0
    lowest, highest = connection.execute("SELECT min(card), max(card) FROM batch_cards").fetchone()
    middle = connection.execute(
        "SELECT card FROM batch_cards ORDER BY card LIMIT 1 OFFSET ?", (count // 2,)
    ).fetchone()[0]
    return lowest, middle, highest
