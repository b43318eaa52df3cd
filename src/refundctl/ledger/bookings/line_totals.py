"""What refund lines are owed together: those that a load brought, and those that its files tell."""

import sqlite3

from refundctl.ledger.bookings.staged_bookings import StagedBookings


def new_line_totals(connection: sqlite3.Connection, versions_before: int) -> dict[str, dict[str, int]]:
    """Per currency, in minor units: what refund lines that came in after `versions_before` are owed (`total`), and what
    their orders were for (`order_amount`)."""
    return _totals(connection, f"line_versions WHERE id > {versions_before:d} AND version = 1")


def staged_totals(staged: StagedBookings) -> dict[str, dict[str, int]]:
    """The same for all staged rows that stand, new or known: what the files say."""
    return _totals(staged.connection, "staged WHERE id NOT IN (SELECT staged_id FROM set_aside)")


def _totals(connection: sqlite3.Connection, lines: str) -> dict[str, dict[str, int]]:
    sums = "currency, sum(order_amount_minor), sum(refund_amount_minor)"
    rows = connection.execute(f"SELECT {sums} FROM {lines} GROUP BY currency ORDER BY currency")
    return {currency: {"total": refund, "order_amount": order} for currency, order, refund in rows}
