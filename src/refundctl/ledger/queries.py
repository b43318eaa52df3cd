"""Reading the ledger: figures, lists and rows for exports. Nothing here changes a fact."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.ledger.budgets import GIVEN, published_cards
from refundctl.ledger.posting.batches import DEAD, HANDED, any_undone, find_unreachable
from refundctl.ledger.posting.credits import BUCKETS

CARDS_PER_READ = 5_000


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """A campaign and the definition that counts now (canonical JSON)."""

    campaign_id: int
    name: str
    currency: str
    definition: str
    definition_id: int

    @property
    def terms(self) -> Mapping[str, Any]:
        """The definition as plain values."""
        terms: dict[str, Any] = json.loads(self.definition)
        return terms


def campaign_named(connection: sqlite3.Connection, name: str) -> StoredCampaign | None:
    """The campaign called `name`, or None."""
    return next((campaign for campaign in campaigns(connection) if campaign.name == name), None)


def campaigns(connection: sqlite3.Connection) -> list[StoredCampaign]:
    """All campaigns, oldest first."""
    rows = connection.execute(
        """
        SELECT campaigns.id, name, currency, definition, definitions.id
        FROM campaigns JOIN definitions ON definitions.id = (
            SELECT max(id) FROM definitions WHERE definitions.campaign = campaigns.id
        )
        ORDER BY campaigns.id
        """
    )
    return [StoredCampaign(*row) for row in rows]


def earlier_definitions(connection: sqlite3.Connection, campaign: StoredCampaign) -> list[tuple[int, str]]:
    """The ids and texts of the definitions that a campaign had before this one, the last one first."""
    return connection.execute(
        "SELECT id, definition FROM definitions WHERE campaign = ? AND id < ? ORDER BY id DESC",
        (campaign.campaign_id, campaign.definition_id),
    ).fetchall()


def has_cards(connection: sqlite3.Connection, campaign: int) -> bool:
    """Whether the campaign has published a card."""
    found = "SELECT EXISTS (SELECT 1 FROM held_cards WHERE campaign = ?)"
    return bool(connection.execute(found, (campaign,)).fetchone()[0])


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """What a campaign has come to, net of undo, in minor units of its currency."""

    published: int
    deactivated: int
    unassigned: int
    funded: int
    unreachable: int
    not_handed_over: int
    paid_minor: int
    bonus_minor: int
    fee_minor: int
    cash_minor: int
    balance_minor: int
    expired_minor: int
    next_expiry: str | None
    open_batches: Sequence[str]


def campaign_figures(connection: sqlite3.Connection, campaign: int, today: str) -> CampaignFigures:
    """Add up a campaign; `today` is the day in its time zone, by which a card has expired or not."""
    published = published_cards(connection, campaign)
    held = connection.execute("SELECT count(*) FROM held_cards WHERE campaign = ?", (campaign,)).fetchone()[0]
    made = connection.execute("SELECT count(*) FROM cards WHERE campaign = ?", (campaign,)).fetchone()[0]
    funded, paid, bonus, fee, cash, balance = connection.execute(
        f"""
        SELECT
            count(*) FILTER (WHERE entry = 1 AND bucket <> 'fee' AND run_id NOT IN (SELECT undone_run FROM undoings)),
            {", ".join(f"coalesce(sum(amount_minor) FILTER (WHERE bucket = '{name}' AND {GIVEN}), 0)" for name in BUCKETS)},
            coalesce(sum(amount_minor) FILTER (WHERE card IS NOT NULL), 0)
        FROM transactions WHERE campaign = ?
        """,
        (campaign,),
    ).fetchone()
    expired, next_expiry = connection.execute(
        """
        SELECT
            coalesce(sum(balance_minor) FILTER (WHERE card_expiries.expires_on < ?2), 0),
            min(card_expiries.expires_on) FILTER (WHERE card_expiries.expires_on >= ?2 AND balance_minor > 0)
        FROM cards
        JOIN card_expiries ON card_expiries.card = cards.id
        JOIN card_balances ON card_balances.card = cards.id
        WHERE cards.campaign = ?1
        """,
        (campaign, today),
    ).fetchone()
    return CampaignFigures(
        published=published,
        deactivated=held - published,
        unassigned=made - held,
        funded=funded,
        unreachable=_unreachable(connection, campaign),
        not_handed_over=_not_handed_over(connection, campaign),
        paid_minor=paid,
        bonus_minor=bonus,
        fee_minor=fee,
        cash_minor=cash,
        balance_minor=balance,
        expired_minor=expired,
        next_expiry=next_expiry,
        open_batches=[
            row[0]
            for row in connection.execute(
                "SELECT directory FROM batches WHERE campaign = ? AND id NOT IN (SELECT batch FROM deliveries) ORDER BY id",
                (campaign,),
            )
        ],
    )


def _unreachable(connection: sqlite3.Connection, campaign: int) -> int:
    """How many customers with a funded card have no e-mail address."""
    return int(
        connection.execute(
            """
            SELECT count(DISTINCT cards.customer)
            FROM held_cards AS cards JOIN customers ON customers.id = cards.customer
            WHERE campaign = ? AND email IS NULL
                AND EXISTS (SELECT 1 FROM transactions WHERE transactions.card = cards.id)
                AND NOT EXISTS (SELECT 1 FROM card_events WHERE card_events.card = cards.id AND event = 'deactivated')
            """,
            (campaign,),
        ).fetchone()[0]
    )


def _not_handed_over(connection: sqlite3.Connection, campaign: int) -> int:
    """How many funded refund lines no mail tool has been given, and that no undo has taken back."""
    return int(
        connection.execute(
            """
            SELECT
                (
                    SELECT count(*) FROM transactions
                    WHERE campaign = ?1 AND entry = 1 AND card IS NOT NULL
                        AND run_id NOT IN (SELECT undone_run FROM undoings)
                )
                - (
                    SELECT count(DISTINCT transactions.id)
                    FROM batch_ranges
                    JOIN deliveries ON deliveries.batch = batch_ranges.batch
                    CROSS JOIN transactions
                        ON transactions.id BETWEEN first_transaction AND batch_ranges.last_transaction
                        AND transactions.campaign = ?1 AND entry = 1 AND card IS NOT NULL
                        AND transactions.run_id NOT IN (SELECT undone_run FROM undoings)
                    WHERE batch_ranges.campaign = ?1
                )
            """,
            (campaign,),
        ).fetchone()[0]
    )


def clock_kind(connection: sqlite3.Connection) -> str:
    """'system', or 'rehearsal' where the ledger was made under REFUNDCTL_NOW."""
    row = connection.execute("SELECT clock FROM ledger").fetchone()
    return "" if row is None else str(row[0])


def journal(connection: sqlite3.Connection, run_id: int | None = None) -> list[dict[str, Any]]:
    """The runs in order, each refused attempt after the run before it; or one run with its steps."""
    condition = "" if run_id is None else "WHERE ?1 IN (runs.id, runs.parent_run_id)"
    rows = connection.execute(
        f"""
        SELECT
            runs.id, parent_run_id, command, campaign, operator, user_id, host, started_at, finished_at,
            coalesce(status, 'open'), counts, totals, files, arguments, NULL AS error_code, NULL AS message,
            runs.id AS place, 0 AS attempt
        FROM runs LEFT JOIN run_outcomes ON run_outcomes.run_id = runs.id {condition}
        UNION ALL
        SELECT
            NULL, NULL, command, campaign, operator, user_id, host, started_at, finished_at, status, '{{}}', '{{}}', '[]',
            arguments, error_code, message, after_run_id, id
        FROM attempts WHERE ?1 IS NULL
        ORDER BY place, attempt
        """,
        (run_id,),
    )
    return [_journal_entry(row) for row in rows]


def _journal_entry(row: tuple[Any, ...]) -> dict[str, Any]:
    names = (
        "run_id",
        "parent_run_id",
        "command",
        "campaign",
        "operator",
        "user_id",
        "host",
        "started_at",
        "finished_at",
    )
    entry: dict[str, Any] = dict(zip((*names, "status"), row, strict=False))
    entry |= {name: json.loads(text or "{}") for name, text in zip(("counts", "totals"), row[10:12], strict=True)}
    entry |= {"files": json.loads(row[12] or "[]"), "arguments": json.loads(row[13])}
    if row[14] is not None:
        entry |= {"error": {"code": row[14], "message": row[15]}}
    return entry


def delivered_files(connection: sqlite3.Connection, batch: int) -> list[dict[str, Any]]:
    """What was written for a batch: path, rows, sha256; empty where it was not delivered."""
    row = connection.execute("SELECT files FROM deliveries WHERE batch = ?", (batch,)).fetchone()
    files: list[dict[str, Any]] = [] if row is None else json.loads(row[0])
    return files


def new_line_totals(connection: sqlite3.Connection, versions_before: int) -> dict[str, dict[str, int]]:
    """Per currency, what the refund lines that came in after `versions_before` are owed, in minor units."""
    return _totals(
        connection.execute(
            """
            SELECT currency, sum(order_amount_minor), sum(refund_amount_minor)
            FROM line_versions WHERE id > ? AND version = 1 GROUP BY currency ORDER BY currency
            """,
            (versions_before,),
        )
    )


def staged_totals(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """The same for all staged rows that stand, new or known: what the files say."""
    return _totals(
        connection.execute(
            """
            SELECT currency, sum(order_amount_minor), sum(refund_amount_minor)
            FROM staged WHERE id NOT IN (SELECT staged_id FROM set_aside) GROUP BY currency ORDER BY currency
            """
        )
    )


def _totals(rows: Iterable[tuple[str, int, int]]) -> dict[str, dict[str, int]]:
    return {currency: {"total": refund, "order_amount": order} for currency, order, refund in rows}


def last_transaction(connection: sqlite3.Connection) -> int:
    """The highest transaction id, 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM transactions").fetchone()[0])


