"""Posting what a file says of customers and bookings: new rows, new versions, or nothing where nothing is new.

All of it is set-based and depends on the set of rows only, never on their order. `compare` decides, `post` writes.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from refundctl.ledger.bookings.absent_columns import carry_absent
from refundctl.ledger.bookings.line_versions import newest_version
from refundctl.ledger.bookings.staged_bookings import (
    LINE_COLUMNS,
    OWED_OTHERWISE,
    PERSON_COLUMNS,
    SEGMENT_COLUMNS,
    settle_repeats,
)
from refundctl.ledger.file.sql import any_rows, run_script

_WORK_TABLES = """
    DROP TABLE IF EXISTS temp.known;
    DROP TABLE IF EXISTS temp.several_lines;
    DROP TABLE IF EXISTS temp.said_again;
    DROP TABLE IF EXISTS temp.unsaid;
    DROP TABLE IF EXISTS temp.whose_customer;
    DROP TABLE IF EXISTS temp.differing_customers;
    DROP TABLE IF EXISTS temp.whose_booking;
    DROP TABLE IF EXISTS temp.changed_customers;
    -- staged rows whose refund line the ledger has; person_differs where they say something else of its customer
    CREATE TEMP TABLE known (
        staged_id INTEGER PRIMARY KEY, booking INTEGER NOT NULL, line INTEGER NOT NULL, line_version INTEGER NOT NULL,
        version INTEGER NOT NULL, customer INTEGER NOT NULL, money_differs INTEGER NOT NULL, rest_differs INTEGER NOT NULL,
        person_differs INTEGER NOT NULL
    );
    -- bookings with lines that are new or changed, and with more than one line in the ledger and the files together
    CREATE TEMP TABLE several_lines (booking_id TEXT PRIMARY KEY) WITHOUT ROWID;
    -- the ledger's lines of those bookings that the files speak of
    CREATE TEMP TABLE said_again (line INTEGER PRIMARY KEY);
    -- what the ledger says of the other lines of those bookings
    CREATE TEMP TABLE unsaid (
        booking INTEGER NOT NULL, customer INTEGER NOT NULL, currency TEXT NOT NULL, order_amount_minor INTEGER NOT NULL,
        PRIMARY KEY (booking, customer, currency, order_amount_minor)
    ) WITHOUT ROWID;
    -- rows for which no booking of their own was made, and to which they belong
    CREATE TEMP TABLE whose_booking (staged_id INTEGER PRIMARY KEY, booking INTEGER NOT NULL);
    -- new or changed rows for which no customer of their own was made; differs where they say something else of theirs
    CREATE TEMP TABLE whose_customer (staged_id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, differs INTEGER NOT NULL);
    -- customers of whom a row says something else than the ledger or another row; and those whose row was changed so
    CREATE TEMP TABLE differing_customers (customer INTEGER PRIMARY KEY);
    CREATE TEMP TABLE changed_customers (customer INTEGER PRIMARY KEY);
"""
_TAKEN = """
    NOT EXISTS (SELECT 1 FROM set_aside WHERE set_aside.staged_id = staged.id)
    AND NOT EXISTS (SELECT 1 FROM repeats WHERE repeats.staged_id = staged.id)
"""
_NEW = f"{_TAKEN} AND NOT EXISTS (SELECT 1 FROM known WHERE known.staged_id = staged.id)"
_NEW_OR_CHANGED = f"""
    {_TAKEN} AND NOT EXISTS (SELECT 1 FROM known WHERE known.staged_id = staged.id AND NOT money_differs)
"""
# Rows from which a line gets a new version, its first or a later one.
_SAYING = f"""
    {_TAKEN} AND NOT EXISTS (
        SELECT 1 FROM known WHERE known.staged_id = staged.id AND NOT money_differs AND NOT rest_differs
    )
"""
# The customer that a new or changed row names: made for this very row, or found by name.
_CUSTOMER = "coalesce(whose_customer.customer, :customer + staged.id)"
# What a row says of its person that `customers` doesn't. A blank never overwrites what is known, so it is no difference;
# and of whom a file of people has spoken, bookings only fill in what is blank.
_SAYS_OTHERWISE = "iif(customers.from_people_file, {}, {})".format(
    " OR ".join(f"(customers.{n} IS NULL AND staged.{n} IS NOT NULL)" for n in PERSON_COLUMNS),
    " OR ".join(f"(staged.{n} IS NOT NULL AND staged.{n} IS NOT customers.{n})" for n in PERSON_COLUMNS),
)
# What is digested of a person and of metadata; the salt keeps a digest from being found by guessing.
PERSON_TEXT = """
    json_array(hex(salt), customer_id, email, name, phone, locale, marketing_consent, country, from_people_file)
