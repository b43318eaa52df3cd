"""Lists for the desk: the transactions of a card."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

_TRANSACTIONS = """
    SELECT
        transactions.id, campaigns.name, 'c' || transactions.card, type, bucket, amount_minor,
        (
            SELECT sum(amount_minor) FROM transactions AS before
            WHERE before.card = transactions.card AND before.id <= transactions.id
        ),
        campaigns.currency, bookings.booking_id,
        coalesce(nullif(line_versions.refund_id, ''), bookings.booking_id, redemptions.invoice),
        transactions.reason, related_transaction, transactions.run_id, runs.started_at
    FROM transactions
    JOIN campaigns ON campaigns.id = transactions.campaign
    JOIN runs ON runs.id = transactions.run_id
    LEFT JOIN line_versions ON line_versions.id = transactions.line
    LEFT JOIN bookings ON bookings.id = line_versions.booking
    LEFT JOIN redemptions ON redemptions.id = transactions.id
    WHERE {wanted}
    ORDER BY transactions.id
"""
_NAMES = (
    "id",
    "campaign",
    "card_id",
    "type",
    "bucket",
    "amount",
    "balance",
    "currency",
    "booking_id",
    "source_id",
    "reason",
    "related_transaction_id",
    "run_id",
    "created_at",
)


def transactions(connection: sqlite3.Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The transactions of these ids, as the export of transactions names things; amounts in minor units.

    source_id is the refund line's id, or the invoice number of a redemption.
    """
    wanted = "transactions.id IN (SELECT value FROM json_each(?))"
    return _named(connection.execute(_TRANSACTIONS.format(wanted=wanted), (json.dumps(list(ids)),)))


def transactions_of(connection: sqlite3.Connection, card: int) -> list[dict[str, Any]]:
    """All transactions of a card, the oldest first."""
    return _named(connection.execute(_TRANSACTIONS.format(wanted="transactions.card = ?"), (card,)))


def _named(rows: sqlite3.Cursor) -> list[dict[str, Any]]:
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]
