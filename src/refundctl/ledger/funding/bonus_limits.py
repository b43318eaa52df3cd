"""The `total` of a bonus rule: what it gives all refunds together, shared out among those that are to be funded.

Comes after amounts_by_policy, whose tables it corrects, once it is known which lines have a card.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from refundctl.domain.campaigns.refund_policy import Policy, stacked
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.funding.owed import CREDIT
from refundctl.ledger.funding.settled_lines import Settled, SettledTable


def limit_totals(settled: Settled, funded: str = "TRUE", parameters: Mapping[str, Any] | None = None) -> None:
    """Where rules would give the open lines more than their totals, give what is left, in the order of booking and
    refund ids.

    `funded` is SQL, with its `parameters`, for which of the `considered` lines are to be funded: what others would be
    given doesn't count.
    """
    connection, parameters = settled.connection, parameters or {}
    tables = [table for table in settled.tables if table.has_totals]
    left = _left(settled, tables, funded, parameters)
    if all(minor <= left[name] for name, minor in _wanted(connection, tables).items()):
        return
    changed: dict[str, list[tuple[int, ...]]] = {table.table: [] for table in tables}
    kept = settled.reopened.rule_bonuses()
    for table, row, line, amounts in _in_order(connection, tables, funded, parameters):
        changed[table.table].append((*_share_out(table.policy, amounts, left, kept.get(line, {})), row))
    for table in tables:
        settings = ", ".join(f"{bonus.column} = ?" for bonus in table.bonuses)
        connection.executemany(f"UPDATE {table.table} SET {settings} WHERE rowid = ?", changed[table.table])
        _note_bonuses(connection, table)


def _left(
    settled: Settled, tables: Sequence[SettledTable], funded: str, parameters: Mapping[str, Any]
) -> dict[str, int]:
    """What the rules with a total may still give, less what definitions by which they have none give now."""
    totals: dict[str, int] = {}
    for table in reversed(tables):  # where definitions differ, the total of the newest counts
        totals |= {rule.name: rule.total_minor for rule in table.policy.bonuses if rule.total_minor is not None}
    return {
        name: max(
            0,
            total
            - _given(settled.connection, settled.judge.campaign, name)
            - _unlimited(settled, name, funded, parameters),
        )
        for name, total in totals.items()
    }


def _share_out(policy: Policy, amounts: Sequence[int], left: dict[str, int], before: Mapping[str, int]) -> list[int]:
    """What each rule gives a line to which each alone would give `amounts`; taken off what is `left` of their
    totals."""
    could = [
        minor if rule.total_minor is None else min(minor, left[rule.name] + before.get(rule.name, 0))
        for minor, rule in zip(amounts, policy.bonuses, strict=True)
    ]
    given = _less(stacked(could, policy.stacking), sum(before.values()))
    for minor, rule in zip(given, policy.bonuses, strict=True):
        if rule.total_minor is not None:
            left[rule.name] -= minor
    return given


def _less(amounts: Sequence[int], minor: int) -> list[int]:
    """The amounts without the first `minor` of them."""
    left = []
    for amount in amounts:
        taken = min(amount, minor)
        minor -= taken
        left.append(amount - taken)
    return left


def _unlimited(settled: Settled, name: str, funded: str, parameters: Mapping[str, Any]) -> int:
    """What definitions by which this rule has no total give by it now."""
    columns = [
        bonus
        for table in settled.tables
        for bonus in table.bonuses
        if bonus.rule.name == name and bonus.rule.total_minor is None
    ]
    return sum(
        settled.connection.execute(
            f"""
            SELECT coalesce(sum({bonus.column}), 0)
            FROM {bonus.table} AS settled
            CROSS JOIN considered ON considered.booking = settled.booking AND considered.line = settled.line
            WHERE state = {LineState.OPEN:d} AND {bonus.column} > 0 AND {funded}
            """,
            parameters,
        ).fetchone()[0]
        for bonus in columns
    )


def _wanted(connection: sqlite3.Connection, tables: Sequence[SettledTable]) -> dict[str, int]:
    """What each rule with a total would give all lines that were settled."""
    wanted: dict[str, int] = {}
    for bonus in (bonus for table in tables for bonus in table.bonuses if bonus.rule.total_minor is not None):
        given = f"SELECT coalesce(sum({bonus.column}), 0) FROM {bonus.table}"
        wanted[bonus.rule.name] = wanted.get(bonus.rule.name, 0) + int(connection.execute(given).fetchone()[0])
    return wanted


def _in_order(
    connection: sqlite3.Connection, tables: Sequence[SettledTable], funded: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[SettledTable, int, int, list[int]]]:
    """The lines that are to be funded and that a rule with a total gives anything, with what each rule alone would
    give."""
    width = max(len(table.bonuses) for table in tables)
    selects = [
        f"""
        SELECT booking_id, refund_id, {at}, settled.rowid AS row, settled.line,
            {", ".join([*(bonus.raw for bonus in table.bonuses), *["0"] * (width - len(table.bonuses))])}
        FROM {table.table} AS settled
        CROSS JOIN considered ON considered.booking = settled.booking AND considered.line = settled.line
        CROSS JOIN bookings ON bookings.id = settled.booking
        CROSS JOIN line_versions ON line_versions.id = settled.line
        WHERE state = {LineState.OPEN:d} AND ({_limited(table)}) > 0 AND {funded}
        """
        for at, table in enumerate(tables)
    ]
    rows = connection.execute(f"{' UNION ALL '.join(selects)} ORDER BY 1, 2", parameters).fetchall()
    for _, _, at, row, line, *amounts in rows:
        yield tables[at], row, line, amounts[: len(tables[at].bonuses)]


def _note_bonuses(connection: sqlite3.Connection, table: SettledTable) -> None:
    bonuses = " + ".join(bonus.column for bonus in table.bonuses)
    connection.execute(
        f"""
        UPDATE considered SET
            bonus_minor = back + {bonuses}, rule_bonus_minor = {bonuses},
            -- Of a reopened line, nothing may be left to give.
            state = iif(paid_minor + back + {bonuses} + cash_minor + fee_minor = 0, {LineState.FUNDED:d}, state)
        FROM {table.table} AS settled
        WHERE considered.booking = settled.booking AND considered.line = settled.line
            AND state = {LineState.OPEN:d} AND {_limited(table)} > 0 AND rule_bonus_minor <> {bonuses}
        """
    )


def _given(connection: sqlite3.Connection, campaign: int, rule: str) -> int:
    """What a bonus rule has given so far, net of undo."""
    return int(
        connection.execute(
            f"""
            SELECT coalesce(sum(transactions.amount_minor), 0) FROM transactions {CREDIT}
            WHERE transactions.campaign = ? AND transactions.bucket = 'bonus'
                AND transactions.contra_account = 'bonuses_owed' AND credit.reason = ?
            """,
            (campaign, rule),
        ).fetchone()[0]
    )


def _limited(table: SettledTable) -> str:
    """SQL for what the rules with a total alone would give a line."""
    return " + ".join(bonus.raw for bonus in table.bonuses if bonus.rule.total_minor is not None)
