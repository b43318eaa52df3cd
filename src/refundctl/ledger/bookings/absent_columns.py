"""Columns that a file doesn't have: it says nothing about them, so that what the ledger knows of its lines stays."""

from collections.abc import Mapping

from refundctl.ledger.bookings.comparing import ComparedBookings
from refundctl.ledger.bookings.line_versions import SEGMENT_COLUMNS
from refundctl.ledger.bookings.staged_bookings import LINE_COLUMNS, OWED_OTHERWISE, StagedBookings
from refundctl.ledger.database.sql import make_temporary

_CARRIED = {
    **{name: f"now.{name}" for name in LINE_COLUMNS},
    # The part of it that is owed in cash can't be more than what is owed now.
    "cash_amount": "min(now.cash_amount_minor, staged.refund_amount_minor)",
    "bonus_amount": "now.bonus_amount_minor",
}
_STAGED_NAMES = {name: f"{name}_minor" if name in OWED_OTHERWISE else name for name in _CARRIED}
# The staged segment for what a file says of one, and the ledger for the columns that the file doesn't have.
_MERGED = """
    CREATE TEMP TABLE merged_segments (
        new INTEGER, old INTEGER, merged INTEGER NOT NULL, PRIMARY KEY (new, old)
    ) WITHOUT ROWID;
"""
_CHANGED_ROWS = """
    SELECT staged_id FROM known WHERE (money_differs OR rest_differs) AND staged_id BETWEEN :first AND :last
"""


def carry_absent(compared: ComparedBookings) -> None:
    """Give changed lines what the ledger knows of columns that their file doesn't have."""
    connection = compared.connection
    for staged, absent in compared.staged.files():
        rows = {"first": staged.start, "last": staged.stop - 1}
        carried = {name: sql for name, sql in _CARRIED.items() if name in absent}
        if carried:
            connection.execute(
                f"""
                UPDATE staged SET ({", ".join(_STAGED_NAMES[name] for name in carried)}) = (
                    SELECT {", ".join(carried.values())}
                    FROM known CROSS JOIN line_versions AS now ON now.id = known.line_version
                    WHERE known.staged_id = staged.id
                )
                WHERE id IN ({_CHANGED_ROWS})
                """,
                rows,
            )
        if absent.intersection(SEGMENT_COLUMNS):
            _carry_segments(compared.staged, rows, absent)


def _carry_segments(staged: StagedBookings, rows: Mapping[str, int], absent: frozenset[str]) -> None:
    connection = staged.connection
    names = ("source", *SEGMENT_COLUMNS)
    columns = ", ".join(f"{table}.{name}" for table in ("new", "old") for name in names)
    pairs = connection.execute(
        f"""
        SELECT DISTINCT new.id, old.id, {columns}
        FROM known
        CROSS JOIN staged ON staged.id = known.staged_id
        CROSS JOIN line_versions AS now ON now.id = known.line_version
        CROSS JOIN staged_segments AS new ON new.id = staged.segment
        CROSS JOIN segments AS old ON old.id = now.segment
        WHERE staged.id IN ({_CHANGED_ROWS})
        """,
        rows,
    ).fetchall()
    make_temporary(connection, _MERGED)
    for new, old, *values in pairs:
        said, known = values[: len(names)], values[len(names) :]
        merged = tuple(known[at] if name in absent else said[at] for at, name in enumerate(names))
        connection.execute("INSERT INTO merged_segments VALUES (?, ?, ?)", (new, old, staged.segment(merged)))
    connection.execute(
        f"""
        UPDATE staged SET segment = (
            SELECT merged
            FROM known
            CROSS JOIN line_versions AS now ON now.id = known.line_version
            CROSS JOIN merged_segments ON new = staged.segment AND old = now.segment
            WHERE known.staged_id = staged.id
        )
        WHERE id IN ({_CHANGED_ROWS})
        """,
        rows,
    )
