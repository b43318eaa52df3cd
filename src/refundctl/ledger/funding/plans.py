"""Plans and approvals in the ledger: the digest of what a run gives, what a person should look at, and who agreed to
it.

What a run gives is read from the considered lines after its top-up, and from the transactions it posted.
"""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from refundctl.ledger.cards.successors import find_last_successors
from refundctl.ledger.database.sql import any_rows, make_temporary
from refundctl.ledger.funding.considered_lines import Considered, RuleBits
from refundctl.ledger.funding.line_state import IS_OPEN, LineState
from refundctl.ledger.funding.owed import GIVEN

ROWS_PER_READ = 5_000
LARGEST = 10
EXAMPLES = 5  # booking ids shown with each warning

# Amounts are far off the rest from this on: beyond the third quartile by more than so many times the distance between
# the quartiles (Tukey's outer fence), and by more than so many times the third quartile itself, as where nearly all
# amounts are equal that distance says nothing. Of fewer bookings there is no rest.
FENCE = 3
TIMES_QUARTILE = 2
FEWEST_BOOKINGS = 20

_STATES = f"CASE state {' '.join(f'WHEN {state:d} THEN {state.name.lower()!r}' for state in LineState)} END"


@dataclass(frozen=True, slots=True)
class RuleShare:
    """What a rule gave (bucket `bonus`) or kept (`fee`), of how many refund lines. No rule: a bonus given back."""

    bucket: str
    rule: str | None
    lines: int
    minor: int


@dataclass(frozen=True, slots=True)
class NotedBookings:
    """How many bookings something is true of, and the ids of the first few."""

    count: int
    booking_ids: Sequence[str] = ()


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


@dataclass(frozen=True, slots=True)
class GivenAmounts:
    """What each considered booking was given, on cards and in cash: in the temporary table `given_by_booking`."""

    connection: sqlite3.Connection

    def largest(self) -> list[tuple[str, int]]:
        """The bookings that are given most, with how much in minor units; of equal ones the first by their ids."""
        rows = self.connection.execute(
            """
            SELECT booking_id, minor FROM given_by_booking CROSS JOIN bookings ON bookings.id = given_by_booking.booking
            WHERE minor >= coalesce((SELECT minor FROM given_by_booking ORDER BY minor DESC LIMIT 1 OFFSET ?1 - 1), 0)
            ORDER BY minor DESC, booking_id LIMIT ?1
            """,
            (LARGEST,),
        )
        return rows.fetchall()


def find_amounts(considered: Considered, after: int) -> GivenAmounts:
    """Collect what each considered booking was given by the transactions after `after`."""
    connection = considered.connection
    columns = "booking INTEGER PRIMARY KEY, customer INTEGER NOT NULL, minor INTEGER NOT NULL"
    make_temporary(connection, f"CREATE TEMP TABLE given_by_booking ({columns});")
    without = connection.execute(
        f"""
        SELECT (SELECT count(*) FROM considered WHERE {IS_OPEN}) > (
            SELECT count(*) FROM transactions WHERE id > ? AND entry = 1 AND bucket <> 'fee'
        )
        """,
        (after,),
    ).fetchone()[0]
    # Where every open line was funded, as is usual, they needn't be looked up one by one.
    posted = """
        AND EXISTS (
            SELECT 1 FROM transactions
            WHERE transactions.line = considered.line AND entry = 1 AND transactions.id > :after
        )
    """
    connection.execute(
        f"""
        INSERT INTO given_by_booking
        SELECT booking, min(customer), sum(paid_minor + bonus_minor + cash_minor)
        FROM considered WHERE {IS_OPEN} {posted if without else ""}
        GROUP BY booking HAVING sum(paid_minor + bonus_minor + cash_minor) > 0
        """,
        {"after": after} if without else {},
    )
    return GivenAmounts(connection)


# What a person should look at before money moves


def sharing_an_email(given: GivenAmounts) -> NotedBookings:
    """Bookings of customers whose e-mail address another customer of the ledger has too."""
    connection = given.connection
    make_temporary(
        connection,
        """
        CREATE TEMP TABLE shared_emails (email TEXT PRIMARY KEY) WITHOUT ROWID;
        INSERT INTO shared_emails
        SELECT lower(email) FROM customers WHERE email IS NOT NULL GROUP BY 1 HAVING count(*) > 1;
        """,
    )
    if not any_rows(connection, "shared_emails"):
        return NotedBookings(0)
    return _found(
        connection,
        """
        SELECT booking FROM given_by_booking CROSS JOIN customers ON customers.id = given_by_booking.customer
        WHERE lower(email) IN (SELECT email FROM shared_emails)
        """,
    )


