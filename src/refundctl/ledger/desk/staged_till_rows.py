"""A till's redemptions that were read and found well-formed, waiting in the temporary tables of StagedRedemptions."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from refundctl.ledger.bookings.staged_rows import StagedTexts
from refundctl.ledger.cards.successors import with_replaced
from refundctl.ledger.database.sql import one_value

_STAGED = ("card_id", "code", "amount", "invoice", "currency", "customer_id", "order_total", "redeemed_at")
_TABLES = f"""
    CREATE TEMP TABLE staged_redemptions (
        id INTEGER PRIMARY KEY, file INTEGER NOT NULL, physical_line INTEGER NOT NULL,
        {", ".join(f"{name} TEXT" for name in _STAGED)}
    );
    -- those of a card that there is, with their amounts read; moment (RFC 3339 in UTC) is for their order
    CREATE TEMP TABLE judged_redemptions (
        staged INTEGER PRIMARY KEY, card INTEGER NOT NULL, amount_minor INTEGER NOT NULL, order_total_minor INTEGER,
        customer INTEGER, moment TEXT NOT NULL
    );
"""
ROWS_PER_READ = 1_000


@dataclass(frozen=True, slots=True)
class StagedRedemption:
    """A row as it was read: texts, None for a blank."""

    staged_id: int
    file: int
    line: int
    card_id: str | None
    code: str | None
    amount: str
    invoice: str
    currency: str | None
    customer_id: str | None
    order_total: str | None
    redeemed_at: str | None


@dataclass(frozen=True, slots=True)
class JudgedRedemption:
    """A row about a card that there is; amounts in minor units of the card's currency.

    `customer` is who buys, 0 for somebody whom the ledger doesn't know; `named_by` the column that names the card.
    """

    file: int
    line: int
    card: int
    amount_minor: int
    order_total_minor: int | None
    customer: int | None
    invoice: str
    redeemed_at: str | None
    named_by: str


@dataclass(slots=True)
class StagedRedemptions(StagedTexts):
    """The redemptions of one call."""

    tables: ClassVar[str] = _TABLES
    table: ClassVar[str] = "staged_redemptions"
    columns: ClassVar[Sequence[str]] = _STAGED

    def in_files(self) -> Iterator[StagedRedemption]:
        """The rows as they stand in their files."""
        rows = self.connection.execute(
            f"SELECT id, file, physical_line, {', '.join(_STAGED)} FROM staged_redemptions ORDER BY id"
        )
        while some := rows.fetchmany(ROWS_PER_READ):
            yield from (StagedRedemption(*row) for row in some)

    def judge(
        self,
        row: StagedRedemption,
        *,
        card: int,
        amount_minor: int,
        order_total_minor: int | None,
        customer: int | None,
        moment: str,
    ) -> None:
        """Note which card a row is about, and what it comes to."""
        self.connection.execute(
            "INSERT INTO judged_redemptions VALUES (?, ?, ?, ?, ?, ?)",
            (row.staged_id, card, amount_minor, order_total_minor, customer, moment),
        )

    def in_order(self) -> Iterator[JudgedRedemption]:
        """The judged rows in the order in which they are posted: by what they say, wherever they stand."""
        rows = self.connection.execute(
            """
            SELECT
                file, physical_line, card, amount_minor, order_total_minor, customer, invoice, redeemed_at,
                iif(code IS NULL, 'card_id', 'code')
            FROM judged_redemptions CROSS JOIN staged_redemptions ON staged_redemptions.id = staged
            ORDER BY moment, invoice, card, amount_minor, order_total_minor, customer, redeemed_at, file, physical_line
            """
        )
        while some := rows.fetchmany(ROWS_PER_READ):
            yield from (JudgedRedemption(*row) for row in some)


def campaign_of(connection: sqlite3.Connection, card: int) -> int:
    """The number of a card's campaign."""
    return int(one_value(connection, "SELECT campaign FROM cards WHERE id = ?", (card,)))


def made_at(connection: sqlite3.Connection, card: int) -> str:
    """When a card was made, or the first of those that it replaces (RFC 3339)."""
    first = f"""
        {with_replaced("SELECT ?")}
        SELECT min(started_at)
        FROM lineage CROSS JOIN cards ON cards.id = lineage.card CROSS JOIN runs ON runs.id = cards.run_id
    """
    return str(one_value(connection, first, (card,)))


def currency_and_timezone(connection: sqlite3.Connection, campaign: int) -> tuple[str, str]:
    """Of the campaign's newest definition."""
    row = connection.execute(
        """
        SELECT
            currency,
            (
                SELECT json_extract(definition, '$.timezone') FROM definitions
                WHERE definitions.campaign = campaigns.id ORDER BY id DESC LIMIT 1
            )
        FROM campaigns WHERE id = ?
        """,
        (campaign,),
    ).fetchone()
    return row[0], row[1]
