"""All that the ledger holds on one person, for the command `customer`; the capability is people."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.ledger.cards.state import CARDS_OF_CUSTOMER
from refundctl.ledger.database.sql import first_column
from refundctl.ledger.desk.card_details import Step
from refundctl.ledger.funding.owed import ENTRIES


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as the ledger knows them; of one who was erased only the pseudonym, and when and by whom that was."""

    number: int
    customer_id: str
    email: str | None
    name: str | None
    phone: str | None
    locale: str | None
    country: str | None
    marketing_consent: str | None
    known_since: Step | None
    erased: Step | None
    erased_by: str | None


def customer(connection: sqlite3.Connection, number: int) -> Customer:
    """The customer of this number, which there is."""
    row = connection.execute(
        """
        SELECT
            customer_id, email, name, phone, locale, country, marketing_consent, known.started_at, known.id,
            erasing.started_at, erasing.id, erasing.operator || '@' || erasing.host
        FROM customers
        LEFT JOIN runs AS known ON known.id = (
            SELECT min(run_id) FROM customer_versions WHERE customer_versions.customer = customers.id
        )
        LEFT JOIN erasures ON erasures.customer = customers.id
        LEFT JOIN runs AS erasing ON erasing.id = erasures.run_id
        WHERE customers.id = ?
        """,
        (number,),
    ).fetchone()
    customer_id, email, name, phone, locale, country, consent, known_at, known_by, erased_at, erased_run, operator = row
    known, erased = _step(known_at, known_by), _step(erased_at, erased_run)
    return Customer(number, customer_id, email, name, phone, locale, country, consent, known, erased, operator)


def _step(at: str | None, run_id: int | None) -> Step | None:
    return None if at is None or run_id is None else Step(at, run_id)


def cards_of(connection: sqlite3.Connection, number: int) -> list[int]:
    """The numbers of all cards that a customer holds or held, dead ones too."""
    return first_column(connection, f"{CARDS_OF_CUSTOMER.format(is_asked='= ?1')} ORDER BY 1", (number,))


_LINE_NAMES = (
    "line", "booking_id", "refund_id", "order_amount", "refund_amount", "cash_amount", "bonus_amount", "currency",
    "booked_at", "cancelled_at", "tickets", "source", "status", "channel", "category", "tier", "country", "accepted",
    "withdrawn", "version", "run_id", "said_at",
)  # fmt: skip
_LINE_COLUMNS = """
    now.order_amount_minor, now.refund_amount_minor, now.cash_amount_minor, now.bonus_amount_minor, now.currency,
    now.booked_at, now.cancelled_at, now.tickets, source, status, channel, category, tier, country, accepted,
    now.withdrawn, now.version, runs.id, runs.started_at
"""


def lines_of(connection: sqlite3.Connection, number: int) -> list[dict[str, Any]]:
    """The refund lines that are a customer's now, as files have last described them; amounts in minor units."""
    rows = connection.execute(
        f"""
        SELECT lines.line, lines.booking_id, lines.refund_id, {_LINE_COLUMNS}
        -- Few bookings were ever the customer's, so that only those have to be looked at as they are now.
        FROM (SELECT DISTINCT booking FROM line_versions WHERE customer = :customer) AS own
        CROSS JOIN refund_lines AS lines ON lines.booking = own.booking
        CROSS JOIN segments ON segments.id = lines.segment
        CROSS JOIN line_versions AS now ON now.id = lines.line_version
        CROSS JOIN runs ON runs.id = now.run_id
        WHERE lines.customer = :customer
        ORDER BY lines.line
        """,
        {"customer": number},
    )
    return [_line(row) for row in rows]


def versions_of(connection: sqlite3.Connection, number: int) -> list[dict[str, Any]]:
    """All that files have ever said of a customer's refund lines, oldest first, with the columns that were kept."""
    rows = connection.execute(
        f"""
        SELECT
            now.id, bookings.booking_id, coalesce(nullif(now.refund_id, ''), bookings.booking_id), {_LINE_COLUMNS},
            line_metadata.metadata
        FROM line_versions AS now
        CROSS JOIN bookings ON bookings.id = now.booking
        CROSS JOIN segments ON segments.id = now.segment
        CROSS JOIN runs ON runs.id = now.run_id
        LEFT JOIN line_metadata ON line_metadata.line_version = now.id
        WHERE now.customer = ?
        ORDER BY now.id
        """,
        (number,),
    )
    found = [(_line(row[:-1]), row[-1]) for row in rows]
    return [{**line, "metadata": None if text is None else json.loads(text)} for line, text in found]


def _line(row: Sequence[Any]) -> dict[str, Any]:
    line = dict(zip(_LINE_NAMES, row, strict=True))
    return {**line, "withdrawn": bool(line["withdrawn"])}


