"""Reading the ledger: figures, lists and rows for exports. Nothing here changes a fact."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.cards.one_card import REDEMPTIONS
from refundctl.ledger.cards.state import (
    BEARERS_CARDS,
    BOOKING,
    DEACTIVATED,
    DEACTIVATED_CARDS,
    HAND_OUTS,
    HOLDER,
    LAST_DAY_HELD,
    TRANSFERRED,
    TRANSFERRED_CARDS,
    many_cards,
)
from refundctl.ledger.cash.debts import count_open
from refundctl.ledger.delivery.batches import HANDED, find_unreachable, untold
from refundctl.ledger.desk.card_details import BALANCE_AFTER, INVOICE, refused_redemptions_open
from refundctl.ledger.file.sql import any_rows
from refundctl.ledger.funding.budgets import published_cards
from refundctl.ledger.funding.topping_up import BUCKETS

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
    """What a campaign has come to, net of undo, in minor units of its currency.

    What lies on cards whose last day is over counts as expired, booked as breakage or not. So outstanding_minor, which can
    still be spent, is paid + bonus + adjusted - redeemed - expired - cashed_out - lapsed. `states` counts the cards to which
    something was done at the desk; `activated` are those alive without a holder.
    """

    published: int
    activated: int
    states: Mapping[CardState, int]
    cash_debts_open: int
    till_overdrafts_open: int
    deactivated: int
    unassigned: int
    funded: int
    unreachable: int
    not_handed_over: int
    paid_minor: int
    bonus_minor: int
    fee_minor: int
    cash_minor: int
    adjusted_minor: int
    redeemed_minor: int
    cashed_out_minor: int
    lapsed_minor: int
    expired_minor: int
    outstanding_minor: int
    next_expiry: str | None
    open_batches: Sequence[str]


def campaign_figures(connection: sqlite3.Connection, campaign: int, today: str) -> CampaignFigures:
    """Add up a campaign; `today` is the day in its time zone, by which a card has expired or not."""
    published = published_cards(connection, campaign)
    deactivated = _count(connection, DEACTIVATED_CARDS, campaign)
    made = connection.execute("SELECT count(*) FROM cards WHERE campaign = ?", (campaign,)).fetchone()[0]
    funded, paid, bonus, fee, cash, balance = connection.execute(
        f"""
        SELECT
            count(*) FILTER (WHERE entry = 1 AND bucket <> 'fee' AND run_id NOT IN (SELECT undone_run FROM undoings)),
            {", ".join(f"coalesce(sum(amount_minor) FILTER (WHERE bucket = '{name}' AND {_FUNDING}), 0)" for name in BUCKETS)},
            coalesce(sum(amount_minor) FILTER (WHERE card IS NOT NULL), 0)
        FROM transactions WHERE campaign = ?
        """,
        (campaign,),
    ).fetchone()
    moved = _moved(connection, campaign)
    unbooked, next_expiry = connection.execute(
        f"""
        SELECT
            coalesce(sum(balance_minor) FILTER (WHERE card_expiries.expires_on < ?2), 0),
            min(card_expiries.expires_on) FILTER (
                WHERE card_expiries.expires_on >= ?2 AND balance_minor > 0 AND {_not_dead(connection)}
            )
        FROM cards
        JOIN card_expiries ON card_expiries.card = cards.id
        JOIN card_balances ON card_balances.card = cards.id
        WHERE cards.campaign = ?1
        """,
        (campaign, today),
    ).fetchone()
    return CampaignFigures(
        published=published,
        activated=_count(connection, f"{BEARERS_CARDS} AND {_NOT_ENDED}", campaign),
        states=_states(connection, campaign, today),
        cash_debts_open=count_open(connection, campaign) if cash or "cash_owed" in moved else 0,
        till_overdrafts_open=len(refused_redemptions_open(connection, campaign=campaign)),
        deactivated=deactivated,
        unassigned=made - published - deactivated - _count(connection, TRANSFERRED_CARDS, campaign),
        funded=funded,
        unreachable=_unreachable(connection, campaign),
        not_handed_over=_not_handed_over(connection, campaign),
        paid_minor=paid,
        bonus_minor=bonus,
        fee_minor=fee,
        cash_minor=cash,
        adjusted_minor=moved.get("adjustments", 0),
        redeemed_minor=-moved.get("sales", 0),
        cashed_out_minor=-moved.get("cash_owed", 0),
        lapsed_minor=-moved.get("lapsed", 0),
        expired_minor=unbooked - moved.get("breakage", 0),
        outstanding_minor=balance - unbooked,
        next_expiry=next_expiry,
        open_batches=[
            row[0]
            for row in connection.execute(
                "SELECT directory FROM batches WHERE campaign = ? AND id NOT IN (SELECT batch FROM deliveries) ORDER BY id",
                (campaign,),
            )
        ],
    )


# What is given for bookings or out of goodwill, and what takes it back; corrections stand by themselves. OR: see the schema.
_FUNDING = "(contra_account = 'refunds_owed' OR contra_account = 'bonuses_owed' OR contra_account = 'goodwill')"


def _moved(connection: sqlite3.Connection, campaign: int) -> dict[str, int]:
    """What came onto cards, or has left them, otherwise than by funding: by contra account, in minor units."""
    return dict(
        connection.execute(
            f"""
            SELECT contra_account, sum(amount_minor) FROM transactions
            WHERE campaign = ? AND card IS NOT NULL AND NOT {_FUNDING}
            GROUP BY contra_account
            """,
            (campaign,),
        ).fetchall()
    )


def _not_dead(connection: sqlite3.Connection) -> str:
    """SQL for whether `cards` were not deactivated; other dead cards hold nothing."""
    if not any_rows(connection, "card_events WHERE event = 'deactivated'"):
        return "TRUE"
    return f"NOT {DEACTIVATED}".format(card="cards.id")


def _states(connection: sqlite3.Connection, campaign: int, today: str) -> dict[CardState, int]:
    """How many cards are in each state, of those that may be dead or blocked."""
    rows = connection.execute(
        f"""
        SELECT {many_cards(connection).state} AS state, count(*) FROM cards
        WHERE campaign = :campaign AND id IN (
            SELECT card FROM card_events UNION SELECT card FROM transfers UNION SELECT card FROM cashouts
        )
        GROUP BY state
        """,
        {"campaign": campaign, "today": today},
    )
    return {CardState(state): count for state, count in rows}


def _count(connection: sqlite3.Connection, cards: str, campaign: int) -> int:
    """How many cards of a campaign are among these, which are read FROM."""
    return int(connection.execute(f"SELECT count(*) FROM {cards} WHERE campaign = ?", (campaign,)).fetchone()[0])


_NOT_ENDED = f"NOT {DEACTIVATED} AND NOT {TRANSFERRED}".format(card="cards.id")


def _unreachable(connection: sqlite3.Connection, campaign: int) -> int:
    """How many customers with a funded card have no e-mail address."""
    return int(
        connection.execute(
            f"""
            SELECT count(DISTINCT cards.customer)
            FROM held_cards AS cards JOIN customers ON customers.id = cards.customer
            WHERE campaign = ? AND email IS NULL
                AND EXISTS (SELECT 1 FROM transactions WHERE transactions.card = cards.id)
                AND NOT {DEACTIVATED.format(card="cards.id")}
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
                {LAST_DAY_HELD.format(cards="cards")}, {bookings}, customers.customer_id, customers.locale, cards.id
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


