"""Withdrawing refund lines that a source leaves out now, such as an order that the shop itself has refunded meanwhile.

Else they would be funded by what an earlier file has said of them. A row that is taken again brings its line back.
"""

from refundctl.ledger.bookings.line_versions import SAID
from refundctl.ledger.bookings.staged_bookings import StagedBookings
from refundctl.ledger.database.sql import make_temporary

_COLUMNS = f"booking, refund_id, customer, {SAID}, segment, metadata_digest"


def post(staged: StagedBookings, run_id: int) -> int:
    """Withdraw the known lines that the staged files leave out, by the source that brought them; give their number.

    A file may be read by two sources, each of which leaves out what the other takes: so only the lines of the same one.
    A line that another row of the call speaks of is not withdrawn.
    """
    connection = staged.connection
    make_temporary(connection, "CREATE TEMP TABLE withdrawn_lines (line_version INTEGER PRIMARY KEY);")
    found = connection.execute(
        """
        INSERT OR IGNORE INTO withdrawn_lines
        SELECT line_version
        FROM filtered_lines
        CROSS JOIN bookings ON bookings.booking_id = filtered_lines.booking_id
        CROSS JOIN refund_lines
            ON refund_lines.booking = bookings.id
            AND refund_lines.refund_id = coalesce(nullif(filtered_lines.refund_id, ''), filtered_lines.booking_id)
        CROSS JOIN segments ON segments.id = refund_lines.segment AND segments.source = filtered_lines.source
        WHERE NOT refund_lines.withdrawn
        """
    ).rowcount
    if not found:
        return 0
    connection.execute(
        """
        DELETE FROM withdrawn_lines WHERE line_version IN (
            SELECT line_versions.id
            FROM staged
            CROSS JOIN bookings ON bookings.booking_id = staged.booking_id
            CROSS JOIN line_versions
                ON line_versions.booking = bookings.id AND line_versions.refund_id = coalesce(staged.refund_id, '')
        )
        """
    )
    before = connection.execute("SELECT max(id) FROM line_versions").fetchone()[0]
    withdrawn = connection.execute(
        f"""
        INSERT INTO line_versions ({_COLUMNS}, version, withdrawn, run_id)
        SELECT {_COLUMNS}, version + 1, 1, ?
        FROM withdrawn_lines CROSS JOIN line_versions ON line_versions.id = withdrawn_lines.line_version
        ORDER BY line_version
        """,
        (run_id,),
    ).rowcount
    connection.execute(
        """
        INSERT INTO line_metadata (line_version, metadata, salt)
        SELECT new.id, metadata, salt
        FROM line_versions AS new
        CROSS JOIN line_versions AS old ON old.booking = new.booking AND old.refund_id = new.refund_id
            AND old.version = new.version - 1
        CROSS JOIN line_metadata ON line_metadata.line_version = old.id
        WHERE new.id > ?
        """,
        (before,),
    )
    return withdrawn