"""
METADATA_TEXT = "json_array(hex({salt}), {metadata})"


@dataclass(frozen=True, slots=True)
class Bases:
    """The highest ids before this run: a new row gets its base plus the number of the staged row that it is for."""

    booking: int
    customer: int
    line_version: int


@dataclass(frozen=True, slots=True)
class PostedBookings:
    """How many rows were new lines, changed ones, or already known as they are (repeats within the call included)."""

    loaded: int
    updated: int
    unchanged: int


def compare(connection: sqlite3.Connection) -> None:
    """Hold the staged rows against the ledger: find the known lines, and set aside what may not be.

    A funded line that now says another amount, currency or customer is a booking_conflict (one whose funding was undone may
    be corrected, but for its currency, as what was spent of it counts), as is a line that contradicts another line of its
    booking in the ledger; new lines that together exceed the order amount go, all of them.
    """
    run_script(connection, _WORK_TABLES)
    register_functions(connection)
    _map_segments(connection)
    if any_rows(connection, "bookings"):
        _find_known(connection)
        _set_aside_funded(connection)
        _set_aside_among_several(connection)
    elif any_rows(connection, "shared_bookings"):
        _set_aside_among_several(connection)
    settle_repeats(connection)


def _set_aside_among_several(connection: sqlite3.Connection) -> None:
    """Set aside lines that don't agree with the other lines of their booking."""
    if _nothing_new(connection):
        return
    connection.execute(
        f"""
        INSERT OR IGNORE INTO several_lines
        SELECT booking_id FROM staged
        WHERE {_NEW_OR_CHANGED} AND (
            booking_id IN (SELECT booking_id FROM shared_bookings)
            OR EXISTS (SELECT 1 FROM bookings WHERE bookings.booking_id = staged.booking_id)
        )
        """
    )
    if any_rows(connection, "several_lines"):
        _set_aside_strangers(connection)
        _set_aside_excess(connection)


def post(connection: sqlite3.Connection, run_id: int) -> PostedBookings:
    """Write the staged rows that stand, and say what became of them; rows that say nothing new write nothing."""
    if _nothing_new(connection):
        return PostedBookings(0, 0, _accepted(connection) + _further(connection, "TRUE"))
    bases = Bases(*(_highest(connection, table) for table in ("bookings", "customers", "line_versions")))
    carry_absent(connection)
    _post_segments(connection, run_id)
    _post_customers(connection, run_id, bases)
    _carry_metadata(connection)
    if metadata := any_rows(connection, "staged WHERE metadata IS NOT NULL"):
        _salt_metadata(connection)
    loaded = _post_new_lines(connection, run_id, bases)
    _post_changed_lines(connection, run_id, bases)
    if metadata:
        _post_metadata(connection, bases)
    changed = f"""
        SELECT staged.id FROM known CROSS JOIN staged ON staged.id = known.staged_id
        WHERE (money_differs OR rest_differs OR customer IN (SELECT customer FROM changed_customers)) AND {_TAKEN}
    """
    updated = _count(connection, f"SELECT count(*) FROM ({changed})") + _further(
        connection, f"staged_id IN ({changed})"
    )
    loaded += _further(
        connection,
        f"EXISTS (SELECT 1 FROM line_versions WHERE id = {bases.line_version} + staged_id AND version = 1)",
    )
    accepted = _accepted(connection) + _further(connection, "TRUE")
    return PostedBookings(loaded, updated, accepted - loaded - updated)


def _accepted(connection: sqlite3.Connection) -> int:
    """How many staged rows stand; one that was put together from several lines is one."""
    return _count(connection, "SELECT (SELECT count(*) FROM staged) - (SELECT count(*) FROM set_aside)")


def _further(connection: sqlite3.Connection, condition: str) -> int:
    """How many further lines the standing rows have for which `condition` holds: counts are of physical rows."""
    return _count(
        connection,
        f"SELECT count(*) FROM staged_further WHERE staged_id NOT IN (SELECT staged_id FROM set_aside) AND {condition}",
    )