def _booking_ids(connection: sqlite3.Connection, card: str) -> str:
    """SQL for the booking that a card is for, or the bookings that a customer's card was topped up for.

    What is on a card may have come from those that it replaced.
    """
    cards = f"= {card}"
    if any_rows(connection, "transfers"):
        cards = f"""IN (
            WITH RECURSIVE before (card) AS (
                SELECT {card}
                UNION
                SELECT transfers.card FROM before CROSS JOIN transfers ON transfers.successor = before.card
            )
            SELECT card FROM before
        )"""
    return f"""
        coalesce(
            bookings.booking_id,
            (
                SELECT group_concat(booking_id, ';') FROM (
                    SELECT DISTINCT credited.booking_id
                    FROM transactions
                    JOIN line_versions ON line_versions.id = transactions.line
                    JOIN bookings AS credited ON credited.id = line_versions.booking
                    WHERE transactions.card {cards}
                    ORDER BY transactions.id
                )
            )
        )
    """


# Cards of the bookings, or of the customers, that are considered.
_CONSIDERED_CARDS = """
    iif(
        {booking} IS NULL,
        {customer} IN (SELECT customer FROM considered),
        {booking} IN (SELECT booking FROM considered)
    )
"""
_HOLDER = {"booking": BOOKING, "customer": HOLDER}
_HELD = {"booking": "held_cards.booking", "customer": "held_cards.customer"}


