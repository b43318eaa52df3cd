"""What refund lines have kept of a funding that was undone and reopened, and so are not owed again."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.funding.line_state import IS_OPEN
from refundctl.ledger.funding.owed import add_up_given


@dataclass(frozen=True, slots=True)
class Reopened:
    """What open lines have kept of fundings that were undone and reopened: it was spent, so it isn't given again.

    It stands in the temporary tables `kept`, by bucket and rule ('' for none), and `kept_lines`: what was paid, what
    was owed in cash or kept as fees, and what bonus rules gave, in minor units. `any` says whether there are such
    lines.
    """

    connection: sqlite3.Connection
    any: bool

    def rule_bonuses(self) -> dict[int, dict[str, int]]:
        """What is left of bonuses that rules gave before, in minor units: by line and rule."""
        found: dict[int, dict[str, int]] = {}
        left = "SELECT line, rule, minor FROM kept WHERE bucket = 'bonus' AND rule <> ''"
        for line, rule, minor in self.connection.execute(left):
            found.setdefault(line, {})[rule] = minor
        return found


def find_reopened(considered: Considered) -> Reopened:
    """Collect what considered lines have kept, and take it off what they are owed."""
    connection = considered.connection
    make_temporary(connection, _TABLES)
    found = connection.execute(
        f"""
        INSERT INTO kept_lines (line)
        SELECT DISTINCT considered.line
        FROM considered CROSS JOIN transactions ON transactions.line = considered.line AND transactions.entry = 1
        WHERE {IS_OPEN}
        """
    ).rowcount
    by_rule = ("transactions.line", "transactions.bucket", "coalesce(credit.reason, '')")
    of_lines = "transactions.contra_account IN ('refunds_owed', 'bonuses_owed')"
    add_up_given(connection, "kept", by_rule, "kept_lines", "kept_lines.line", of_lines)
    kept = "coalesce((SELECT sum(minor) FROM kept WHERE kept.line = kept_lines.line AND {}), 0)"
    connection.execute(
        f"""
        UPDATE kept_lines SET
            paid_minor = {kept.format("bucket = 'paid'")}, otherwise_minor = {kept.format("bucket IN ('cash', 'fee')")},
            rule_bonus_minor = {kept.format("bucket = 'bonus' AND rule <> ''")}
        """
    )
    kept = kept.replace("kept_lines.line", "considered.line")
    connection.execute(
        f"""
        UPDATE considered SET
            cash_minor = max(0, min(cash_minor - cash, owed - settled)),
            paid_minor = max(0, owed - settled) - max(0, min(cash_minor - cash, owed - settled)),
            bonus_minor = max(0, bonus_minor - bonus)
        FROM (
            SELECT
                considered.booking AS booking_, considered.line AS line_, paid_minor + cash_minor AS owed,
                {kept.format("bucket = 'cash'")} AS cash, {kept.format("bucket <> 'bonus'")} AS settled,
                {kept.format("bucket = 'bonus' AND rule = ''")} AS bonus
            FROM considered WHERE considered.line IN (SELECT line FROM kept_lines)
        )
        WHERE considered.booking = booking_ AND considered.line = line_
        """
    )
    return Reopened(connection, any=bool(found))


_TABLES = """
    CREATE TEMP TABLE kept (
        line INTEGER NOT NULL, bucket TEXT NOT NULL, rule TEXT NOT NULL, minor INTEGER NOT NULL,
        PRIMARY KEY (line, bucket, rule)
    ) WITHOUT ROWID;
    CREATE TEMP TABLE kept_lines (
        line INTEGER PRIMARY KEY, paid_minor INTEGER NOT NULL DEFAULT 0, otherwise_minor INTEGER NOT NULL DEFAULT 0,
        rule_bonus_minor INTEGER NOT NULL DEFAULT 0
    );
"""
