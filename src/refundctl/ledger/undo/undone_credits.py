"""Taking back the credits of a top-up or of a goodwill card, as long as the cards still hold them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.cards.successors import find_last_successors
from refundctl.ledger.cash.debts import WITH_THE_BANK
from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.undo.undone_runs import MOST_LISTED


@dataclass(frozen=True, slots=True)
class Spent:
    """What can't be taken back any more, in minor units: from a card, or of cash that is paid or with the bank."""

    card: int | None
    amount_minor: int
    debt: int | None = None


@dataclass(frozen=True, slots=True)
class CreditsTakenBack:
    """What was taken back, by bucket, in minor units of `currency`; of how many refund lines; and what was spent.

    `spent` are the first cards and debts in cash only; `spent_cards`, `spent_debts` and `spent_minor` count all.
    """

    refunds: int
    currency: str
    paid_minor: int
    bonus_minor: int
    cash_minor: int
    fee_minor: int
    spent_cards: int
    spent_debts: int
    spent_minor: int
    spent: Sequence[Spent]


def take_back(connection: sqlite3.Connection, undone: int, reason: str | None, run_id: int) -> CreditsTakenBack | None:
    """Take the credits of the run `undone` back, where its cards still hold them; None where it has none.

    At most a bucket's balance, so that what was spent stays: taken from the first credits of the run first. Where a
    card was transferred since, its money is taken off the card that it has moved to in the end. What was owed in cash
    or kept as a fee goes whole, but for cash that is paid or with the bank: that is spent. All its lines are undone.
    """
    _find_credits(connection, undone)
    _post_removals(connection, undone, reason, run_id)
    return _told(connection)


def _find_credits(connection: sqlite3.Connection, undone: int) -> None:
    """Collect the run's credits in temp.undone_credits, which the functions below read."""
    make_temporary(connection, _CREDITS_TABLES)
    # Only then, as an undo of a million credits must not look for the last successor of each.
    card = find_last_successors(connection).of("transactions.card")
    credits_ = f"""
        SELECT id, {card} AS card, bucket, amount_minor FROM transactions
        WHERE run_id = ? AND (entry IS NOT NULL OR contra_account = 'goodwill')
    """
    connection.execute(
        f"""
        INSERT INTO undone_balances
        SELECT card, bucket, sum(amount_minor) FROM transactions
        WHERE card IN (SELECT card FROM ({credits_}))
        GROUP BY card, bucket
        """,
        (undone,),
    )
    connection.execute(
        f"""
        INSERT INTO undone_credits
        SELECT
            id, credit.card, amount_minor,
            -- What the bucket holds, less what the run's credits before this one take from it.
            CASE
                WHEN credit.bucket = 'cash' THEN iif({WITH_THE_BANK.format(debt="credit.id")}, 0, amount_minor)
                WHEN credit.card IS NULL THEN amount_minor
                ELSE max(0, min(amount_minor, coalesce(balance_minor, 0) - before_minor))
            END
        FROM (
            SELECT
                id, card, bucket, amount_minor,
                iif(card IS NULL, 0, sum(amount_minor) OVER before - amount_minor) AS before_minor
            FROM ({credits_}) WINDOW before AS (PARTITION BY card, bucket ORDER BY id ROWS UNBOUNDED PRECEDING)
        ) AS credit
        LEFT JOIN undone_balances ON undone_balances.card = credit.card AND undone_balances.bucket = credit.bucket
        ORDER BY id
        """,
        (undone,),
    )


def _post_removals(connection: sqlite3.Connection, undone: int, reason: str | None, run_id: int) -> None:
    connection.execute(
        """
        INSERT INTO transactions (
            campaign, card, line, type, bucket, amount_minor, contra_account, reason, related_transaction, run_id
        )
        SELECT
            campaign, undone_credits.card, line, 'CREDITS_REMOVAL', bucket, -taken_minor, contra_account, :reason, id,
            :run
        FROM undone_credits CROSS JOIN transactions AS credit ON credit.id = undone_credits.credit
        WHERE taken_minor > 0
        ORDER BY credit
        """,
        {"reason": reason, "run": run_id},
    )
    connection.execute(
        """
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT line, :undone, :run FROM transactions WHERE run_id = :undone AND entry = 1 ORDER BY line
        """,
        {"undone": undone, "run": run_id},
    )


_CREDITS_TABLES = """
    -- what the buckets of the cards concerned hold; once for each, as a card may have thousands of credits
    CREATE TEMP TABLE undone_balances (
        card INTEGER NOT NULL, bucket TEXT NOT NULL, balance_minor INTEGER NOT NULL, PRIMARY KEY (card, bucket)
    ) WITHOUT ROWID;
    -- the credits of the undone run, each with the card that has its money now, and what of it is taken back
    CREATE TEMP TABLE undone_credits (
        credit INTEGER PRIMARY KEY, card INTEGER, amount_minor INTEGER NOT NULL, taken_minor INTEGER NOT NULL
    );
"""
_SPENT = """
    SELECT card, sum(amount_minor - taken_minor) AS spent_minor, iif(card IS NULL, credit, NULL) AS debt
    FROM undone_credits WHERE amount_minor > taken_minor GROUP BY card, debt
"""


def _told(connection: sqlite3.Connection) -> CreditsTakenBack | None:
    buckets = ("paid", "bonus", "cash", "fee")
    sums = ", ".join(f"coalesce(sum(taken_minor) FILTER (WHERE bucket = '{name}'), 0)" for name in buckets)
    refunds, currency, paid, bonus, cash, fee = connection.execute(
        f"""
        SELECT count(DISTINCT line) FILTER (WHERE taken_minor > 0 AND bucket <> 'fee'), max(campaigns.currency), {sums}
        FROM undone_credits
        CROSS JOIN transactions ON transactions.id = undone_credits.credit
        CROSS JOIN campaigns ON campaigns.id = transactions.campaign
        """
    ).fetchone()
    if currency is None:
        return None
    of_all = f"SELECT count(card), count(debt), coalesce(sum(spent_minor), 0) FROM ({_SPENT})"
    cards, debts, minor = connection.execute(of_all).fetchone()
    listed = [Spent(*row) for row in connection.execute(f"{_SPENT} ORDER BY card, debt LIMIT {MOST_LISTED}")]
    return CreditsTakenBack(refunds, currency, paid, bonus, cash, fee, cards, debts, minor, listed)