def _nothing_new(connection: sqlite3.Connection) -> bool:
    """Whether the ledger knows every staged row that stands as it is, and every person; then nothing is to be written."""
    known = "SELECT count(*) FROM known WHERE NOT money_differs AND NOT rest_differs AND NOT person_differs"
    repeats = _count(connection, "SELECT count(*) FROM repeats")
    return _accepted(connection) == _count(connection, known) + repeats


def register_functions(connection: sqlite3.Connection) -> None:
    """Give the connection sha256(TEXT), the one function that SQLite lacks for us."""
    connection.create_function("sha256", 1, _sha256, deterministic=True)


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _count(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _highest(connection: sqlite3.Connection, table: str) -> int:
    return _count(connection, f"SELECT coalesce(max(id), 0) FROM {table}")


def _find_known(connection: sqlite3.Connection) -> None:
    files = connection.execute("SELECT first_staged, last_staged, absent FROM staged_files").fetchall()
    for first, last, absent in files:
        _find_known_of_file(connection, range(first, last + 1), frozenset(json.loads(absent)))


def _find_known_of_file(connection: sqlite3.Connection, rows: range, absent: frozenset[str]) -> None:
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
            WHERE old.id = now.segment AND (old.source <> staged_segments.source {"".join(f" OR {one}" for one in said)})
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
            customers.customer_id IS staged.customer_id AND {_SAYS_OTHERWISE}
        FROM staged
        CROSS JOIN bookings ON bookings.booking_id = staged.booking_id
        CROSS JOIN line_versions AS first
            ON first.booking = bookings.id AND first.refund_id = coalesce(staged.refund_id, '') AND first.version = 1
        CROSS JOIN line_versions AS now ON now.id = {newest_version("first")}
        CROSS JOIN customers ON customers.id = now.customer
        CROSS JOIN staged_segments ON staged_segments.id = staged.segment
        WHERE staged.id BETWEEN :first AND :last AND {_TAKEN}
        """,
        {"first": rows.start, "last": rows.stop - 1},
    )


def _map_segments(connection: sqlite3.Connection) -> None:
    same = " AND ".join(
        f"coalesce(segments.{name}, '') = coalesce(staged_segments.{name}, '')" for name in SEGMENT_COLUMNS
    )
    connection.execute(
        f"""
        UPDATE staged_segments
        SET segment = (SELECT id FROM segments WHERE segments.source = staged_segments.source AND {same})
        """
    )


def _post_segments(connection: sqlite3.Connection, run_id: int) -> None:
    columns = ", ".join(SEGMENT_COLUMNS)
    # What was carried over may be a combination that the ledger has.
    _map_segments(connection)
    # Rows that were set aside or say nothing new leave nothing behind, not even their segment.
    used = _standing(connection, f"id IN (SELECT segment FROM staged WHERE {_SAYING})")
    connection.execute(
        f"""
        INSERT INTO segments (source, {columns}, run_id)
        SELECT source, {columns}, ? FROM staged_segments WHERE segment IS NULL AND {used} ORDER BY key
        """,
        (run_id,),
    )
    _map_segments(connection)


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
        WHERE booking_id IN (SELECT booking_id FROM several_lines) AND {_TAKEN}
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
            'booking ' || staged.booking_id || ' has another refund line in the ledger, with another customer, currency '
                || 'or order amount; load all its lines together, or find out which is right'
        FROM staged
        CROSS JOIN bookings ON bookings.booking_id = staged.booking_id
        CROSS JOIN unsaid AS other ON other.booking = bookings.id
        WHERE staged.booking_id IN (SELECT booking_id FROM several_lines)
            AND {_NEW_OR_CHANGED}
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
        WHERE {_NEW_OR_CHANGED} AND booking_id IN (
            SELECT booking_id FROM (
                SELECT staged.booking_id, staged.order_amount_minor, staged.refund_amount_minor
                FROM staged
                WHERE {_TAKEN} AND booking_id IN (SELECT booking_id FROM several_lines)
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


def _post_customers(connection: sqlite3.Connection, run_id: int, bases: Bases) -> None:
    """Write the customers that are new, and what is said otherwise of the others.

    Rows that were set aside leave nothing behind: neither a customer, nor what they alone say of one.
    """
    connection.execute(
        f"""
        INSERT INTO customers (id, customer_id, {", ".join(PERSON_COLUMNS)}, salt)
        SELECT :customer + staged.id, customer_id, {", ".join(PERSON_COLUMNS)}, randomblob(16)
        FROM staged WHERE {_standing(connection, _NEW_OR_CHANGED)} ORDER BY staged.id
        ON CONFLICT (customer_id) DO NOTHING
        """,
        {"customer": bases.customer},
    )
    _merge_people(connection, bases)
    connection.execute(
        f"""
        INSERT INTO customer_versions (customer, digest, run_id)
        SELECT id, sha256({PERSON_TEXT}), :run FROM customers
        WHERE id > :base OR id IN (SELECT customer FROM changed_customers)
        ORDER BY id
        """,
        {"base": bases.customer, "run": run_id},
    )


def _standing(connection: sqlite3.Connection, condition: str) -> str:
    """The condition, or nothing to be looked at a million times where no row was set aside, repeated or known."""
    return condition if any(any_rows(connection, table) for table in ("set_aside", "repeats", "known")) else "TRUE"


def _merge_people(connection: sqlite3.Connection, bases: Bases) -> None:
    """Settle what rows say differently of one person: for each field, the last non-blank value in order of the ids.

    By booking_id and refund_id, not by place in the file, so that a file's order never matters. Of whom a file of people
    has spoken, it fills in blanks only.
    """
    connection.execute(
        f"""
        INSERT INTO whose_customer
        SELECT staged.id, customers.id, {_SAYS_OTHERWISE}
        FROM (
            -- LIMIT keeps this a step of its own: most rows have made their customer, which is seen at once.
            SELECT id, customer_id, {", ".join(PERSON_COLUMNS)} FROM staged
            WHERE {_standing(connection, _NEW_OR_CHANGED)}
                AND NOT EXISTS (SELECT 1 FROM customers AS own WHERE own.id = :customer + staged.id)
            ORDER BY id LIMIT -1
        ) AS staged
        CROSS JOIN customers ON customers.customer_id = staged.customer_id
        """,
        {"customer": bases.customer},
    )
    connection.execute(
        f"""
        INSERT OR IGNORE INTO differing_customers
        SELECT customer FROM whose_customer WHERE differs
        UNION
        SELECT customer FROM known CROSS JOIN staged ON staged.id = known.staged_id WHERE person_differs AND {_TAKEN}
        """
    )
    if not any_rows(connection, "differing_customers"):
        return
    said = connection.execute(
        f"""
        SELECT customers.id, {", ".join(f"staged.{n}" for n in PERSON_COLUMNS)}
        FROM staged
        CROSS JOIN customers ON customers.customer_id = staged.customer_id
        CROSS JOIN differing_customers ON differing_customers.customer = customers.id
        WHERE {_TAKEN}
        ORDER BY customers.id, staged.booking_id, staged.refund_id
        """
    )
    for customer, rows in groupby(said, itemgetter(0)):
        _merge_person(connection, customer, (row[1:] for row in rows))


def _merge_person(connection: sqlite3.Connection, customer: int, rows: Iterable[tuple[str | None, ...]]) -> None:
    columns = ", ".join(PERSON_COLUMNS)
    from_people_file, *known = connection.execute(
        f"SELECT from_people_file, {columns} FROM customers WHERE id = ?", (customer,)
    ).fetchone()
    said: Sequence[str | None] = [None] * len(known)
    for values in rows:
        said = _filled(values, said)
    merged = _filled(known, said) if from_people_file else _filled(said, known)
    if merged != known:
        settings = ", ".join(f"{name} = ?" for name in PERSON_COLUMNS)
        connection.execute(f"UPDATE customers SET {settings} WHERE id = ?", (*merged, customer))
        connection.execute("INSERT INTO changed_customers VALUES (?)", (customer,))


def _filled(first: Sequence[str | None], second: Sequence[str | None]) -> list[str | None]:
    """The first values, and the second where those are blank."""
    return [other if value is None else value for value, other in zip(first, second, strict=True)]


def _carry_metadata(connection: sqlite3.Connection) -> None:
    if not any_rows(connection, "line_metadata"):
        return
    # A source that keeps no metadata doesn't wipe what another load has kept.
    connection.execute(
        f"""
        UPDATE staged SET metadata = (
            SELECT line_metadata.metadata FROM known JOIN line_metadata ON line_metadata.line_version = known.line_version
            WHERE known.staged_id = staged.id
        )
        WHERE metadata IS NULL AND id IN (
            SELECT staged_id FROM known WHERE (money_differs OR rest_differs)
                AND EXISTS (SELECT 1 FROM line_metadata WHERE line_metadata.line_version = known.line_version)
        ) AND {_TAKEN}
        """
    )


def _salt_metadata(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE staged SET metadata_salt = randomblob(16) WHERE metadata IS NOT NULL")


_DIGEST = (
    f"CASE WHEN metadata IS NOT NULL THEN sha256({METADATA_TEXT.format(salt='metadata_salt', metadata='metadata')}) END"
)
_LINE_COLUMNS = """
    id, booking, refund_id, version, customer, order_amount_minor, refund_amount_minor, cash_amount_minor,
    bonus_amount_minor, currency, booked_at, cancelled_at, tickets, segment, metadata_digest, run_id
"""


def _post_new_lines(connection: sqlite3.Connection, run_id: int, bases: Bases) -> int:
    """Write bookings and first versions for rows that the ledger doesn't know; give their number."""
    new = _standing(connection, _NEW)
    base = {"booking": bases.booking, "customer": bases.customer, "line": bases.line_version, "run": run_id}
    connection.execute(
        f"""
        INSERT INTO bookings (id, booking_id, run_id)
        SELECT :booking + staged.id, booking_id, :run FROM staged WHERE {new} ORDER BY staged.id
        ON CONFLICT (booking_id) DO NOTHING
        """,
        base,
    )
    if any_rows(connection, "several_lines"):
        connection.execute(
            f"""
            INSERT INTO whose_booking
            SELECT staged.id, bookings.id
            FROM staged
            LEFT JOIN bookings AS own ON own.id = :booking + staged.id
            CROSS JOIN bookings ON bookings.booking_id = staged.booking_id
            WHERE own.id IS NULL AND {new}
            """,
            base,
        )
    return connection.execute(
        f"""
        INSERT INTO line_versions ({_LINE_COLUMNS})
        SELECT
            :line + staged.id,
            coalesce(whose_booking.booking, :booking + staged.id),
            coalesce(refund_id, ''),
            1,
            {_CUSTOMER},
            order_amount_minor, refund_amount_minor, cash_amount_minor, bonus_amount_minor, currency, booked_at, cancelled_at, tickets,
            staged_segments.segment, {_DIGEST}, :run
        FROM staged
        CROSS JOIN staged_segments ON staged_segments.id = staged.segment
        LEFT JOIN whose_customer ON whose_customer.staged_id = staged.id
        LEFT JOIN whose_booking ON whose_booking.staged_id = staged.id
        WHERE {new}
        ORDER BY staged.id
        """,
        base,
    ).rowcount


def _post_changed_lines(connection: sqlite3.Connection, run_id: int, bases: Bases) -> None:
    connection.execute(
        f"""
        INSERT INTO line_versions ({_LINE_COLUMNS})
        SELECT
            :line + staged.id,
            known.booking,
            coalesce(refund_id, ''),
            known.version + 1,
            iif(money_differs, {_CUSTOMER}, known.customer),
            order_amount_minor, refund_amount_minor, cash_amount_minor, bonus_amount_minor, currency, booked_at, cancelled_at, tickets,
            staged_segments.segment, {_DIGEST}, :run
        FROM known
        CROSS JOIN staged ON staged.id = known.staged_id
        LEFT JOIN whose_customer ON whose_customer.staged_id = staged.id
        CROSS JOIN staged_segments ON staged_segments.id = staged.segment
        WHERE (money_differs OR rest_differs) AND {_TAKEN}
        ORDER BY staged.id
        """,
        {"line": bases.line_version, "customer": bases.customer, "run": run_id},
    )


def _post_metadata(connection: sqlite3.Connection, bases: Bases) -> None:
    connection.execute(
        """
        INSERT INTO line_metadata (line_version, metadata, salt)
        SELECT line_versions.id, metadata, metadata_salt
        FROM staged CROSS JOIN line_versions ON line_versions.id = :line + staged.id
        WHERE metadata IS NOT NULL
        ORDER BY staged.id
        """,
        {"line": bases.line_version},
    )
