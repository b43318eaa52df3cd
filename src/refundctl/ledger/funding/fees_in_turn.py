"""What a fee could not take from one refund line of a booking it takes from the next, in the order of their refund
ids."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.funding.owed import add_up_given
from refundctl.ledger.funding.settled_lines import RuleColumn


@dataclass(frozen=True, slots=True)
class Turns:
    """The lines of each booking, numbered from 1 to at most `highest`, and the fees that the booking has paid so far.

    They stand in the temporary tables `turns` (a line's turn) and `fees_taken` (by booking and rule, in minor units).
    """

    connection: sqlite3.Connection
    highest: int

    def note(self, fees: Sequence[RuleColumn], after: int) -> None:
        """Add what the fees have taken of the settled lines after the row `after`."""
        for fee in fees:
            self.connection.execute(
                f"""
                INSERT INTO fees_taken
                SELECT booking, ?, {fee.column} FROM {fee.table} WHERE rowid > ? AND {fee.column} > 0
                ON CONFLICT DO UPDATE SET minor = minor + excluded.minor
                """,
                (fee.rule.name, after),
            )


def find_turns(connection: sqlite3.Connection, campaign: int, lines: str) -> Turns:
    """Number the considered `lines` (SQL) of each booking, and collect the fees that the booking has paid already."""
    make_temporary(
        connection,
        """
        CREATE TEMP TABLE turns (
            turn INTEGER NOT NULL, booking INTEGER NOT NULL, line INTEGER NOT NULL, PRIMARY KEY (turn, booking, line)
        ) WITHOUT ROWID;
        CREATE TEMP TABLE fees_taken (
            booking INTEGER NOT NULL, rule TEXT NOT NULL, minor INTEGER NOT NULL, PRIMARY KEY (booking, rule)
        ) WITHOUT ROWID;
        """,
    )
    connection.execute(
        f"""
        INSERT INTO turns
        SELECT
            row_number() OVER (PARTITION BY considered.booking ORDER BY line_versions.refund_id),
            considered.booking, considered.line
        FROM considered CROSS JOIN line_versions ON line_versions.id = considered.line WHERE {lines}
        """
    )
    siblings = """
        (SELECT booking FROM turns WHERE turn = 1) AS own
        CROSS JOIN line_versions AS sibling ON sibling.booking = own.booking AND sibling.version = 1
    """
    of_campaign = f"transactions.bucket = 'fee' AND transactions.campaign = {campaign:d}"
    add_up_given(connection, "fees_taken", ("own.booking", "credit.reason"), siblings, "sibling.id", of_campaign)
    return Turns(connection, int(connection.execute("SELECT coalesce(max(turn), 0) FROM turns").fetchone()[0]))
