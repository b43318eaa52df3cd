"""Runs that are taken back, except for what is spent: by new rows that name the old ones, never by erasing.

What a run did is found by its number in each table. It, or a step, is undone once; `reopen` lets its lines be funded.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.cash.debts import WITH_THE_BANK
from refundctl.ledger.database.sql import LARGEST_ID

STEPS = ("load", "publish", "topup")  # that can be undone, in the order in which they are done
GOODWILL = "card issue"  # can be undone too: it publishes a card and puts money on it, for no refund line
WHOLE_RUNS = ("run", "apply")  # that consist of them
MOST_LISTED = 1_000  # of what is spent, or stays

# The run that funds a line, the last one that was not undone; NULL where there is none.
FUNDED_BY = """
    (
        SELECT max(funding.run_id) FROM transactions AS funding
        WHERE funding.line = {line} AND funding.entry = 1
            AND funding.run_id NOT IN (SELECT undone_run FROM undoings)
    )
"""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of the journal. `undone_by` and `reopened_by` are runs too, None where that has not happened."""

    run_id: int
    parent_run_id: int | None
    command: str
    campaign: str | None
    undone_by: int | None
    reopened_by: int | None


_PAST_RUNS = """
    SELECT runs.id, parent_run_id, command, campaign, undoings.run_id, reopenings.run_id
    FROM runs
    LEFT JOIN undoings ON undoings.undone_run = runs.id
    LEFT JOIN reopenings ON reopenings.undone_run = runs.id
"""


def past_run(connection: sqlite3.Connection, run_id: int) -> PastRun | None:
    """The run of this number, or None."""
    if not 0 < run_id <= LARGEST_ID:
        return None
    row = connection.execute(f"{_PAST_RUNS} WHERE runs.id = ?", (run_id,)).fetchone()
    return None if row is None else PastRun(*row)


def steps_of(connection: sqlite3.Connection, run_id: int) -> list[PastRun]:
    """The steps of a run that can be undone, the last one first, as they are to be undone."""
    rows = connection.execute(
        f"{_PAST_RUNS} WHERE parent_run_id = ? AND command IN {STEPS} ORDER BY runs.id DESC",
        (run_id,),
    )
    return [PastRun(*row) for row in rows]


def undone_by(connection: sqlite3.Connection, run_id: int) -> list[PastRun]:
    """What the `undo` of this number has undone."""
    return [PastRun(*row) for row in connection.execute(f"{_PAST_RUNS} WHERE undoings.run_id = ?", (run_id,))]


def note_undoings(connection: sqlite3.Connection, undone: Sequence[int], reason: str | None, run_id: int) -> None:
    """Write down that these runs are undone; comes before the rest, which asks what still stands."""
    connection.executemany(
        "INSERT INTO undoings (undone_run, reason, run_id) VALUES (?, ?, ?)",
        ((one, reason, run_id) for one in sorted(undone)),
    )


def reopen(connection: sqlite3.Connection, undone: Sequence[int], run_id: int) -> None:
    """Let the lines of undone runs be funded again.

    Cash that was with the bank when its run was undone, and was rejected since, is taken back now, to be owed anew.
    """
    connection.executemany(
        "INSERT INTO reopenings (undone_run, run_id) VALUES (?, ?)", ((one, run_id) for one in sorted(undone))
    )
    connection.execute(
        f"""
        INSERT INTO transactions (
            campaign, line, type, bucket, amount_minor, contra_account, related_transaction, run_id
        )
        SELECT campaign, line, 'CREDITS_REMOVAL', bucket, -amount_minor, contra_account, id, :run
        FROM transactions AS owed
        WHERE run_id IN (SELECT undone_run FROM reopenings WHERE reopenings.run_id = :run)
            AND bucket = 'cash' AND entry IS NOT NULL AND NOT {WITH_THE_BANK.format(debt="owed.id")}
            AND NOT EXISTS (SELECT 1 FROM transactions AS back WHERE back.related_transaction = owed.id)
        ORDER BY id
        """,
        {"run": run_id},
    )


def reopened_lines(connection: sqlite3.Connection, run_id: int) -> tuple[int, int]:
    """How many lines the reopening `run_id` is about, and how many of them another undone run still holds back."""
    row = connection.execute(
        """
        SELECT count(*), coalesce(sum(held), 0) FROM (
            SELECT EXISTS (
                SELECT 1 FROM undone_lines AS other
                WHERE other.line = undone_lines.line AND other.undone_run NOT IN (SELECT undone_run FROM reopenings)
            ) AS held
            FROM undone_lines
            WHERE undone_run IN (SELECT undone_run FROM reopenings WHERE reopenings.run_id = ?)
            GROUP BY line
        )
        """,
        (run_id,),
    ).fetchone()
    return row[0], row[1]


def contradicting_booking(connection: sqlite3.Connection, run_id: int) -> str | None:
    """A booking whose lines no longer agree, or exceed its order together, did the loads count that `run_id` reopens.

    Undoing a load may give other lines of its bookings back what an earlier file has said of them.
    """
    row = connection.execute(
        f"""
        SELECT booking_id FROM (
            SELECT refund_lines.*
            FROM (
                SELECT DISTINCT line_versions.booking
                FROM undone_lines
                CROSS JOIN runs ON runs.id = undone_lines.undone_run AND runs.command = 'load'
                CROSS JOIN line_versions ON line_versions.id = undone_lines.line
                WHERE undone_run IN (SELECT undone_run FROM reopenings WHERE reopenings.run_id = ?)
                    AND EXISTS (
                        SELECT 1 FROM line_versions AS other
                        WHERE other.booking = line_versions.booking AND other.version = 1
                            AND other.id <> line_versions.id
                    )
            ) AS reopened
            CROSS JOIN refund_lines ON refund_lines.booking = reopened.booking
        )
        GROUP BY booking {CONTRADICTING} LIMIT 1
        """,
        (run_id,),
    ).fetchone()
    return None if row is None else str(row[0])


CONTRADICTING = """
    HAVING min(customer) <> max(customer) OR min(currency) <> max(currency)
        OR min(order_amount_minor) <> max(order_amount_minor) OR sum(refund_amount_minor) > max(order_amount_minor)
"""
