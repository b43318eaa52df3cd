"""The `total` of a bonus rule: what it gives all refunds together, shared out among those that are to be funded.

Comes after ledger.settling, whose tables it corrects, once it is known which lines have a card.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.campaigns.refund_policy import stacked
from refundctl.ledger.funding.considered_lines import State


@dataclass(frozen=True, slots=True)
class _Limited:
    """The bonus rules of a settled table, of which one has a total: their columns, names and totals, and how they stack."""

    table: str
    stacking: str
    rules: Sequence[tuple[str, str, int | None]]

    @property
    def columns(self) -> list[str]:
        return [column for column, _, _ in self.rules]

    @property
    def limited(self) -> list[str]:
        """The columns of what the rules with a total alone would give."""
        return [_raw(column) for column, _, total in self.rules if total is not None]


def limit_totals(
    connection: sqlite3.Connection,
    campaign: int,
    funded: str = "TRUE",
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Where rules would give the open lines more than their totals, give what is left, in the order of booking and refund ids.

    `funded` is SQL, with its `parameters`, for which of the `considered` lines are to be funded: what others would be given
    doesn't count.
    """
    parameters = parameters or {}
    tables = list(_limited(connection))
    left: dict[str, int] = {}
    for table in reversed(tables):  # where definitions differ, the total of the newest counts
        left |= {name: total for _, name, total in table.rules if total is not None}
    left = {
        name: max(0, total - _given(connection, campaign, name) - _unlimited(connection, name, funded, parameters))
        for name, total in left.items()
    }
    if all(minor <= left[name] for name, minor in _wanted(connection, tables).items()):
        return
    changed: dict[str, list[tuple[int, ...]]] = {table.table: [] for table in tables}
    kept = _kept_bonuses(connection)
    for table, row, line, amounts in _in_order(connection, tables, funded, parameters):
        before = kept.get(line, {})
        limits = [None if total is None else left[name] + before.get(name, 0) for _, name, total in table.rules]
        could = [minor if limit is None else min(minor, limit) for minor, limit in zip(amounts, limits, strict=True)]
        given = _less(stacked(could, table.stacking), sum(before.values()))
        for minor, (_, name, total) in zip(given, table.rules, strict=True):
            if total is not None:
                left[name] -= minor
        changed[table.table].append((*given, row))
    for table in tables:
        settings = ", ".join(f"{column} = ?" for column in table.columns)
        connection.executemany(f"UPDATE {table.table} SET {settings} WHERE rowid = ?", changed[table.table])
        _note_bonuses(connection, table)


def _kept_bonuses(connection: sqlite3.Connection) -> dict[int, dict[str, int]]:
    """What is left of bonuses that rules gave reopened lines before: by line and rule."""
    found: dict[int, dict[str, int]] = {}
    for line, rule, minor in connection.execute(
        "SELECT line, rule, minor FROM kept WHERE bucket = 'bonus' AND rule <> ''"
    ):
        found.setdefault(line, {})[rule] = minor
    return found


def _less(amounts: Sequence[int], minor: int) -> list[int]:
    """The amounts without the first `minor` of them."""
    left = []
    for amount in amounts:
        taken = min(amount, minor)
        minor -= taken
        left.append(amount - taken)
    return left


def _limited(connection: sqlite3.Connection) -> Iterator[_Limited]:
    tables = connection.execute(
        """
        SELECT settled, stacking FROM rule_columns WHERE bucket = 'bonus'
        GROUP BY settled HAVING count(total_minor) > 0 ORDER BY length(settled), settled
        """
    ).fetchall()
    for table, stacking in tables:
        rules = connection.execute(
            "SELECT name, rule, total_minor FROM rule_columns WHERE settled = ? AND bucket = 'bonus' ORDER BY slot",
            (table,),
        )
        yield _Limited(table, stacking, rules.fetchall())


