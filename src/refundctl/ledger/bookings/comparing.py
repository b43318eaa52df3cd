"""Holding staged bookings against the ledger: what is known, what is new, and what is set aside since it may not be.

All of it is set-based and depends on the set of rows only, never on their order.
"""

import sqlite3
from dataclasses import dataclass

from refundctl.ledger.bookings.contradictions import settle_repeats
from refundctl.ledger.bookings.line_versions import SEGMENT_COLUMNS, newest_version
from refundctl.ledger.bookings.staged_bookings import LINE_COLUMNS, OWED_OTHERWISE, PERSON_COLUMNS, StagedBookings
from refundctl.ledger.database.sql import any_rows, make_temporary, one_value

_TABLES = """
    -- staged rows whose refund line the ledger has; person_differs where they say something else of its customer
    CREATE TEMP TABLE known (
        staged_id INTEGER PRIMARY KEY, booking INTEGER NOT NULL, line INTEGER NOT NULL, line_version INTEGER NOT NULL,
        version INTEGER NOT NULL, customer INTEGER NOT NULL, money_differs INTEGER NOT NULL,
        rest_differs INTEGER NOT NULL, person_differs INTEGER NOT NULL
    );
    -- bookings with lines that are new or changed, and with more than one line in the ledger and the files together
    CREATE TEMP TABLE several_lines (booking_id TEXT PRIMARY KEY) WITHOUT ROWID;
    -- the ledger's lines of those bookings that the files speak of
    CREATE TEMP TABLE said_again (line INTEGER PRIMARY KEY);
    -- what the ledger says of the other lines of those bookings
    CREATE TEMP TABLE unsaid (
        booking INTEGER NOT NULL, customer INTEGER NOT NULL, currency TEXT NOT NULL,
        order_amount_minor INTEGER NOT NULL,
        PRIMARY KEY (booking, customer, currency, order_amount_minor)
    ) WITHOUT ROWID;
"""
# Conditions of `staged`. A row that stands, and is no repeat; of these, one of which the ledger has no line; and one of
# which it has none, or one with another amount, currency or customer.
TAKEN = """
    NOT EXISTS (SELECT 1 FROM set_aside WHERE set_aside.staged_id = staged.id)
    AND NOT EXISTS (SELECT 1 FROM repeats WHERE repeats.staged_id = staged.id)
"""
NEW = f"{TAKEN} AND NOT EXISTS (SELECT 1 FROM known WHERE known.staged_id = staged.id)"
NEW_OR_CHANGED = f"""
    {TAKEN} AND NOT EXISTS (SELECT 1 FROM known WHERE known.staged_id = staged.id AND NOT money_differs)
"""
# Rows from which a line gets a new version, its first or a later one.
SAYING = f"""
    {TAKEN} AND NOT EXISTS (
        SELECT 1 FROM known WHERE known.staged_id = staged.id AND NOT money_differs AND NOT rest_differs
    )
"""
# What a row says of its person that `customers` doesn't. A blank never overwrites what is known, so it is no
# difference; and of whom a file of people has spoken, bookings only fill in what is blank.
SAYS_OTHERWISE = "iif(customers.from_people_file, {}, {})".format(
    " OR ".join(f"(customers.{n} IS NULL AND staged.{n} IS NOT NULL)" for n in PERSON_COLUMNS),
    " OR ".join(f"(staged.{n} IS NOT NULL AND staged.{n} IS NOT customers.{n})" for n in PERSON_COLUMNS),
)


@dataclass(frozen=True, slots=True)
class ComparedBookings:
    """The door to `known` and `several_lines`, which those who post read; of what was posted, funding reads `known`."""

    staged: StagedBookings

    @property
    def connection(self) -> sqlite3.Connection:
        """The ledger's."""
        return self.staged.connection

    def accepted(self) -> int:
        """How many staged rows stand; one that was put together from several lines is one."""
        return self.count("SELECT (SELECT count(*) FROM staged) - (SELECT count(*) FROM set_aside)")

    def nothing_new(self) -> bool:
        """Whether the ledger knows every row that stands as it is, and every person; then nothing is to be written."""
        known = "SELECT count(*) FROM known WHERE NOT money_differs AND NOT rest_differs AND NOT person_differs"
        return self.accepted() == self.count(known) + self.count("SELECT count(*) FROM repeats")

    def standing(self, condition: str) -> str:
        """The condition, or nothing to be looked at a million times where no row was set aside, repeated or known."""
        # 5% of a run for each.
        some = any(any_rows(self.connection, table) for table in ("set_aside", "repeats", "known"))
        return condition if some else "TRUE"

    def count(self, sql: str) -> int:
        """The one number that a query gives."""
        return int(one_value(self.connection, sql))