def sharing_name_and_amount(given: GivenAmounts) -> NotedBookings:
    """Bookings of different customers who have the same name and are given the same amount."""
    connection = given.connection
    make_temporary(
        connection,
        """
        CREATE TEMP TABLE lookalikes (first INTEGER NOT NULL, last INTEGER NOT NULL, bookings INTEGER NOT NULL);
        INSERT INTO lookalikes
        SELECT min(booking), max(booking), count(*)
        FROM given_by_booking NOT INDEXED CROSS JOIN customers ON customers.id = given_by_booking.customer
        WHERE name IS NOT NULL
        -- The amount first: most of the sorting then compares numbers.
        GROUP BY minor, lower(name) HAVING min(customer) <> max(customer);
        """,
    )
    count = connection.execute("SELECT coalesce(sum(bookings), 0) FROM lookalikes").fetchone()[0]
    shown = "SELECT first AS booking FROM lookalikes UNION SELECT last FROM lookalikes"
    return NotedBookings(count, _first(connection, shown)) if count else NotedBookings(0)


def far_off(given: GivenAmounts) -> tuple[NotedBookings, int]:
    """Bookings that are given far more than most of the others (see FENCE), the largest first; and the amount beyond
    which."""
    connection = given.connection
    count = connection.execute("SELECT count(*) FROM given_by_booking").fetchone()[0]
    if count < FEWEST_BOOKINGS:
        return NotedBookings(0), 0
    connection.execute("CREATE INDEX IF NOT EXISTS temp.given_minor ON given_by_booking (minor)")
    lower, upper = (
        connection.execute("SELECT minor FROM given_by_booking ORDER BY minor LIMIT 1 OFFSET ?", (at,)).fetchone()[0]
        # By the nearest rank, so that quartiles are amounts that occur.
        for at in ((count + 3) // 4 - 1, (3 * count + 3) // 4 - 1)
    )
    limit = max(upper + FENCE * (upper - lower), TIMES_QUARTILE * upper)
    return _found(connection, f"SELECT booking FROM given_by_booking WHERE minor > {limit:d}", "minor DESC,"), limit


def funded_elsewhere(considered: Considered) -> NotedBookings:
    """Bookings that another campaign has funded."""
    return _found(
        considered.connection, f"SELECT DISTINCT booking FROM considered WHERE state = {LineState.FUNDED_ELSEWHERE:d}"
    )


def never_expiring(considered: Considered) -> NotedBookings:
    """Bookings whose cards never expire, as the law of their customers' country has it."""
    never = f"SELECT DISTINCT booking FROM considered WHERE state = {LineState.OPEN:d} AND never_expires"
    return _found(considered.connection, never)


def without_tickets(considered: Considered) -> NotedBookings:
    """Bookings with no number of tickets, for which a fee per ticket is meant."""
    policy = considered.judge.newest
    bits = sum(RuleBits(policy).fee(at) for at, fee in enumerate(policy.fees) if fee.per_ticket_minor)
    return _found(
        considered.connection,
        f"""
        SELECT DISTINCT considered.booking
        FROM considered CROSS JOIN line_versions ON line_versions.id = considered.line_version
        WHERE ({IS_OPEN} OR state = {LineState.NOTHING_LEFT:d}) AND rules & {bits:d} AND tickets IS NULL
        """,
    )


def _found(connection: sqlite3.Connection, bookings: str, first: str = "") -> NotedBookings:
    count = int(connection.execute(f"SELECT count(*) FROM ({bookings})").fetchone()[0])
    return NotedBookings(count, _first(connection, bookings, first)) if count else NotedBookings(0)


def _first(connection: sqlite3.Connection, bookings: str, first: str = "") -> list[str]:
    rows = connection.execute(
        f"""
        SELECT booking_id FROM ({bookings}) AS found
        JOIN bookings ON bookings.id = found.booking {"JOIN given_by_booking USING (booking)" if first else ""}
        ORDER BY {first} booking_id LIMIT {EXAMPLES}
        """
    )
    return [row[0] for row in rows]


# Approval


def last_run(connection: sqlite3.Connection) -> int:
    """The number of the last run that was kept, 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()[0])


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
