"""Posting what is owed in cash instead of on a card: requests, files for the bank, and how each debt ended."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refundctl.domain.basics.errors import Busy
from refundctl.domain.cards.redemption_rules import Buckets
from refundctl.ledger.cash.debts import CashFile, is_delivered


def request(
    connection: sqlite3.Connection, *, card: int, campaign: int, balance: Buckets, reason: str, run_id: int
) -> list[int]:
    """Take everything off a card: `paid` is owed in cash from then on, and the bonus lapses.

    Gives the ids of the transactions, the first of which is the debt's own.
    """
    posted: list[int] = []
    for (bucket, minor), contra in zip(balance.items(), ("cash_owed", "lapsed"), strict=False):
        row = connection.execute(
            """
            INSERT INTO transactions (
                campaign, card, type, bucket, amount_minor, contra_account, reason, related_transaction, run_id
            )
            VALUES (?, ?, 'CREDITS_REMOVAL', ?, ?, ?, ?, ?, ?) RETURNING id
            """,
            (campaign, card, bucket, -minor, contra, reason, posted[0] if posted else None, run_id),
        ).fetchone()
        posted.append(row[0])
    connection.execute(
        "INSERT INTO cashouts (id, card, reason, run_id) VALUES (?, ?, ?, ?)", (posted[0], card, reason, run_id)
    )
    return posted


def cancel(connection: sqlite3.Connection, debt: int, reason: str | None, run_id: int) -> list[int]:
    """Give back onto the card what a request took off it; gives the ids of the transactions, `paid` first.

    The schema itself refuses it for what is in a file for the bank, or has ended.
    """
    connection.execute("INSERT INTO cash_outcomes (debt, outcome, run_id) VALUES (?, 'cancelled', ?)", (debt, run_id))
    taken = connection.execute(
        """
        SELECT id FROM transactions
        WHERE (id = ?1 OR related_transaction = ?1) AND type = 'CREDITS_REMOVAL' ORDER BY id
        """,
        (debt,),
    ).fetchall()
    return [
        connection.execute(
            """
            INSERT INTO transactions (
                campaign, card, type, bucket, amount_minor, contra_account, reason, related_transaction, run_id
            )
            SELECT campaign, card, 'CREDITS_ADDITION', bucket, -amount_minor, contra_account, ?, id, ?
            FROM transactions WHERE id = ? RETURNING id
            """,
            (reason, run_id, removal),
        ).fetchone()[0]
        for (removal,) in taken
    ]


def reserve(
    connection: sqlite3.Connection, *, path: str, format_: str, debts: Iterable[int], run_id: int, now: str
) -> CashFile:
    """Reserve debts for one file for the bank; the schema refuses any that is in another, or has ended."""
    number = connection.execute(
        "INSERT INTO cash_files (path, format, run_id) VALUES (?, ?, ?) RETURNING id", (path, format_, run_id)
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO cash_orders (cash_file, debt, run_id) VALUES (?, ?, ?)",
        ((number, debt, run_id) for debt in sorted(debts)),
    )
    return CashFile(number, path, format_, run_id, now)


def mark_delivered(
    connection: sqlite3.Connection, file: CashFile, files: Sequence[Mapping[str, Any]], run_id: int
) -> None:
    """The file for the bank is complete and in place. Raises Busy where that was noted meanwhile."""
    if is_delivered(connection, file):
        raise Busy(f"{file.path} was finished by another process meanwhile: there is nothing left to do.")
    connection.execute(
        "INSERT INTO cash_deliveries (cash_file, files, run_id) VALUES (?, ?, ?)",
        (file.number, json.dumps(files, separators=(",", ":"), sort_keys=True), run_id),
    )


def pay(connection: sqlite3.Connection, debt: int, reference: str | None, run_id: int) -> None:
    """A debt was paid, for good."""
    connection.execute(
        "INSERT INTO cash_outcomes (debt, outcome, reference, run_id) VALUES (?, 'paid', ?, ?)",
        (debt, reference, run_id),
    )


def reject(connection: sqlite3.Connection, order: int, reference: str | None, run_id: int) -> None:
    """The bank has rejected an order: its debt is open again."""
    connection.execute(
        "INSERT INTO cash_rejections (cash_order, reference, run_id) VALUES (?, ?, ?)", (order, reference, run_id)
    )
