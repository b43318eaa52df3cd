"""Who has agreed to a plan, which run did what it said, and what a campaign has given without anybody's approval."""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.cards.successors import find_last_successors
from refundctl.ledger.funding.owed import GIVEN


@dataclass(frozen=True, slots=True)
class Approved:
    """Who has agreed to a plan, and in which run."""

    approval_id: int
    run_id: int
    operator: str
    user_id: int


def approval_of(connection: sqlite3.Connection, plan: str) -> Approved | None:
    """Who has agreed to the plan with this digest, or None."""
    row = connection.execute(
        """
        SELECT approvals.id, runs.id, operator, user_id
        FROM approvals JOIN runs ON runs.id = approvals.run_id WHERE plan = ?
        """,
        (plan,),
    ).fetchone()
    return None if row is None else Approved(*row)


def post_approval(connection: sqlite3.Connection, plan: str, campaign: str, run_id: int) -> None:
    """Somebody agrees to the plan with this digest; who, says the run."""
    connection.execute("INSERT INTO approvals (plan, campaign, run_id) VALUES (?, ?, ?)", (plan, campaign, run_id))


@dataclass(frozen=True, slots=True)
class Applied:
    """The run that did what a plan said; `partial` where it left a person something to fix.

    `undone_by` is the first run that has undone it or one of its steps, also where that was reopened since.
    """

    run_id: int
    partial: bool
    undone_by: int | None


def applied_run(connection: sqlite3.Connection, plan: str) -> Applied | None:
    """The run that did what the plan with this digest said, or None."""
    row = connection.execute(
        """
        SELECT applied_plans.run_id, status = 'partial', (
            SELECT min(undoings.run_id) FROM undoings JOIN runs ON runs.id = undone_run
            WHERE applied_plans.run_id IN (runs.id, runs.parent_run_id)
        )
        FROM applied_plans JOIN run_outcomes ON run_outcomes.run_id = applied_plans.run_id
        WHERE plan = ?
        """,
        (plan,),
    ).fetchone()
    return None if row is None else Applied(row[0], bool(row[1]), row[2])


def post_applied(connection: sqlite3.Connection, plan: str, approval_id: int | None, run_id: int) -> None:
    """The run `run_id` does what the plan with this digest says; `approval_id` where somebody has agreed to it."""
    connection.execute(
        "INSERT INTO applied_plans (plan, approval, run_id) VALUES (?, ?, ?)", (plan, approval_id, run_id)
    )


def unapproved_minor(connection: sqlite3.Connection, campaign: int) -> int:
    """What a campaign has given without anybody's approval, on cards and in cash, net of undo.

    What takes a credit back counts with the run of that credit, so that undoing an approved run frees nothing. Nor does
    a correction that takes off a card what was approved: else it could be given to somebody else by another one.
    """
    card = find_last_successors(connection).of("entry.card")
    return int(
        connection.execute(
            f"""
            SELECT
                coalesce(sum(amount_minor), 0) + (
                    SELECT coalesce(sum(max(0, -left_minor)), 0) FROM (
                        SELECT sum(amount_minor) AS left_minor FROM transactions AS entry
                        WHERE {card} IN ({_CORRECTED.format(card=card)}) AND {_UNAPPROVED}
                        GROUP BY {card}
                    )
                )
            FROM transactions AS entry WHERE {_UNAPPROVED}
            """,
            {"campaign": campaign},
        ).fetchone()[0]
    )


_UNAPPROVED = f"""
    campaign = :campaign AND bucket <> 'fee' AND {GIVEN}
    AND iif(
        related_transaction IS NULL,
        run_id,
        (SELECT credit.run_id FROM transactions AS credit WHERE credit.id = entry.related_transaction)
    ) NOT IN (
        SELECT runs.id FROM applied_plans JOIN runs ON runs.parent_run_id = applied_plans.run_id
        WHERE approval IS NOT NULL
    )
"""
# The cards off which a correction has taken something; where one was transferred, that on which its money is now.
_CORRECTED = """
    SELECT {card} FROM transactions AS entry
    WHERE campaign = :campaign AND contra_account = 'adjustments' AND amount_minor < 0
"""
