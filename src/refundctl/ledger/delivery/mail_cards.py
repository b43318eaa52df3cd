"""The cards that one hand-over tells their holders of, with what the mail file says of each."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from refundctl.ledger.campaigns.stored_campaigns import StoredCampaign, campaign_numbered
from refundctl.ledger.cards.last_days import LAST_DAY_HELD
from refundctl.ledger.cards.successors import with_replaced
from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.delivery.hand_overs import HANDED, find_unreachable, untold

CARDS_PER_READ = 5_000


@dataclass(frozen=True, slots=True)
class MailCards:
    """The cards that a hand-over is about, as find_mail_cards() has collected them in temp.batch_cards (card).

    Those of which nobody is told any more are left out. Balances count up to `last_transaction`.
    """

    connection: sqlite3.Connection
    campaign: StoredCampaign
    tool: str
    last_transaction: int
    count: int

    def bounds(self) -> tuple[int, int, int]:
        """The lowest card, the middle one and the highest; zeros where there is none."""
        if not self.count:
            return 0, 0, 0
        lowest, highest = self.connection.execute("SELECT min(card), max(card) FROM batch_cards").fetchone()
        middle = self.connection.execute(
            "SELECT card FROM batch_cards ORDER BY card LIMIT 1 OFFSET ?", (self.count // 2,)
        ).fetchone()[0]
        return lowest, middle, highest

    def blocks(self, cards: range) -> Iterator[list[tuple[Any, ...]]]:
        """What the mail file says of those with ids in `cards`, block by block, in order.

        Each row: email (None where there is none), name, code, balance in minor units, last valid day, bookings
        separated by `;`, customer_id, locale. What was taken back since then of these credits counts: its holder must
        not be told of it. Where later credits had to be spent for what is gone of these, nothing is left of them, and
        never less.
        """
        after = cards.start - 1
        while True:
            rows = self.connection.execute(
                f"""
                SELECT
                    customers.email, customers.name, cards.code, max(0, sum(transactions.amount_minor)),
                    {LAST_DAY_HELD.format(cards="cards")}, {_MAILED_BOOKINGS}, customers.customer_id, customers.locale,
                    cards.id
                FROM (
                    SELECT card FROM batch_cards WHERE card > :after AND card < :stop ORDER BY card LIMIT :limit
                ) AS page
                CROSS JOIN held_cards AS cards ON cards.id = page.card
                CROSS JOIN customers ON customers.id = cards.customer
                CROSS JOIN transactions
                    ON transactions.card = cards.id AND (transactions.id <= :last OR ({_TAKEN_SINCE}))
                LEFT JOIN line_versions
                    ON line_versions.id = transactions.line AND transactions.entry IS NOT NULL
                    AND transactions.run_id NOT IN (SELECT undone_run FROM undoings)
                LEFT JOIN bookings ON bookings.id = line_versions.booking
                GROUP BY cards.id
                ORDER BY cards.id
                """,
                {"after": after, "stop": cards.stop, "limit": CARDS_PER_READ, "last": self.last_transaction},
            ).fetchall()
            if not rows:
                return
            after = rows[-1][-1]
            yield [row[:-1] for row in rows]

    def left_out(self) -> tuple[int, int]:
        """How many cards are in no hand-over, as their holder has no e-mail address, and the balance on them."""
        unreachable = find_unreachable(self.connection, self.campaign.campaign_id)
        if unreachable is None:
            return 0, 0
        count, balance = self.connection.execute(
            f"""
            SELECT count(DISTINCT card), coalesce(sum(amount_minor), 0) FROM transactions
            WHERE id <= :last AND card IN (
                SELECT card FROM transactions
                WHERE campaign = :campaign AND type = 'CREDITS_ADDITION' AND id <= :last
                    AND card IN ({unreachable.cards})
                    AND card NOT IN (SELECT card FROM batch_cards) AND NOT ({HANDED})
            )
            """,
            {"campaign": self.campaign.campaign_id, "tool": self.tool, "last": self.last_transaction},
        ).fetchone()
        return count, balance


def find_mail_cards(connection: sqlite3.Connection, hand_over_id: int) -> MailCards:
    """Collect the cards that a hand-over is about; alone makes temp.batch_cards."""
    campaign, tool, last_transaction = connection.execute(
        "SELECT campaign, tool, last_transaction FROM batches WHERE id = ?", (hand_over_id,)
    ).fetchone()
    make_temporary(connection, "CREATE TEMP TABLE batch_cards (card INTEGER PRIMARY KEY);")
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
        (hand_over_id,),
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
        (hand_over_id,),
    )
    connection.execute(f"DELETE FROM batch_cards WHERE {untold(connection, 'batch_cards.card')}")
    count = int(connection.execute("SELECT count(*) FROM batch_cards").fetchone()[0])
    stored = campaign_numbered(connection, campaign)
    return MailCards(connection, stored, tool, last_transaction, count)


# Of a card that others were replaced by, the bookings whose credits were theirs; where nothing has moved, its own.
_MAILED_BOOKINGS = f"""
    coalesce(
        iif(
            EXISTS (SELECT 1 FROM transfers WHERE successor = cards.id),
            (
                {with_replaced("SELECT cards.id")}
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
_TAKEN_SINCE = """
    transactions.type = 'CREDITS_REMOVAL' AND transactions.related_transaction <= :last AND (
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
            WHERE moved.card = cards.id
                AND moved.run_id <= (SELECT run_id FROM transactions AS latest WHERE latest.id = :last)
        )
    )
"""
