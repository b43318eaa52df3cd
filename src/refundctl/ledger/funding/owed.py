"""What refund lines are owed: what the files say, less what the lines were given and what was not taken back of it."""

import sqlite3
from collections.abc import Sequence

#: By the files, in minor units, as SQL on a row of line_versions or refund_lines: what goes onto a card, where no offer
#: says otherwise; what is to be paid in cash; and bonuses that are given back.
OWED_ON_CARD, OWED_IN_CASH, OWED_BONUS = (
    "refund_amount_minor - cash_amount_minor",
    "cash_amount_minor",
    "bonus_amount_minor",
)

#: What a line is given is of these, or kept as a fee.
BUCKETS = ("paid", "bonus", "fee", "cash")
_FUNDED = "contra_account = 'refunds_owed' OR contra_account = 'bonuses_owed' OR contra_account = 'goodwill'"
#: Transactions that give something for refund lines or out of goodwill, and those that take it back. OR rather than IN,
#: see the schema.
FUNDED = f"({_FUNDED})"
#: The same with corrections; what customers spend stands in other accounts.
GIVEN = f"({_FUNDED} OR contra_account = 'adjustments')"
#: Joined to `transactions`: the credit that each is, or takes something back of.
CREDIT = "JOIN transactions AS credit ON credit.id = coalesce(transactions.related_transaction, transactions.id)"
#: The conditions of the three indexes by which all transactions of a line are found.
ENTRIES = ("transactions.entry = 1", "transactions.entry > 1", "transactions.entry IS NULL")


def add_up_given(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], lines: str, line: str, condition: str
) -> None:
    """Add what `lines` were given, net of what was taken back of it, to the last column, `minor`, of `table`.

    All are SQL: `lines` what they are read from, `line` the number of each; `columns`, the key of `table`, and
    `condition` may name `transactions` and the `credit` that each is part of.
    """
    for entry in ENTRIES:
        connection.execute(
            f"""
            INSERT INTO {table}
            SELECT {", ".join(columns)}, sum(transactions.amount_minor)
            FROM {lines} CROSS JOIN transactions ON transactions.line = {line} AND {entry} {CREDIT}
            WHERE {condition}
            GROUP BY {", ".join(map(str, range(1, len(columns) + 1)))}
            ON CONFLICT DO UPDATE SET minor = minor + excluded.minor
            """
        )
