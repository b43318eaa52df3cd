"""Lists for the desk: what there is to tell of a card, and its transactions."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from refundctl.ledger.cards.successors import with_successors
from refundctl.ledger.database.sql import first_column

if TYPE_CHECKING:  # `status` asks for no single card
    from refundctl.ledger.cards.one_card import Card

BALANCE_AFTER = """
    (
        SELECT sum(amount_minor) FROM transactions AS before
        WHERE before.card = transactions.card AND before.id <= transactions.id
    )
"""
_RUNNING_BALANCE = "sum(amount_minor) OVER (ORDER BY transactions.id)"  # of one card that may have thousands of them
# A redemption's transactions: the first, and where it was taken from both buckets the second, which names the first.
INVOICE = """
    (
        SELECT invoice FROM redemptions
        WHERE type = 'CREDITS_REDEMPTION' AND redemptions.id = coalesce(related_transaction, transactions.id)
    )
"""
_TRANSACTIONS = f"""
    SELECT
        transactions.id, campaigns.name, 'c' || transactions.card, type, bucket, amount_minor, {{balance}},
        campaigns.currency, bookings.booking_id,
        iif(line IS NULL, {INVOICE}, coalesce(nullif(line_versions.refund_id, ''), bookings.booking_id)),
        transactions.reason, related_transaction, transactions.run_id, runs.started_at
    FROM transactions
    JOIN campaigns ON campaigns.id = transactions.campaign
    JOIN runs ON runs.id = transactions.run_id
    LEFT JOIN line_versions ON line_versions.id = transactions.line
    LEFT JOIN cards ON cards.id = transactions.card
    LEFT JOIN assignments ON assignments.card = transactions.card
    LEFT JOIN bookings ON bookings.id = iif(
        line IS NULL, coalesce(cards.booking, assignments.booking), line_versions.booking
    )
    WHERE {{wanted}}
    ORDER BY transactions.id
"""
_NAMES = (
    "id", "campaign", "card_id", "type", "bucket", "amount", "balance", "currency", "booking_id", "source_id",
    "reason", "related_transaction_id", "run_id", "created_at",
)  # fmt: skip


def transactions(connection: sqlite3.Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The transactions of these ids, as the export of transactions names things; amounts in minor units.

    source_id is the refund line's id, or a redemption's invoice number; what is for no line has its card's booking.
    """
    asked = _TRANSACTIONS.format(balance=BALANCE_AFTER, wanted="transactions.id IN (SELECT value FROM json_each(?))")
    return _named(connection.execute(asked, (json.dumps(list(ids)),)))


def transactions_of(connection: sqlite3.Connection, card: int) -> list[dict[str, Any]]:
    """All transactions of a card, the oldest first."""
    asked = _TRANSACTIONS.format(balance=_RUNNING_BALANCE, wanted="transactions.card = ?")
    return _named(connection.execute(asked, (card,)))


def contra_accounts_of(connection: sqlite3.Connection, card: int) -> list[str]:
    """Where the money of each transaction came from or went to."""
    return first_column(connection, "SELECT contra_account FROM transactions WHERE card = ? ORDER BY id", (card,))


