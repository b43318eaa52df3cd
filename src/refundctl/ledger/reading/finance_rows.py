"""The rows of the files for finance and the desk: cards, transactions, publications, redemptions, bookings."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from refundctl.ledger.cards.one_card import REDEMPTIONS
from refundctl.ledger.cards.state import BOOKING, HAND_OUTS, HOLDER, many_cards
from refundctl.ledger.cards.successors import with_replaced
from refundctl.ledger.database.sql import any_rows, make_temporary
from refundctl.ledger.desk.card_details import BALANCE_AFTER, INVOICE
from refundctl.ledger.funding.considered_lines import Considered


def _booking_ids(connection: sqlite3.Connection, card: str) -> str:
    """SQL for the booking that a card is for, or the bookings that a customer's card was topped up for.

    What is on a card may have come from those that it replaced.
    """
    cards = f"= {card}"
    if any_rows(connection, "transfers"):  # else 4% of `export cards`
        cards = f"IN ({with_replaced(f'SELECT {card}')} SELECT card FROM lineage)"
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
    connection: sqlite3.Connection, campaign: int, today: str, *, considered: Considered | None = None
) -> Iterator[tuple[Any, ...]]:
    """All cards of a campaign: id, code, customer, bookings, state, balance (minor units), since when, last day, uses.

    A card that was handed out without a holder counts as published then.
    """
    many = many_cards(connection)
    # Else 6% of `export cards`.
    redemptions = REDEMPTIONS.format(card="cards.id") if any_rows(connection, "redemptions") else "0"
    return connection.execute(
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
        WHERE cards.campaign = :campaign AND {_CONSIDERED_CARDS.format(**_HOLDER) if considered else "TRUE"}
        ORDER BY cards.id
        """,
        {"campaign": campaign, "today": today},
    )


def transaction_rows(
    connection: sqlite3.Connection, campaign: int, *, considered: Considered | None = None
) -> Iterator[tuple[Any, ...]]:
    """All transactions of a campaign: id, card, type, bucket, amount, the card's balance after it, booking, source, ...

    What is done at the desk is for no refund line: its booking is its card's, its source a redemption's invoice.
    """
    at_desk = any_rows(connection, "transactions WHERE line IS NULL")  # else 2% of `export transactions`
    of_card = "(SELECT booking FROM held_cards WHERE held_cards.id = transactions.card)"
    own = f"iif(line IS NULL, {of_card}, line_versions.booking)"
    wanted = "transactions.line IN (SELECT line FROM considered)"
    # What isn't listed counts in the balances all the same.
    balance = BALANCE_AFTER if considered else _RUNNING_BALANCE
    if at_desk:
        cards = f"SELECT id FROM held_cards WHERE {_CONSIDERED_CARDS.format(**_HELD)}"
        wanted = f"({wanted} OR (line IS NULL AND transactions.card IN ({cards})))"
    return connection.execute(
        f"""
        SELECT
            transactions.id, transactions.card, type, bucket, amount_minor, {balance}, bookings.booking_id,
            {f"iif(line IS NULL, {INVOICE}, {_REFUND_ID})" if at_desk else _REFUND_ID},
            transactions.reason, transactions.related_transaction, transactions.run_id, runs.started_at
        FROM transactions
        CROSS JOIN runs ON runs.id = transactions.run_id
        LEFT JOIN line_versions ON line_versions.id = transactions.line
        LEFT JOIN bookings ON bookings.id = {own if at_desk else "line_versions.booking"}
        WHERE transactions.campaign = ? AND {wanted if considered else "TRUE"}
        ORDER BY transactions.id
        """,
        (campaign,),
    )


_REFUND_ID = "coalesce(nullif(line_versions.refund_id, ''), bookings.booking_id)"
_RUNNING_BALANCE = (
    "CASE WHEN card IS NOT NULL THEN sum(amount_minor) OVER (PARTITION BY card ORDER BY transactions.id) END"
)


def publication_rows(
    connection: sqlite3.Connection, campaign: int, *, considered: Considered | None = None
) -> Iterator[tuple[Any, ...]]:
    """All publications of a campaign: card, customer, booking, when, run."""
    return connection.execute(
        f"""
        SELECT
            held_cards.id, customers.customer_id, {_booking_ids(connection, "held_cards.id")}, runs.started_at,
            held_cards.run_id
        FROM held_cards
        CROSS JOIN customers ON customers.id = held_cards.customer
        CROSS JOIN runs ON runs.id = held_cards.run_id
        LEFT JOIN bookings ON bookings.id = held_cards.booking
        WHERE held_cards.campaign = ? AND {_CONSIDERED_CARDS.format(**_HELD) if considered else "TRUE"}
        ORDER BY held_cards.id
        """,
        (campaign,),
    )


def redemption_rows(
    connection: sqlite3.Connection, campaign: int, *, considered: Considered | None = None
) -> Iterator[tuple[Any, ...]]:
    """All redemptions of a campaign: id, card, who bought, invoice, paid and bonus taken, the order, given back, when.

    Where nobody was named as buying, it is the card's holder, if there is one.
    """
    return connection.execute(
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
            {f"AND {_CONSIDERED_CARDS.format(**_HOLDER)}" if considered else ""}
        GROUP BY redemptions.id
        ORDER BY redemptions.id
        """,
        (campaign,),
    )


def booking_rows(considered: Considered) -> Iterator[tuple[Any, ...]]:
    """Every considered refund line with its customer, segment, card, what it was given net of undo, and its state.

    What it was given by the campaign is paid, bonus and fee, in minor units.
    """
    connection = considered.connection
    make_temporary(
        connection,
        """
        CREATE TEMP TABLE given_lines (
            line INTEGER PRIMARY KEY, card INTEGER, paid_minor INTEGER, bonus_minor INTEGER, fee_minor INTEGER
        );
        """,
    )
    connection.execute(
        """
        INSERT INTO given_lines
        SELECT
            line, max(card) FILTER (WHERE entry IS NOT NULL), sum(amount_minor) FILTER (WHERE bucket = 'paid'),
            sum(amount_minor) FILTER (WHERE bucket = 'bonus'), sum(amount_minor) FILTER (WHERE bucket = 'fee')
        FROM transactions WHERE campaign = ? AND line IS NOT NULL GROUP BY line
        """,
        (considered.judge.campaign,),
    )
    return connection.execute(
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
