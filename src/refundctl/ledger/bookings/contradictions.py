"""Rows of one call that contradict each other: all are set aside. Those that only repeat another one are marked.

Which row comes first never matters: either all lines of a contradiction go, or the repeats are the same.
"""

import sqlite3

from refundctl.ledger.bookings.staged_bookings import LINE_COLUMNS, PERSON_COLUMNS, StagedBookings
from refundctl.ledger.database.sql import any_rows, make_temporary


def find_contradictions(staged: StagedBookings) -> None:
    """Set aside the lines of a booking, or of one refund line, that can't all be right; mark repeats."""
    connection = staged.connection
    connection.execute(
        "INSERT INTO shared_bookings SELECT booking_id FROM staged GROUP BY booking_id HAVING count(*) > 1"
    )
    if not any_rows(connection, "shared_bookings"):  # else 2% of a run
        return
    for column, name, said in (
        ("customer_id", "customer_id", "customer"),
        ("currency", "currency", "currency"),
        ("order_amount_minor", "order_amount", "order amount"),
    ):
        connection.execute(
            f"""
            INSERT OR IGNORE INTO set_aside
            SELECT
                staged.id, '{name}', 'contradiction',
                'the lines of booking ' || booking_id || ' name more than one {said}; keep the right one'
            FROM staged
            WHERE booking_id IN (
                SELECT booking_id FROM staged WHERE booking_id IN (SELECT booking_id FROM shared_bookings)
                GROUP BY booking_id HAVING count(DISTINCT {column}) > 1
            )
            """
        )
    _find_repeats(connection)


def _find_repeats(connection: sqlite3.Connection) -> None:
    compared = (
        "refund_amount_minor",
        "cash_amount_minor",
        "bonus_amount_minor",
        "segment",
        *(f"coalesce({name}, '')" for name in (*PERSON_COLUMNS, *LINE_COLUMNS, "metadata")),
    )
    make_temporary(
        connection,
        f"""
        CREATE TEMP TABLE repeated_lines AS
        SELECT
            booking_id, coalesce(refund_id, '') AS refund_id, min(id) AS first_staged,
            {" + ".join(f"(min({column}) IS NOT max({column}))" for column in compared)} > 0 AS contradicts
        FROM staged
        WHERE booking_id IN (SELECT booking_id FROM shared_bookings)
        GROUP BY 1, 2 HAVING count(*) > 1;
        CREATE INDEX temp.repeated_lines_key ON repeated_lines (booking_id, refund_id);
        INSERT OR IGNORE INTO set_aside
        SELECT
            staged.id, 'refund_id', 'contradiction',
            'this refund line of booking ' || staged.booking_id || ' is here more than once, with different values; '
                || 'keep the right one, or give each partial refund its own refund_id'
        FROM staged JOIN repeated_lines AS line
            ON line.booking_id = staged.booking_id AND line.refund_id = coalesce(staged.refund_id, '')
        WHERE contradicts;
        INSERT INTO repeats
        SELECT staged.id, first_staged
        FROM staged JOIN repeated_lines AS line
            ON line.booking_id = staged.booking_id AND line.refund_id = coalesce(staged.refund_id, '')
        WHERE NOT contradicts AND staged.id <> first_staged AND staged.id NOT IN (SELECT staged_id FROM set_aside);
        """,
    )


def settle_repeats(staged: StagedBookings) -> None:
    """Rows that are equal share their fate: where the one was set aside, its repeats are too."""
    staged.connection.execute(
        """
        INSERT INTO set_aside
        SELECT repeats.staged_id, field, code, reason
        FROM repeats JOIN set_aside ON set_aside.staged_id = repeats.first_staged
        """
    )
    staged.connection.execute("DELETE FROM repeats WHERE staged_id IN (SELECT staged_id FROM set_aside)")
