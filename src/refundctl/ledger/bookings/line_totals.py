"""What refund lines are owed together: those that a load brought, and those that its files tell."""

import sqlite3
from collections.abc import Iterable

from refundctl.ledger.bookings.staged_bookings import StagedBookings


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


def staged_totals(staged: StagedBookings) -> dict[str, dict[str, int]]:
    """The same for all staged rows that stand, new or known: what the files say."""
    return _totals(
        staged.connection.execute(
            """
            SELECT currency, sum(order_amount_minor), sum(refund_amount_minor)
            FROM staged WHERE id NOT IN (SELECT staged_id FROM set_aside) GROUP BY currency ORDER BY currency
            """
        )
    )


def _totals(rows: Iterable[tuple[str, int, int]]) -> dict[str, dict[str, int]]:
    return {currency: {"total": refund, "order_amount": order} for currency, order, refund in rows}
