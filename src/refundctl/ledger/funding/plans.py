"""What a plan binds: the digest of what a run gives each line, and what each rule gave and kept.

Read from the considered lines after the run's top-up, and from the transactions that it posted.
"""

import hashlib
import sqlite3
from dataclasses import dataclass
from itertools import chain

from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.funding.line_state import LineState

ROWS_PER_READ = 5_000

_STATES = f"CASE state {' '.join(f'WHEN {state:d} THEN {state.name.lower()!r}' for state in LineState)} END"


@dataclass(frozen=True, slots=True)
class RuleShare:
    """What a rule gave (bucket `bonus`) or kept (`fee`), of how many refund lines. No rule: a bonus given back."""

    bucket: str
    rule: str | None
    lines: int
    minor: int


def lines_digest(considered: Considered) -> str:
    """SHA-256 over the considered lines with their states and amounts, in an order that no number of the ledger's
    sets."""
    rows = considered.connection.execute(
        f"""
        SELECT json_array(
            booking_id, coalesce(nullif(refund_id, ''), booking_id), customer_id, {_STATES}, paid_minor, bonus_minor,
            cash_minor, fee_minor
        )
        FROM considered
        CROSS JOIN bookings ON bookings.id = considered.booking
        CROSS JOIN line_versions ON line_versions.id = considered.line_version
        CROSS JOIN customers ON customers.id = considered.customer
        ORDER BY booking_id, refund_id
        """
    )
    digest = hashlib.sha256()
    while page := rows.fetchmany(ROWS_PER_READ):
        digest.update("\n".join(chain.from_iterable(page)).encode() + b"\n")
    return digest.hexdigest()


def rule_shares(connection: sqlite3.Connection, after: int) -> list[RuleShare]:
    """What each rule gave and kept in the transactions after `after`."""
    rows = connection.execute(
        """
        SELECT bucket, reason, count(*), sum(amount_minor) FROM transactions
        WHERE id > ? AND type = 'CREDITS_ADDITION' AND (bucket = 'bonus' OR bucket = 'fee')
        GROUP BY bucket, reason
        ORDER BY bucket DESC, reason
        """,
        (after,),
    )
    return [RuleShare(*row) for row in rows]