_BUCKETS = ("paid", "bonus", "cash", "fee")


def given_to(connection: sqlite3.Connection, lines: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """What each of these refund lines was given, net of undo: by campaign, card and bucket, in minor units."""
    rows = connection.execute(
        f"""
        SELECT
            line, campaigns.name, 'c' || max(card),
            {", ".join(f"coalesce(sum(amount_minor) FILTER (WHERE bucket = '{name}'), 0)" for name in _BUCKETS)}
        FROM ({_of_lines("line", "campaign", "card", "bucket", "amount_minor")})
        JOIN campaigns ON campaigns.id = campaign
        GROUP BY line, campaign ORDER BY line, campaign
        """,
        {"lines": json.dumps(list(lines))},
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for line, *values in rows:
        given = dict(zip(("campaign", "card_id", *_BUCKETS), values, strict=True))
        if any(given[name] for name in _BUCKETS):
            found.setdefault(line, []).append(given)
    return found


def without_card(connection: sqlite3.Connection, lines: Sequence[int]) -> list[int]:
    """The ids of the transactions for these refund lines that are on no card: what is owed in cash, and fees."""
    asked = f"SELECT id FROM ({_of_lines('id', 'card')}) WHERE card IS NULL ORDER BY id"
    return first_column(connection, asked, {"lines": json.dumps(list(lines))})


def _of_lines(*names: str) -> str:
    """SQL for columns of the transactions for the refund lines in :lines; a partial index finds each kind."""
    columns = ", ".join(f"transactions.{name}" for name in names)
    return " UNION ALL ".join(
        f"""
        SELECT {columns} FROM json_each(:lines) AS wanted
        CROSS JOIN transactions ON transactions.line = wanted.value AND {entry}
        """
        for entry in ENTRIES
    )


def hand_overs_about(connection: sqlite3.Connection, cards: Sequence[int]) -> list[dict[str, Any]]:
    """The batches that credits of these cards were handed over in, the oldest first.

    `delivered_at` is when the files were in place; None where that is still to come. A batch that an undo closed is
    none. One for everyone counts where a credit of the card had been handed to the same tool by then.
    """
    rows = connection.execute(
        """
        SELECT
            batches.id, campaigns.name, batches.tool, batches.directory, batches.file_name, batches.run_id,
            delivering.started_at, json_group_array(DISTINCT 'c' || transactions.card)
        FROM json_each(?) AS wanted
        CROSS JOIN transactions ON transactions.card = wanted.value AND transactions.type = 'CREDITS_ADDITION'
        CROSS JOIN batch_ranges
            ON batch_ranges.campaign = transactions.campaign
            AND transactions.id BETWEEN batch_ranges.first_transaction AND batch_ranges.last_transaction
        CROSS JOIN batches
            ON batches.id = batch_ranges.batch OR (
                batches.everyone AND batches.campaign = batch_ranges.campaign AND batches.tool = batch_ranges.tool
                AND batches.id > batch_ranges.batch
            )
        CROSS JOIN campaigns ON campaigns.id = batches.campaign
        LEFT JOIN deliveries ON deliveries.batch = batches.id
        LEFT JOIN runs AS delivering ON delivering.id = deliveries.run_id
        WHERE deliveries.files IS NOT '[]'
        GROUP BY batches.id ORDER BY batches.id
        """,
        (json.dumps(list(cards)),),
    )
    return [
        {
            "batch": batch,
            "campaign": campaign,
            "tool": tool,
            "file": f"{directory}/{file_name}",
            "cards": sorted(json.loads(about), key=lambda card: int(card[1:])),
            "run_id": run_id,
            "delivered_at": delivered_at,
        }
        for batch, campaign, tool, directory, file_name, run_id, delivered_at, about in rows
    ]


_REDEMPTION_NAMES = (
    "id", "campaign", "card_id", "customer_id", "invoice", "amount", "given_back", "currency", "order_total",
    "created_at", "run_id",
)  # fmt: skip


def redemptions_by(connection: sqlite3.Connection, number: int, cards: Sequence[int]) -> list[dict[str, Any]]:
    """What was bought with these cards, or by the customer with another's; amounts in minor units."""
    rows = connection.execute(
        """
        WITH parts (redemption, id, amount_minor) AS (
            SELECT redemptions.id, transactions.id, -amount_minor
            FROM redemptions CROSS JOIN transactions ON transactions.id = redemptions.id
            WHERE redemptions.card IN (SELECT value FROM json_each(:cards)) OR redemptions.customer = :customer
            UNION ALL
            SELECT first.redemption, second.id, -second.amount_minor
            FROM parts AS first CROSS JOIN transactions AS second
                ON second.related_transaction = first.id AND second.type = 'CREDITS_REDEMPTION'
        )
        SELECT
            redemptions.id, campaigns.name, 'c' || redemptions.card, customers.customer_id, invoice,
            sum(parts.amount_minor), coalesce(sum((
                SELECT sum(back.amount_minor) FROM transactions AS back
                WHERE back.related_transaction = parts.id AND back.type = 'CREDITS_REFUND'
            )), 0),
            currency, order_total_minor, coalesce(redeemed_at, runs.started_at), runs.id
        FROM parts
        CROSS JOIN redemptions ON redemptions.id = parts.redemption
        CROSS JOIN cards ON cards.id = redemptions.card
        CROSS JOIN campaigns ON campaigns.id = cards.campaign
        CROSS JOIN runs ON runs.id = redemptions.run_id
        LEFT JOIN customers ON customers.id = redemptions.customer
        GROUP BY redemptions.id ORDER BY redemptions.id
        """,
        {"cards": json.dumps(list(cards)), "customer": number},
    )
    return [dict(zip(_REDEMPTION_NAMES, row, strict=True)) for row in rows]


_ATTEMPT_NAMES = ("at", "command", "card_id", "code", "message", "operator")


def attempts_with(connection: sqlite3.Connection, cards: Sequence[int]) -> list[dict[str, Any]]:
    """What was refused with these cards, the oldest first."""
    rows = connection.execute(
        """
        SELECT started_at, command, 'c' || card, error_code, message, operator || '@' || host
        FROM attempts WHERE card IN (SELECT value FROM json_each(?)) ORDER BY id
        """,
        (json.dumps(list(cards)),),
    )
    return [dict(zip(_ATTEMPT_NAMES, row, strict=True)) for row in rows]


def cashouts_of(connection: sqlite3.Connection, cards: Sequence[int]) -> list[int]:
    """The cash-outs that were requested of these cards."""
    asked = "SELECT id FROM cashouts WHERE card IN (SELECT value FROM json_each(?)) ORDER BY id"
    return first_column(connection, asked, (json.dumps(list(cards)),))


def unmailed_cards(connection: sqlite3.Connection, cards: Sequence[int]) -> list[int]:
    """Those of these cards that have a credit which no mail tool was handed, and which was not undone."""
    return first_column(
        connection,
        """
        SELECT DISTINCT transactions.card
        FROM json_each(?) AS wanted
        CROSS JOIN transactions ON transactions.card = wanted.value AND transactions.type = 'CREDITS_ADDITION'
        WHERE transactions.run_id NOT IN (SELECT undone_run FROM undoings) AND NOT EXISTS (
            SELECT 1 FROM batch_ranges JOIN deliveries ON deliveries.batch = batch_ranges.batch
            WHERE batch_ranges.campaign = transactions.campaign
                AND transactions.id BETWEEN batch_ranges.first_transaction AND batch_ranges.last_transaction
        )
        ORDER BY 1
        """,
        (json.dumps(list(cards)),),
    )


_RUN_NAMES = ("run_id", "parent_run_id", "command", "campaign", "operator", "started_at")


def runs_about(connection: sqlite3.Connection, number: int, cards: Sequence[int]) -> list[dict[str, Any]]:
    """The runs that spoke of a customer, their refund lines or these cards, in order."""
    rows = connection.execute(
        """
        WITH about (run_id) AS (
            SELECT run_id FROM customer_versions WHERE customer = :customer
            UNION SELECT run_id FROM line_versions WHERE customer = :customer
            UNION SELECT run_id FROM erasures WHERE customer = :customer
            UNION SELECT run_id FROM redemptions WHERE customer = :customer
            UNION SELECT run_id FROM cards WHERE customer = :customer
            UNION SELECT run_id FROM assignments WHERE customer = :customer
            UNION SELECT run_id FROM activations WHERE card IN (SELECT value FROM json_each(:cards))
            UNION SELECT run_id FROM transactions WHERE card IN (SELECT value FROM json_each(:cards))
            UNION SELECT run_id FROM extensions WHERE card IN (SELECT value FROM json_each(:cards))
            UNION SELECT run_id FROM card_events WHERE card IN (SELECT value FROM json_each(:cards))
            UNION SELECT run_id FROM transfers WHERE card IN (SELECT value FROM json_each(:cards))
            UNION SELECT run_id FROM pins WHERE card IN (SELECT value FROM json_each(:cards))
        )
        SELECT runs.id, parent_run_id, command, campaign, operator || '@' || host, started_at
        FROM about CROSS JOIN runs ON runs.id = about.run_id ORDER BY runs.id
        """,
        {"customer": number, "cards": json.dumps(list(cards))},
    )
    return [dict(zip(_RUN_NAMES, row, strict=True)) for row in rows]