def card_rows(
    connection: sqlite3.Connection, campaign: int, today: str, *, considered_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """All cards of a campaign: id, code, customer, bookings, state, balance (minor units), when published, last day, uses.

    A card that was handed out without a holder counts as published then.
    """
    many = many_cards(connection)
    redemptions = REDEMPTIONS.format(card="cards.id") if any_rows(connection, "redemptions") else "0"
    return iter(
        connection.execute(
            f"""
            SELECT
                cards.id, cards.code, customers.customer_id, {_booking_ids(connection, "cards.id")}, {many.state},
                coalesce((SELECT sum(amount_minor) FROM transactions WHERE transactions.card = cards.id), 0),
                runs.started_at, {many.last_day}, {redemptions}
            FROM cards
            {HAND_OUTS}
            LEFT JOIN customers ON customers.id = {HOLDER}
            LEFT JOIN runs ON runs.id = iif(
                cards.customer IS NULL, coalesce(assignments.run_id, activations.run_id), cards.run_id
            )
            LEFT JOIN bookings ON bookings.id = {BOOKING}
            WHERE cards.campaign = :campaign AND {_CONSIDERED_CARDS.format(**_HOLDER) if considered_only else "TRUE"}
            ORDER BY cards.id
            """,
            {"campaign": campaign, "today": today},
        )
    )


def transaction_rows(
    connection: sqlite3.Connection, campaign: int, *, considered_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """All transactions of a campaign: id, card, type, bucket, amount, the card's balance after it, booking, source, ...

    What is done at the desk is for no refund line: its booking is that of its card, and its source a redemption's invoice.
    """
    at_desk = any_rows(connection, "transactions WHERE line IS NULL")
    own = "iif(line IS NULL, (SELECT booking FROM held_cards WHERE held_cards.id = transactions.card), line_versions.booking)"
    considered = "transactions.line IN (SELECT line FROM considered)"
    # What isn't listed counts in the balances all the same.
    balance = BALANCE_AFTER if considered_only else _RUNNING_BALANCE
    if at_desk:
        cards = f"SELECT id FROM held_cards WHERE {_CONSIDERED_CARDS.format(**_HELD)}"
        considered = f"({considered} OR (line IS NULL AND transactions.card IN ({cards})))"
    return iter(
        connection.execute(
            f"""
            SELECT
                transactions.id, transactions.card, type, bucket, amount_minor, {balance}, bookings.booking_id,
                {f"iif(line IS NULL, {INVOICE}, {_REFUND_ID})" if at_desk else _REFUND_ID},
                transactions.reason, transactions.related_transaction, transactions.run_id, runs.started_at
            FROM transactions
            CROSS JOIN runs ON runs.id = transactions.run_id
            LEFT JOIN line_versions ON line_versions.id = transactions.line
            LEFT JOIN bookings ON bookings.id = {own if at_desk else "line_versions.booking"}
            WHERE transactions.campaign = ? AND {considered if considered_only else "TRUE"}
            ORDER BY transactions.id
            """,
            (campaign,),
        )
    )


_REFUND_ID = "coalesce(nullif(line_versions.refund_id, ''), bookings.booking_id)"
_RUNNING_BALANCE = (
    "CASE WHEN card IS NOT NULL THEN sum(amount_minor) OVER (PARTITION BY card ORDER BY transactions.id) END"
)


def publication_rows(
    connection: sqlite3.Connection, campaign: int, *, considered_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """All publications of a campaign: card, customer, booking, when, run."""
    return iter(
        connection.execute(
            f"""
            SELECT
                held_cards.id, customers.customer_id, {_booking_ids(connection, "held_cards.id")}, runs.started_at,
                held_cards.run_id
            FROM held_cards
            CROSS JOIN customers ON customers.id = held_cards.customer
            CROSS JOIN runs ON runs.id = held_cards.run_id
            LEFT JOIN bookings ON bookings.id = held_cards.booking
            WHERE held_cards.campaign = ? AND {_CONSIDERED_CARDS.format(**_HELD) if considered_only else "TRUE"}
            ORDER BY held_cards.id
            """,
            (campaign,),
        )
    )


def redemption_rows(
    connection: sqlite3.Connection, campaign: int, *, considered_only: bool = False
) -> Iterator[tuple[Any, ...]]:
    """All redemptions of a campaign: id, card, who bought, invoice, paid and bonus that were taken, the order, given back, when.

    Where nobody was named as buying, it is the card's holder, if there is one.
    """
    return iter(
        connection.execute(
            f"""
            SELECT
                redemptions.id, redemptions.card, coalesce(buyers.customer_id, holders.customer_id), redemptions.invoice,
                -coalesce(sum(own.amount_minor) FILTER (WHERE own.bucket = 'paid'), 0),
                -coalesce(sum(own.amount_minor) FILTER (WHERE own.bucket = 'bonus'), 0),
                redemptions.order_total_minor,
                coalesce(
                    sum((
                        SELECT sum(back.amount_minor) FROM transactions AS back
                        WHERE back.related_transaction = own.id AND back.type = 'CREDITS_REFUND'
                    )),
                    0
                ),
                coalesce(redemptions.redeemed_at, runs.started_at)
            FROM redemptions
            CROSS JOIN cards ON cards.id = redemptions.card
            CROSS JOIN runs ON runs.id = redemptions.run_id
            CROSS JOIN transactions AS own
                ON own.type = 'CREDITS_REDEMPTION'
                AND (own.id = redemptions.id OR own.related_transaction = redemptions.id)
            LEFT JOIN assignments ON assignments.card = cards.id
            LEFT JOIN customers AS buyers ON buyers.id = redemptions.customer
            LEFT JOIN customers AS holders ON holders.id = {HOLDER}
            WHERE cards.campaign = ?
                {f"AND {_CONSIDERED_CARDS.format(**_HOLDER)}" if considered_only else ""}
            GROUP BY redemptions.id
            ORDER BY redemptions.id
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
