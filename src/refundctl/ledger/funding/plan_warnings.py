"""What a person should look at before money moves: bookings that a plan warns of, and those that are given most.

Read from the considered lines after the run's top-up, and from the transactions that it posted.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.database.sql import any_rows, make_temporary
from refundctl.ledger.funding.considered_lines import Considered, RuleBits
from refundctl.ledger.funding.line_state import IS_OPEN, LineState

LARGEST = 10
EXAMPLES = 5  # booking ids shown with each warning

# Amounts are far off the rest from this on: beyond the third quartile by more than so many times the distance between
# the quartiles (Tukey's outer fence), and by more than so many times the third quartile itself, as where nearly all
# amounts are equal that distance says nothing. Of fewer bookings there is no rest.
FENCE = 3
TIMES_QUARTILE = 2
FEWEST_BOOKINGS = 20


@dataclass(frozen=True, slots=True)
class NotedBookings:
    """How many bookings something is true of, and the ids of the first few."""

    count: int
    booking_ids: Sequence[str] = ()


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
