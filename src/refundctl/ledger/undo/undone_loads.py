"""Withdrawing the refund lines that a load brought, and giving those that it changed their earlier words back."""

import sqlite3

from refundctl.ledger.bookings.line_versions import SAID, newest_version
from refundctl.ledger.database.sql import make_temporary, one_value
from refundctl.ledger.undo.undone_cards import Staying, Withdrawn
from refundctl.ledger.undo.undone_runs import CONTRADICTING, FUNDED_BY, MOST_LISTED


def withdraw(connection: sqlite3.Connection, undone: int, run_id: int) -> Withdrawn:
    """Undo what the load `undone` said: its new lines are undone, and lines that it changed say what they said before.

    Lines that another run has funded stay, as do changed ones that would contradict other lines of their booking. What
    a later file has said of a changed line counts.
    """
    overwritten = _find_lines(connection, undone)
    lines = connection.execute(
        """
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT line, ?, ? FROM loaded_lines WHERE held_by IS NULL ORDER BY line
        """,
        (undone, run_id),
    ).rowcount
    restored = _restore(connection, run_id)
    stay = """
        SELECT line, held_by FROM loaded_lines WHERE held_by IS NOT NULL
        UNION
        SELECT line, held_by FROM changed_lines WHERE held_by IS NOT NULL
    """
    count = one_value(connection, f"SELECT count(*) FROM ({stay})")
    kept = connection.execute(
        f"""
        SELECT NULL, booking_id, refund_id, nullif(held_by, 0)
        FROM ({stay} ORDER BY 1 LIMIT {MOST_LISTED}) AS stay CROSS JOIN refund_lines ON refund_lines.line = stay.line
        ORDER BY stay.line
        """
    )
    return Withdrawn(lines, count, [Staying(*row) for row in kept], restored, overwritten)


def _find_lines(connection: sqlite3.Connection, undone: int) -> int:
    """Collect what the load brought in temp.loaded_lines, and what it changed in temp.changed_lines.

    Gives the number of lines of which a later file has the last word: they are in neither.
    """
    make_temporary(connection, _LINES_TABLES)
    connection.execute(
        f"""
        INSERT INTO loaded_lines
        SELECT id, {FUNDED_BY.format(line="line_versions.id")} FROM line_versions
        WHERE run_id = :undone AND version = 1
            AND NOT EXISTS (SELECT 1 FROM undone_lines WHERE line = line_versions.id AND undone_run = :undone)
        ORDER BY id
        """,
        {"undone": undone},
    )
    changed = _find_changed_lines(connection, undone)
    # Funded before this load: what the line was funded by is what it said then, so that is brought back.
    connection.execute("UPDATE changed_lines SET held_by = NULL WHERE held_by < ?", (undone,))
    _keep_in_its_currency(connection)
    _keep_contradicting(connection)
    said = "SELECT count(*) FROM line_versions WHERE run_id = ? AND version > 1"
    return int(one_value(connection, said, (undone,))) - changed


_LINES_TABLES = """
    -- lines that the load brought in; held_by: the run that funds them
    CREATE TEMP TABLE loaded_lines (line INTEGER PRIMARY KEY, held_by INTEGER);
    -- lines of which it has the last word, what they say now, and said before; held_by: the run for which they stay
    CREATE TEMP TABLE changed_lines (
        line INTEGER PRIMARY KEY, booking INTEGER NOT NULL, now INTEGER NOT NULL, before INTEGER NOT NULL,
        held_by INTEGER
    );
"""
_SAID = f"customer, {SAID}, segment, metadata_digest, withdrawn"
_SAME = " AND ".join(f"{{one}}.{name.strip()} IS {{other}}.{name.strip()}" for name in _SAID.split(","))
_BY_AN_UNDO = "(SELECT command = 'undo' FROM runs WHERE runs.id = {version}.run_id)"