# Exports


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
    if any_undone(connection):
        connection.execute(f"DELETE FROM batch_cards WHERE {DEAD.format(card='batch_cards.card')}")
    return int(connection.execute("SELECT count(*) FROM batch_cards").fetchone()[0])


def mail_cards(connection: sqlite3.Connection, last_transaction: int, cards: range) -> Iterator[list[tuple[Any, ...]]]:
    """The cards collected by find_batch_cards() with ids in `cards`, block by block, in order.

    Each row: email (None where there is none), name, code, balance in minor units, last valid day, bookings separated
    by `;`, customer_id, locale. What was taken back since then of these credits counts: its holder must not be told of it.
    Where later credits had to be spent for what is gone of these, nothing is left of them, and never less.
    """
    after = cards.start - 1
    while True:
        rows = connection.execute(
            """
            SELECT
                customers.email, customers.name, cards.code, max(0, sum(transactions.amount_minor)),
                coalesce(
                    (SELECT max(expires_on) FROM extensions WHERE extensions.card = cards.id), cards.expires_on
                ),
                group_concat(bookings.booking_id, ';'), customers.customer_id, customers.locale, cards.id
            FROM (
                SELECT card FROM batch_cards WHERE card > :after AND card < :stop ORDER BY card LIMIT :limit
            ) AS page
            CROSS JOIN held_cards AS cards ON cards.id = page.card
            CROSS JOIN customers ON customers.id = cards.customer
            CROSS JOIN transactions
                ON transactions.card = cards.id AND (
                    transactions.id <= :last
                    OR (transactions.type = 'CREDITS_REMOVAL' AND transactions.related_transaction <= :last)
                )
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


# The booking that a card is for, or the bookings that a customer's card was topped up for.
_BOOKING_IDS = """
    coalesce(
        bookings.booking_id,
        (
            SELECT group_concat(booking_id, ';') FROM (
                SELECT DISTINCT credited.booking_id
                FROM transactions
                JOIN line_versions ON line_versions.id = transactions.line
                JOIN bookings AS credited ON credited.id = line_versions.booking
                WHERE transactions.card = held_cards.id
                ORDER BY transactions.id
            )
        )
    )
"""
# Cards of the bookings, or of the customers, that are considered.
_CONSIDERED_CARDS = """
    AND iif(
        held_cards.booking IS NULL,
        held_cards.customer IN (SELECT customer FROM considered),
        held_cards.booking IN (SELECT booking FROM considered)
    )
"""


def card_rows(
    connection: sqlite3.Connection, campaign: int, today: str, *, considered_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """All cards of a campaign: id, code, customer, bookings, state, balance (minor units), when published, last day, uses."""
    return iter(
        connection.execute(
            f"""
            SELECT
                cards.id, cards.code, customers.customer_id,
                {_BOOKING_IDS},
                CASE
                    WHEN held_cards.id IS NULL THEN 'unassigned'
                    WHEN EXISTS (SELECT 1 FROM card_events WHERE card_events.card = cards.id AND event = 'deactivated')
                        THEN 'deactivated'
                    WHEN card_expiries.expires_on < ?2 THEN 'expired'
                    ELSE 'active'
                END,
                coalesce((SELECT sum(amount_minor) FROM transactions WHERE transactions.card = cards.id), 0),
                runs.started_at, card_expiries.expires_on, 0
            FROM cards
            LEFT JOIN held_cards ON held_cards.id = cards.id
            LEFT JOIN card_expiries ON card_expiries.card = cards.id
            LEFT JOIN customers ON customers.id = held_cards.customer
            LEFT JOIN runs ON runs.id = held_cards.run_id
            LEFT JOIN bookings ON bookings.id = held_cards.booking
            WHERE cards.campaign = ?1
                {_CONSIDERED_CARDS if considered_only else ""}
            ORDER BY cards.id
            """,
            (campaign, today),
        )
    )


def transaction_rows(
    connection: sqlite3.Connection, campaign: int, *, considered_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """All transactions of a campaign: id, card, type, bucket, amount, the card's balance after it, booking, refund, ..."""
    return iter(
        connection.execute(
            f"""
            SELECT
                transactions.id, transactions.card, type, bucket, amount_minor,
                CASE WHEN card IS NOT NULL THEN
                    sum(amount_minor) OVER (PARTITION BY card ORDER BY transactions.id)
                END,
                bookings.booking_id, coalesce(nullif(line_versions.refund_id, ''), bookings.booking_id),
                transactions.reason, transactions.related_transaction, transactions.run_id, runs.started_at
            FROM transactions
            CROSS JOIN runs ON runs.id = transactions.run_id
            LEFT JOIN line_versions ON line_versions.id = transactions.line
            LEFT JOIN bookings ON bookings.id = line_versions.booking
            WHERE transactions.campaign = ?
                {"AND transactions.line IN (SELECT line FROM considered)" if considered_only else ""}
            ORDER BY transactions.id
            """,
            (campaign,),
        )
    )


def publication_rows(
    connection: sqlite3.Connection, campaign: int, *, considered_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """All publications of a campaign: card, customer, booking, when, run."""
    return iter(
        connection.execute(
            f"""
            SELECT held_cards.id, customers.customer_id, {_BOOKING_IDS}, runs.started_at, held_cards.run_id
            FROM held_cards
            CROSS JOIN customers ON customers.id = held_cards.customer
            CROSS JOIN runs ON runs.id = held_cards.run_id
            LEFT JOIN bookings ON bookings.id = held_cards.booking
            WHERE held_cards.campaign = ?
                {_CONSIDERED_CARDS if considered_only else ""}
            ORDER BY held_cards.id
            """,
            (campaign,),
        )
    )


def booking_rows(connection: sqlite3.Connection, campaign: int) -> Iterator[tuple[Any, ...]]:
    """Every considered refund line with its customer, segment, card, what it was given net of undo, and its state.

    What it was given by the campaign is paid, bonus and fee, in minor units.
    """
    connection.execute("DROP TABLE IF EXISTS temp.given_lines")
    connection.execute(
        """
        CREATE TEMP TABLE given_lines (
            line INTEGER PRIMARY KEY, card INTEGER, paid_minor INTEGER, bonus_minor INTEGER, fee_minor INTEGER
        )
        """
    )
    connection.execute(
        """
        INSERT INTO given_lines
        SELECT
            line, max(card) FILTER (WHERE entry IS NOT NULL), sum(amount_minor) FILTER (WHERE bucket = 'paid'),
            sum(amount_minor) FILTER (WHERE bucket = 'bonus'), sum(amount_minor) FILTER (WHERE bucket = 'fee')
        FROM transactions WHERE campaign = ? AND line IS NOT NULL GROUP BY line
        """,
        (campaign,),
    )
    return iter(
        connection.execute(
            """
            SELECT
                refund_lines.booking_id, refund_lines.order_amount_minor, refund_lines.currency, refund_lines.refund_id,
                refund_lines.refund_amount_minor, refund_lines.cash_amount_minor, refund_lines.bonus_amount_minor,
                customers.customer_id, customers.email, customers.name, customers.phone,
                customers.locale, coalesce(segments.country, customers.country), segments.status,
                refund_lines.booked_at, refund_lines.cancelled_at,
                segments.channel, segments.category, segments.tier, refund_lines.tickets, segments.accepted,
                customers.marketing_consent,
                given_lines.card, coalesce(given_lines.paid_minor, 0), coalesce(given_lines.bonus_minor, 0),
                coalesce(given_lines.fee_minor, 0), considered.state
            FROM considered
            CROSS JOIN refund_lines ON refund_lines.line = considered.line
            CROSS JOIN customers ON customers.id = refund_lines.customer
            CROSS JOIN segments ON segments.id = refund_lines.segment
            LEFT JOIN given_lines ON given_lines.line = considered.line
            ORDER BY considered.booking, considered.line
            """
        )
    )