def compare(staged: StagedBookings) -> ComparedBookings:
    """Hold the staged rows against the ledger: find the known lines, and set aside what may not be.

    A funded line that now says another amount, currency or customer is a booking_conflict (one whose funding was undone
    may be corrected, but for its currency, as what was spent of it counts), as is a line that contradicts another line
    of its booking in the ledger; new lines that together exceed the order amount go, all of them.
    """
    connection = staged.connection
    compared = ComparedBookings(staged)
    make_temporary(connection, _TABLES)
    map_segments(staged)
    if any_rows(connection, "bookings"):  # else 2% of a run
        for rows, absent in staged.files():
            _find_known(connection, rows, absent)
        _set_aside_funded(connection)
        _set_aside_among_several(compared)
    elif any_rows(connection, "shared_bookings"):  # else 1.5%
        _set_aside_among_several(compared)
    settle_repeats(staged)
    return compared


def _set_aside_among_several(compared: ComparedBookings) -> None:
    """Set aside lines that don't agree with the other lines of their booking."""
    connection = compared.connection
    if compared.nothing_new():
        return
    connection.execute(
        f"""
        INSERT OR IGNORE INTO several_lines
        SELECT booking_id FROM staged
        WHERE {NEW_OR_CHANGED} AND (
            booking_id IN (SELECT booking_id FROM shared_bookings)
            OR EXISTS (SELECT 1 FROM bookings WHERE bookings.booking_id = staged.booking_id)
        )
        """
    )
    if any_rows(connection, "several_lines"):  # else 2% of a run on a ledger that has bookings
        _set_aside_strangers(connection)
        _set_aside_excess(connection)


def _find_known(connection: sqlite3.Connection, rows: range, absent: frozenset[str]) -> None:
    """Compare what a file says with the ledger; about a column that it doesn't have it says nothing."""
    money = [
        "now.order_amount_minor <> staged.order_amount_minor",
        "now.refund_amount_minor <> staged.refund_amount_minor",
        "now.currency <> staged.currency",
        *(f"now.{name}_minor <> staged.{name}_minor" for name in OWED_OTHERWISE if name not in absent),
    ]
    said = [f"old.{name} IS NOT staged_segments.{name}" for name in SEGMENT_COLUMNS if name not in absent]
    # Most segments are the same, and then nothing more is to be compared.
    segment = f"""
        now.segment IS NOT staged_segments.segment AND EXISTS (
            SELECT 1 FROM segments AS old
            WHERE old.id = now.segment
                AND (old.source <> staged_segments.source {"".join(f" OR {one}" for one in said)})
        )
    """
    rest = [f"({segment})", *(f"now.{name} IS NOT staged.{name}" for name in LINE_COLUMNS if name not in absent)]
    connection.execute(
        f"""
        INSERT INTO known
        SELECT
            staged.id, first.booking, first.id, now.id, now.version, now.customer,
            customers.customer_id IS NOT staged.customer_id OR {" OR ".join(money)},
            now.withdrawn OR {" OR ".join(rest)}
                OR (staged.metadata IS NOT NULL AND staged.metadata IS NOT (
                    SELECT metadata FROM line_metadata WHERE line_version = now.id
                )),
            customers.customer_id IS staged.customer_id AND {SAYS_OTHERWISE}
        FROM staged
        CROSS JOIN bookings ON bookings.booking_id = staged.booking_id
        CROSS JOIN line_versions AS first
            ON first.booking = bookings.id AND first.refund_id = coalesce(staged.refund_id, '') AND first.version = 1
        CROSS JOIN line_versions AS now ON now.id = {newest_version("first")}
        CROSS JOIN customers ON customers.id = now.customer
        CROSS JOIN staged_segments ON staged_segments.id = staged.segment
        WHERE staged.id BETWEEN :first AND :last AND {TAKEN}
        """,
        {"first": rows.start, "last": rows.stop - 1},
    )


