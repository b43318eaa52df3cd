"""Posting what a file says of bookings: new rows, new versions, or nothing where nothing is new.

All of it is set-based and depends on the set of rows only, never on their order.
"""

from dataclasses import dataclass

from refundctl.ledger.bookings.absent_columns import carry_absent
from refundctl.ledger.bookings.booking_customers import BookingCustomers, post_customers
from refundctl.ledger.bookings.comparing import NEW, SAYING, TAKEN, ComparedBookings, map_segments
from refundctl.ledger.bookings.line_versions import SAID, SEGMENT_COLUMNS
from refundctl.ledger.database.sql import make_temporary
from refundctl.ledger.journal.salted_digests import METADATA_TEXT

_DIGEST = (
    f"CASE WHEN metadata IS NOT NULL THEN sha256({METADATA_TEXT.format(salt='metadata_salt', metadata='metadata')}) END"
)
_LINE_COLUMNS = f"id, booking, refund_id, version, customer, {SAID}, segment, metadata_digest, run_id"
# Rows for which no booking of their own was made, and to which they belong.
_WHOSE_BOOKING = "CREATE TEMP TABLE whose_booking (staged_id INTEGER PRIMARY KEY, booking INTEGER NOT NULL);"


@dataclass(frozen=True, slots=True)
class Bases:
    """The highest ids before this run: a new row gets its base plus the number of the staged row that it is for."""

    booking: int
    line_version: int


@dataclass(frozen=True, slots=True)
class PostedBookings:
    """How many rows were new lines, changed ones, or already known as they are (repeats within the call included)."""

    loaded: int
    updated: int
    unchanged: int


def post(compared: ComparedBookings, run_id: int) -> PostedBookings:
    """Write the staged rows that stand, and say what became of them; rows that say nothing new write nothing."""
    connection = compared.connection
    if compared.nothing_new():
        return PostedBookings(0, 0, compared.accepted() + _further(compared, "TRUE"))
    bases = Bases(
        *(compared.count(f"SELECT coalesce(max(id), 0) FROM {name}") for name in ("bookings", "line_versions"))
    )
    carry_absent(compared)
    _post_segments(compared, run_id)
    customers = post_customers(compared, run_id)
    _carry_metadata(compared)
    connection.execute("UPDATE staged SET metadata_salt = randomblob(16) WHERE metadata IS NOT NULL")
    loaded = _post_new_lines(compared, customers, run_id, bases)
    _post_changed_lines(compared, customers, run_id, bases)
    _post_metadata(compared, bases)
    changed = f"""
        SELECT staged.id FROM known CROSS JOIN staged ON staged.id = known.staged_id
        WHERE (money_differs OR rest_differs OR customer IN (SELECT customer FROM changed_customers)) AND {TAKEN}
    """
    updated = compared.count(f"SELECT count(*) FROM ({changed})") + _further(compared, f"staged_id IN ({changed})")
    loaded += _further(
        compared,
        f"EXISTS (SELECT 1 FROM line_versions WHERE id = {bases.line_version} + staged_id AND version = 1)",
    )
    accepted = compared.accepted() + _further(compared, "TRUE")
    return PostedBookings(loaded, updated, accepted - loaded - updated)


def _further(compared: ComparedBookings, condition: str) -> int:
    """How many further lines the standing rows have for which `condition` holds: counts are of physical rows."""
    return compared.count(
        f"SELECT count(*) FROM staged_further WHERE staged_id NOT IN (SELECT staged_id FROM set_aside) AND {condition}",
    )


def _post_segments(compared: ComparedBookings, run_id: int) -> None:
    columns = ", ".join(SEGMENT_COLUMNS)
    # What was carried over may be a combination that the ledger has.
    map_segments(compared.staged)
    # Rows that were set aside or say nothing new leave nothing behind, not even their segment.
    used = compared.standing(f"id IN (SELECT segment FROM staged WHERE {SAYING})")
    compared.connection.execute(
        f"""
        INSERT INTO segments (source, {columns}, run_id)
        SELECT source, {columns}, ? FROM staged_segments WHERE segment IS NULL AND {used} ORDER BY key
        """,
        (run_id,),
    )
    map_segments(compared.staged)


def _carry_metadata(compared: ComparedBookings) -> None:
    # A source that keeps no metadata doesn't wipe what another load has kept.
    compared.connection.execute(
        f"""
        UPDATE staged SET metadata = (
            SELECT line_metadata.metadata
            FROM known JOIN line_metadata ON line_metadata.line_version = known.line_version
            WHERE known.staged_id = staged.id
        )
        WHERE metadata IS NULL AND id IN (
            SELECT staged_id FROM known WHERE (money_differs OR rest_differs)
                AND EXISTS (SELECT 1 FROM line_metadata WHERE line_metadata.line_version = known.line_version)
        ) AND {TAKEN}
        """
    )


def _post_new_lines(compared: ComparedBookings, customers: BookingCustomers, run_id: int, bases: Bases) -> int:
    """Write bookings and first versions for rows that the ledger doesn't know; give their number."""
    connection = compared.connection
    new = compared.standing(NEW)
    base = {"booking": bases.booking, "line": bases.line_version, "run": run_id}
    connection.execute(
        f"""
        INSERT INTO bookings (id, booking_id, run_id)
        SELECT :booking + staged.id, booking_id, :run FROM staged WHERE {new} ORDER BY staged.id
        ON CONFLICT (booking_id) DO NOTHING
        """,
        base,
    )
    make_temporary(connection, _WHOSE_BOOKING)
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
            {customers.of_row},
            {SAID}, staged_segments.segment, {_DIGEST}, :run
        FROM staged
        CROSS JOIN staged_segments ON staged_segments.id = staged.segment
        LEFT JOIN whose_customer ON whose_customer.staged_id = staged.id
        LEFT JOIN whose_booking ON whose_booking.staged_id = staged.id
        WHERE {new}
        ORDER BY staged.id
        """,
        base,
    ).rowcount


def _post_changed_lines(compared: ComparedBookings, customers: BookingCustomers, run_id: int, bases: Bases) -> None:
    compared.connection.execute(
        f"""
        INSERT INTO line_versions ({_LINE_COLUMNS})
        SELECT
            :line + staged.id,
            known.booking,
            coalesce(refund_id, ''),
            known.version + 1,
            iif(money_differs, {customers.of_row}, known.customer),
            {SAID}, staged_segments.segment, {_DIGEST}, :run
        FROM known
        CROSS JOIN staged ON staged.id = known.staged_id
        LEFT JOIN whose_customer ON whose_customer.staged_id = staged.id
        CROSS JOIN staged_segments ON staged_segments.id = staged.segment
        WHERE (money_differs OR rest_differs) AND {TAKEN}
        ORDER BY staged.id
        """,
        {"line": bases.line_version, "run": run_id},
    )


def _post_metadata(compared: ComparedBookings, bases: Bases) -> None:
    compared.connection.execute(
        """
        INSERT INTO line_metadata (line_version, metadata, salt)
        SELECT line_versions.id, metadata, metadata_salt
        FROM staged CROSS JOIN line_versions ON line_versions.id = :line + staged.id
        WHERE metadata IS NOT NULL
        ORDER BY staged.id
        """,
        {"line": bases.line_version},
    )