def _named(rows: sqlite3.Cursor) -> list[dict[str, Any]]:
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a card; of one who was erased only the pseudonym is left, as `customer_id`."""

    customer_id: str
    name: str | None
    email: str | None


def holder_of(connection: sqlite3.Connection, card: "Card") -> Holder | None:
    """The holder of a card, None where it has none."""
    found = "SELECT customer_id, name, email FROM customers WHERE id = ?"
    row = connection.execute(found, (card.customer,)).fetchone()
    return None if row is None else Holder(*row)


@dataclass(frozen=True, slots=True)
class Step:
    """When something was done (RFC 3339), and by which run."""

    at: str
    run_id: int


def publication_of(connection: sqlite3.Connection, card: "Card") -> Step | None:
    """When a card got its holder."""
    return _step(
        connection,
        """
        SELECT coalesce(
            iif(customer IS NULL, NULL, cards.run_id), (SELECT run_id FROM assignments WHERE card = cards.id)
        )
        FROM cards WHERE id = ?
        """,
        card,
    )


def activation_of(connection: sqlite3.Connection, card: "Card") -> Step | None:
    """When a card of the pool came alive before it had a holder."""
    return _step(connection, "SELECT run_id FROM activations WHERE card = ?", card)


def _step(connection: sqlite3.Connection, run: str, card: "Card") -> Step | None:
    row = connection.execute(f"SELECT started_at, id FROM runs WHERE id = ({run})", (card.number,)).fetchone()
    return None if row is None else Step(*row)


def bookings_of(connection: sqlite3.Connection, card: "Card") -> list[str]:
    """The booking that a card is for; of a customer's, those that it, or a card that it replaced, was topped up for."""
    if card.booking is not None:
        return first_column(connection, "SELECT booking_id FROM bookings WHERE id = ?", (card.booking,))
    return first_column(
        connection,
        """
        SELECT booking_id FROM (
            SELECT bookings.booking_id, min(transactions.id) AS first
            FROM transactions
            CROSS JOIN line_versions ON line_versions.id = transactions.line
            CROSS JOIN bookings ON bookings.id = line_versions.booking
            WHERE transactions.card IN (SELECT value FROM json_each(?)) AND entry IS NOT NULL
            GROUP BY bookings.id
        )
        ORDER BY first
        """,
        (json.dumps([card.number, *card.replaced]),),
    )


def cashout_of(connection: sqlite3.Connection, card: "Card") -> int | None:
    """The newest cash-out of a card that was not cancelled: the transaction that made the debt."""
    row = connection.execute(
        """
        SELECT id FROM cashouts
        WHERE card = ? AND NOT EXISTS (SELECT 1 FROM cash_outcomes WHERE debt = cashouts.id AND outcome = 'cancelled')
        ORDER BY id DESC LIMIT 1
        """,
        (card.number,),
    ).fetchone()
    return None if row is None else int(row[0])


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """How often something was refused with a card, and the code and moment of the last refusal."""

    count: int
    last_code: str | None
    last_at: str | None


def failed_attempts(connection: sqlite3.Connection, card: "Card", since: str) -> FailedAttempts:
    """What was refused with a card since a moment (RFC 3339)."""
    row = connection.execute(
        """
        SELECT count(*) OVER (), error_code, started_at FROM attempts
        WHERE card = ? AND started_at >= ? ORDER BY id DESC LIMIT 1
        """,
        (card.number, since),
    ).fetchone()
    return FailedAttempts(*(row or (0, None, None)))


# Money that a card lost by a transfer is spent from its successor, so a later purchase there settles it too. What is
# refused for an invoice that stands with another amount is settled by none of the purchases before it.
_REFUSED_OPEN = f"""
    SELECT
        'c' || refused.card, campaigns.name, refused.invoice, refused.amount_minor, campaigns.currency,
        refused.error_code, refused.run_id, runs.started_at
    FROM refused_redemptions AS refused
    CROSS JOIN cards ON cards.id = refused.card
    CROSS JOIN campaigns ON campaigns.id = cards.campaign
    CROSS JOIN runs ON runs.id = refused.run_id
    WHERE {{wanted}} AND NOT EXISTS (
        {with_successors("SELECT refused.card")}
        SELECT 1 FROM moved_to CROSS JOIN redemptions ON redemptions.card = moved_to.card
            AND redemptions.invoice = refused.invoice
        WHERE redemptions.run_id > refused.run_id
            OR (redemptions.run_id = refused.run_id AND refused.error_code <> 'invoice_already_used')
    )
    ORDER BY refused.id
"""
_REFUSED_NAMES = ("card_id", "campaign", "invoice", "amount", "currency", "code", "run_id", "created_at")


def refused_redemptions_open(
    connection: sqlite3.Connection, *, card: int | None = None, campaign: int | None = None
) -> list[dict[str, Any]]:
    """What a till was refused and no purchase with that invoice has settled since, of a card, a campaign, or all.

    `amount` in minor units, `code` the reason, `run_id` and `created_at` those of the load that was refused it first.
    """
    wanted = {"refused.card = :card": card, "cards.campaign = :campaign": campaign}
    clauses = [clause for clause, number in wanted.items() if number is not None] or ["TRUE"]
    rows = connection.execute(_REFUSED_OPEN.format(wanted=" AND ".join(clauses)), {"card": card, "campaign": campaign})
    return [dict(zip(_REFUSED_NAMES, row, strict=True)) for row in rows]