def map_segments(staged: StagedBookings) -> None:
    """Find which staged combinations of descriptive values the ledger has."""
    same = " AND ".join(
        f"coalesce(segments.{name}, '') = coalesce(staged_segments.{name}, '')" for name in SEGMENT_COLUMNS
    )
    staged.connection.execute(
        f"""
        UPDATE staged_segments
        SET segment = (SELECT id FROM segments WHERE segments.source = staged_segments.source AND {same})
        """
    )


def _set_aside_funded(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        INSERT INTO set_aside
        SELECT
            staged.id, 'booking_id', 'booking_conflict',
            'booking ' || booking_id || ' is already funded with another amount, currency or customer; '
                || 'nothing was changed: find out which is right'
        FROM known CROSS JOIN staged ON staged.id = known.staged_id
        WHERE money_differs AND EXISTS (
            SELECT 1 FROM transactions
            WHERE transactions.line = known.line AND entry = 1 AND run_id NOT IN (SELECT undone_run FROM undoings)
        )
        """
    )
    connection.execute(
        """
        INSERT OR IGNORE INTO set_aside
        SELECT
            staged.id, 'booking_id', 'booking_conflict',
            'booking ' || booking_id || ' was funded in ' || now.currency || ' before that was undone, and keeps this '
                || 'currency; nothing was changed: correct the file, or give the booking another booking_id'
        FROM known
        CROSS JOIN staged ON staged.id = known.staged_id
        CROSS JOIN line_versions AS now ON now.id = known.line_version
        WHERE money_differs AND now.currency <> staged.currency
            AND EXISTS (SELECT 1 FROM transactions WHERE transactions.line = known.line AND entry = 1)
        """
    )


def _set_aside_strangers(connection: sqlite3.Connection) -> None:
    """A line must agree with those lines of its booking that the files don't speak of."""
    connection.execute(
        f"""
        INSERT INTO said_again
        SELECT line FROM known CROSS JOIN staged ON staged.id = known.staged_id
        WHERE booking_id IN (SELECT booking_id FROM several_lines) AND {TAKEN}
        """
    )
    connection.execute(
        """
        INSERT INTO unsaid
        SELECT DISTINCT booking, customer, currency, order_amount_minor
        FROM several_lines
        CROSS JOIN bookings ON bookings.booking_id = several_lines.booking_id
        CROSS JOIN refund_lines ON refund_lines.booking = bookings.id
        WHERE line NOT IN (SELECT line FROM said_again)
        """
    )
    connection.execute(
        f"""
        INSERT OR IGNORE INTO set_aside
        SELECT
            staged.id, 'booking_id', 'booking_conflict',
            'booking ' || staged.booking_id || ' has another refund line in the ledger, with another customer, '
                || 'currency or order amount; load all its lines together, or find out which is right'
        FROM staged
        CROSS JOIN bookings ON bookings.booking_id = staged.booking_id
        CROSS JOIN unsaid AS other ON other.booking = bookings.id
        WHERE staged.booking_id IN (SELECT booking_id FROM several_lines)
            AND {NEW_OR_CHANGED}
            AND (
                other.customer IS NOT (SELECT id FROM customers WHERE customers.customer_id = staged.customer_id)
                OR other.currency <> staged.currency
                OR other.order_amount_minor <> staged.order_amount_minor
            )
        """
    )


def _set_aside_excess(connection: sqlite3.Connection) -> None:
    """Refund lines of one booking must not exceed its order amount together; all its new lines go."""
    connection.execute(
        f"""
        INSERT OR IGNORE INTO set_aside
        SELECT
            staged.id, 'refund_amount', 'exceeds_order_amount',
            'the refund lines of booking ' || staged.booking_id || ' together exceed its order amount'
        FROM staged
        WHERE {NEW_OR_CHANGED} AND booking_id IN (
            SELECT booking_id FROM (
                SELECT staged.booking_id, staged.order_amount_minor, staged.refund_amount_minor
                FROM staged
                WHERE {TAKEN} AND booking_id IN (SELECT booking_id FROM several_lines)
                UNION ALL
                SELECT refund_lines.booking_id, refund_lines.order_amount_minor, refund_lines.refund_amount_minor
                FROM several_lines
                CROSS JOIN bookings ON bookings.booking_id = several_lines.booking_id
                CROSS JOIN refund_lines ON refund_lines.booking = bookings.id
                WHERE refund_lines.line NOT IN (SELECT line FROM said_again)
            )
            GROUP BY booking_id HAVING sum(refund_amount_minor) > max(order_amount_minor)
        )
        """
    )