def _unlimited(connection: sqlite3.Connection, name: str, funded: str, parameters: Mapping[str, Any]) -> int:
    """What definitions by which this rule has no total give by it now."""
    columns = connection.execute(
        "SELECT settled, name FROM rule_columns WHERE bucket = 'bonus' AND rule = ? AND total_minor IS NULL", (name,)
    ).fetchall()
    return sum(
        connection.execute(
            f"""
            SELECT coalesce(sum({column}), 0)
            FROM {table} AS settled
            CROSS JOIN considered ON considered.booking = settled.booking AND considered.line = settled.line
            WHERE state = {State.OPEN:d} AND {column} > 0 AND {funded}
            """,
            parameters,
        ).fetchone()[0]
        for table, column in columns
    )


def _wanted(connection: sqlite3.Connection, tables: Sequence[_Limited]) -> dict[str, int]:
    """What each rule with a total would give all lines that were settled."""
    wanted: dict[str, int] = {}
    for table in tables:
        for column, name, total in table.rules:
            if total is not None:
                sum_ = f"SELECT coalesce(sum({column}), 0) FROM {table.table}"
                wanted[name] = wanted.get(name, 0) + int(connection.execute(sum_).fetchone()[0])
    return wanted


def _in_order(
    connection: sqlite3.Connection, tables: Sequence[_Limited], funded: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[_Limited, int, int, list[int]]]:
    """The lines that are to be funded and that a rule with a total gives anything, with what each rule alone would give."""
    width = max(len(table.rules) for table in tables)
    selects = [
        f"""
        SELECT booking_id, refund_id, {at}, settled.rowid AS row, settled.line,
            {", ".join([*map(_raw, table.columns), *["0"] * (width - len(table.rules))])}
        FROM {table.table} AS settled
        CROSS JOIN considered ON considered.booking = settled.booking AND considered.line = settled.line
        CROSS JOIN bookings ON bookings.id = settled.booking
        CROSS JOIN line_versions ON line_versions.id = settled.line
        WHERE state = {State.OPEN:d} AND ({" + ".join(table.limited)}) > 0 AND {funded}
        """
        for at, table in enumerate(tables)
    ]
    rows = connection.execute(f"{' UNION ALL '.join(selects)} ORDER BY 1, 2", parameters).fetchall()
    for _, _, at, row, line, *amounts in rows:
        yield tables[at], row, line, amounts[: len(tables[at].rules)]


def _note_bonuses(connection: sqlite3.Connection, table: _Limited) -> None:
    bonuses = " + ".join(table.columns)
    connection.execute(
        f"""
        UPDATE considered SET
            bonus_minor = back + {bonuses}, rule_bonus_minor = {bonuses},
            -- Of a reopened line, nothing may be left to give.
            state = iif(paid_minor + back + {bonuses} + cash_minor + fee_minor = 0, {State.FUNDED:d}, state)
        FROM {table.table} AS settled
        WHERE considered.booking = settled.booking AND considered.line = settled.line
            AND state = {State.OPEN:d} AND {" + ".join(table.limited)} > 0 AND rule_bonus_minor <> {bonuses}
        """
    )


def _given(connection: sqlite3.Connection, campaign: int, rule: str) -> int:
    """What a bonus rule has given so far, net of undo."""
    return int(
        connection.execute(
            """
            SELECT coalesce(sum(transactions.amount_minor), 0)
            FROM transactions
            LEFT JOIN transactions AS credit ON credit.id = transactions.related_transaction
            WHERE transactions.campaign = ? AND transactions.bucket = 'bonus' AND transactions.contra_account = 'bonuses_owed'
                AND iif(transactions.entry IS NULL, credit.reason, transactions.reason) = ?
            """,
            (campaign, rule),
        ).fetchone()[0]
    )


def _raw(column: str) -> str:
    """The column of what a bonus rule gives before it is stacked."""
    return column.replace("bonus", "raw")