def _find_changed_lines(connection: sqlite3.Connection, undone: int) -> int:
    """Find the lines that say what the load said of them, and what they said before it; give their number.

    That is its own version, or one with which the undo of a later load has brought it back; and before it, the last one
    that is neither such nor of an undone load.
    """
    return connection.execute(
        f"""
        INSERT INTO changed_lines
        SELECT first.id, first.booking, now.id, before.id, {FUNDED_BY.format(line="first.id")}
        FROM line_versions AS said
        CROSS JOIN line_versions AS first
            ON first.booking = said.booking AND first.refund_id = said.refund_id AND first.version = 1
        CROSS JOIN line_versions AS now ON now.id = {newest_version("said")}
        CROSS JOIN line_versions AS before ON before.id = coalesce(
            (
                SELECT earlier.id FROM line_versions AS earlier
                WHERE earlier.booking = said.booking AND earlier.refund_id = said.refund_id AND earlier.version > 1
                    AND earlier.version < said.version
                    AND earlier.run_id NOT IN (SELECT undone_run FROM undoings)
                    AND NOT {_BY_AN_UNDO.format(version="earlier")}
                ORDER BY earlier.version DESC LIMIT 1
            ),
            first.id
        )
        WHERE said.run_id = ? AND said.version > 1
            AND (now.id = said.id OR ({_BY_AN_UNDO.format(version="now")} AND {_SAME.format(one="now", other="said")}))
            AND NOT ({_SAME.format(one="now", other="before")})
        ORDER BY first.id
        """,
        (undone,),
    ).rowcount


def _keep_in_its_currency(connection: sqlite3.Connection) -> None:
    """A line that was ever funded stays in that currency: what was spent of it counts when it is funded again."""
    connection.execute(
        """
        UPDATE changed_lines SET held_by = 0
        WHERE held_by IS NULL
            AND (SELECT currency FROM line_versions WHERE id = now)
                <> (SELECT currency FROM line_versions WHERE id = before)
            AND EXISTS (SELECT 1 FROM transactions WHERE transactions.line = changed_lines.line AND entry = 1)
        """
    )


def _keep_contradicting(connection: sqlite3.Connection) -> None:
    connection.execute(
        f"""
        UPDATE changed_lines SET held_by = coalesce(
            (
                SELECT max(other.run_id) FROM line_versions AS other
                WHERE other.booking = changed_lines.booking AND other.version = 1 AND other.id <> changed_lines.line
            ),
            0
        )
        WHERE held_by IS NULL AND booking IN (
            SELECT booking FROM (
                SELECT before.booking, customer, currency, order_amount_minor, refund_amount_minor
                FROM changed_lines CROSS JOIN line_versions AS before ON before.id = changed_lines.before
                WHERE held_by IS NULL
                UNION ALL
                SELECT other.booking, other.customer, currency, order_amount_minor, refund_amount_minor
                FROM (SELECT DISTINCT booking FROM changed_lines) AS changed
                CROSS JOIN refund_lines AS other ON other.booking = changed.booking
                WHERE line NOT IN (SELECT line FROM changed_lines WHERE held_by IS NULL)
                    AND line NOT IN (SELECT line FROM loaded_lines WHERE held_by IS NULL)
            )
            GROUP BY booking {CONTRADICTING}
        )
        """
    )


def _restore(connection: sqlite3.Connection, run_id: int) -> int:
    before = one_value(connection, "SELECT coalesce(max(id), 0) FROM line_versions")
    said = ", ".join(f"before.{name.strip()}" for name in _SAID.split(","))
    restored = connection.execute(
        f"""
        INSERT INTO line_versions (booking, refund_id, version, {_SAID}, run_id)
        SELECT before.booking, before.refund_id, now.version + 1, {said}, ?
        FROM changed_lines
        CROSS JOIN line_versions AS now ON now.id = changed_lines.now
        CROSS JOIN line_versions AS before ON before.id = changed_lines.before
        WHERE held_by IS NULL
        ORDER BY changed_lines.line
        """,
        (run_id,),
    ).rowcount
    if restored:
        connection.execute(
            """
            INSERT INTO line_metadata (line_version, metadata, salt)
            SELECT new.id, metadata, salt
            FROM line_versions AS new
            CROSS JOIN line_versions AS first
                ON first.booking = new.booking AND first.refund_id = new.refund_id AND first.version = 1
            CROSS JOIN changed_lines ON changed_lines.line = first.id
            CROSS JOIN line_metadata ON line_metadata.line_version = changed_lines.before
            WHERE new.id > ?
            """,
            (before,),
        )
    return restored
