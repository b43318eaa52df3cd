"""What is owed in cash: by cash-outs that customers asked for, by `cash_amount`s, and by policy."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from refundctl.ledger.bookings.line_versions import newest_version
from refundctl.ledger.database.sql import one_value


class DebtState(StrEnum):
    """What has become of a debt: ORDERED is in a file for the bank that has not rejected it, CANCELLED owed no more."""

    OPEN = "open"
    ORDERED = "ordered"
    PAID = "paid"
    CANCELLED = "cancelled"


class DebtSource(StrEnum):
    """Why cash is owed: a customer asked for it, the booking's file said so, or the campaign's offers, or a law."""

    REQUEST = "request"
    CASH_AMOUNT = "cash_amount"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Debt:
    """Something owed in cash; `debt_id` is the transaction that made it. `created_at` is RFC 3339 in UTC."""

    debt_id: int
    card: int | None
    booking_id: str | None
    refund_id: str | None
    customer_id: str
    name: str | None
    campaign: str
    currency: str
    amount_minor: int
    state: DebtState
    source: DebtSource
    created_at: str
    reason: str | None

    @property
    def card_id(self) -> str | None:
        """The card that it was on, as people name it."""
        return None if self.card is None else f"c{self.card}"


# In a file for the bank, and not rejected.
_ORDERED = """
    EXISTS (
        SELECT 1 FROM cash_orders
        WHERE cash_orders.debt = {debt} AND NOT EXISTS (SELECT 1 FROM cash_rejections WHERE cash_order = cash_orders.id)
    )
"""
#: SQL for whether a debt was paid, or may be paid by the bank at any moment.
WITH_THE_BANK = f"(EXISTS (SELECT 1 FROM cash_outcomes WHERE debt = {{debt}} AND outcome = 'paid') OR {_ORDERED})"

# What an undo could not take back, as it was with the bank then, isn't paid after a rejection unless reopened.
_WITHDRAWN = """
    (
        EXISTS (SELECT 1 FROM transactions AS back WHERE back.related_transaction = debts.id AND back.bucket = 'cash')
        OR (
            debts.run_id IN (SELECT undone_run FROM undoings)
            AND debts.run_id NOT IN (SELECT undone_run FROM reopenings)
        )
    )
"""
_STATE = f"""
    coalesce(
        (SELECT outcome FROM cash_outcomes WHERE debt = debts.id),
        CASE WHEN {_ORDERED.format(debt="debts.id")} THEN 'ordered' WHEN {_WITHDRAWN} THEN 'cancelled' ELSE 'open' END
    )
"""
_DEBTS = f"""
    SELECT
        debts.id, debts.card, bookings.booking_id, coalesce(nullif(refund_id, ''), iif(card IS NULL, booking_id, NULL)),
        customer_id, customers.name, campaigns.name, currency, abs(amount_minor), {_STATE} AS state, source,
        runs.started_at, reason
    FROM (
        SELECT
            owed.id, owed.campaign, owed.run_id, amount_minor, held_cards.id AS card, held_cards.booking,
            NULL AS refund_id, held_cards.customer, 'request' AS source, cashouts.reason
        FROM cashouts
        JOIN transactions AS owed ON owed.id = cashouts.id
        JOIN held_cards ON held_cards.id = cashouts.card
        WHERE {{wanted}}
        UNION ALL
        SELECT
            owed.id, owed.campaign, owed.run_id, amount_minor, NULL, first.booking, first.refund_id, now.customer,
            iif(amount_minor <= now.cash_amount_minor, 'cash_amount', 'policy'), NULL
        FROM transactions AS owed
        CROSS JOIN line_versions AS first ON first.id = owed.line
        CROSS JOIN line_versions AS now ON now.id = {newest_version("first")}
        WHERE owed.bucket = 'cash' AND owed.entry IS NOT NULL AND {{wanted}}
    ) AS debts
    JOIN campaigns ON campaigns.id = debts.campaign
    JOIN runs ON runs.id = debts.run_id
    JOIN customers ON customers.id = debts.customer
    LEFT JOIN bookings ON bookings.id = debts.booking
"""


def debts(connection: sqlite3.Connection, campaign: str | None, states: Collection[DebtState]) -> list[Debt]:
    """The debts in these states, the oldest first: of one campaign, or of all where that is None."""
    rows = connection.execute(
        f"""
        {_DEBTS.format(wanted="TRUE")}
        WHERE (:campaign IS NULL OR campaigns.name = :campaign) AND state IN (SELECT value FROM json_each(:states))
        ORDER BY debts.id
        """,
        {"campaign": campaign, "states": json.dumps(sorted(states))},
    )
    return [_debt(*row) for row in rows]


def count_open(connection: sqlite3.Connection, campaign: int) -> int:
    """How many debts of a campaign wait to be put into a file for the bank, or to be paid otherwise."""
    sql = f"SELECT count(*) FROM ({_DEBTS.format(wanted='owed.campaign = ?1')}) WHERE state = '{DebtState.OPEN}'"
    return int(one_value(connection, sql, (campaign,)))


def debts_numbered(connection: sqlite3.Connection, numbers: Collection[int]) -> dict[int, Debt]:
    """The debts of these ids, in order, those that exist."""
    wanted = "owed.id IN (SELECT value FROM json_each(:numbers))"
    sql = f"{_DEBTS.format(wanted=wanted)} ORDER BY debts.id"
    rows = connection.execute(sql, {"numbers": json.dumps(sorted(numbers))})
    return {row[0]: _debt(*row) for row in rows}


def _debt(*row: Any) -> Debt:
    *facts, state, source, created_at, reason = row
    values = (*facts, DebtState(state), DebtSource(source), created_at, reason)
    return Debt(*values)


def lapsed_with(connection: sqlite3.Connection, request: int) -> int:
    """The bonus that lapsed as a cash-out was requested, in minor units."""
    lapsed = """
        SELECT coalesce(-sum(amount_minor), 0) FROM transactions
        WHERE related_transaction = ? AND type = 'CREDITS_REMOVAL' AND contra_account = 'lapsed'
    """
    return int(one_value(connection, lapsed, (request,)))


def pay(connection: sqlite3.Connection, debt: int, reference: str | None, run_id: int) -> None:
    """A debt was paid, for good."""
    connection.execute(
        "INSERT INTO cash_outcomes (debt, outcome, reference, run_id) VALUES (?, 'paid', ?, ?)",
        (debt, reference, run_id),
    )
