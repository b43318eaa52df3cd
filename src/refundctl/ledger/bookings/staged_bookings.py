"""Rows that were read and found well-formed, waiting in temporary tables before the write transaction begins.

The tables belong to the connection, are deleted by SQLite when it closes, and may spill to a private temporary file, so
that memory stays flat whatever the size of the input.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from refundctl.ledger.file.sql import run_script

SEGMENT_COLUMNS = ("status", "channel", "category", "tier", "country", "accepted")
PERSON_COLUMNS = ("email", "name", "phone", "locale", "marketing_consent")
LINE_COLUMNS = ("booked_at", "cancelled_at", "tickets")
OWED_OTHERWISE = ("cash_amount", "bonus_amount")
# canonical name -> name in the ledger
_STAGED = {
    "booking_id": "booking_id",
    "refund_id": "refund_id",
    "customer_id": "customer_id",
    "order_amount": "order_amount_minor",
    "refund_amount": "refund_amount_minor",
    **{name: f"{name}_minor" for name in OWED_OTHERWISE},
    "currency": "currency",
    **{name: name for name in (*PERSON_COLUMNS, *LINE_COLUMNS)},
    "metadata": "metadata",
}
SEGMENTS_REMEMBERED = 50_000

_TABLES = """
    DROP TABLE IF EXISTS temp.staged;
    DROP TABLE IF EXISTS temp.staged_further;
    DROP TABLE IF EXISTS temp.filtered_lines;
    DROP TABLE IF EXISTS temp.staged_files;
    DROP TABLE IF EXISTS temp.staged_segments;
    DROP TABLE IF EXISTS temp.rejected;
    DROP TABLE IF EXISTS temp.set_aside;
    DROP TABLE IF EXISTS temp.repeats;
    DROP TABLE IF EXISTS temp.shared_bookings;
    CREATE TEMP TABLE staged (
        id INTEGER PRIMARY KEY,
        physical_line INTEGER NOT NULL,
        booking_id TEXT NOT NULL,
        refund_id TEXT,
        customer_id TEXT NOT NULL,
        order_amount_minor INTEGER NOT NULL,
        refund_amount_minor INTEGER NOT NULL,
        cash_amount_minor INTEGER NOT NULL DEFAULT 0,
        bonus_amount_minor INTEGER NOT NULL DEFAULT 0,
        currency TEXT NOT NULL,
        email TEXT,
        name TEXT,
        phone TEXT,
        locale TEXT,
        marketing_consent TEXT,
        booked_at TEXT,
        cancelled_at TEXT,
        tickets INTEGER,
        segment INTEGER NOT NULL,
        metadata TEXT,
        metadata_salt BLOB
    );
    -- the other physical lines of a row that was put together from several
    CREATE TEMP TABLE staged_further (staged_id INTEGER NOT NULL, physical_line INTEGER NOT NULL);
    -- refund lines that a source leaves out
    CREATE TEMP TABLE filtered_lines (booking_id TEXT NOT NULL, refund_id TEXT NOT NULL, source TEXT NOT NULL);
    -- absent is JSON: the columns that the file doesn't have, about which it therefore says nothing
    CREATE TEMP TABLE staged_files (
        file INTEGER PRIMARY KEY, first_staged INTEGER NOT NULL, last_staged INTEGER NOT NULL, absent TEXT NOT NULL
    );
    CREATE TEMP TABLE staged_segments (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
        status TEXT, channel TEXT, category TEXT, tier TEXT, country TEXT, accepted TEXT, segment INTEGER
    );
    -- rows that can't be taken, whether the file or the ledger shows it
    CREATE TEMP TABLE rejected (
        file INTEGER NOT NULL, physical_line INTEGER NOT NULL, field TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL
    );
    CREATE TEMP TABLE set_aside (staged_id INTEGER PRIMARY KEY, field TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL);
    CREATE TEMP TABLE repeats (staged_id INTEGER PRIMARY KEY, first_staged INTEGER NOT NULL);
    CREATE TEMP TABLE shared_bookings (booking_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that can't be taken: the physical line it starts on, and why."""

    line: int
    field: str
    code: str
    reason: str


@dataclass(slots=True)
class Staging:
    """Collects the rows of one call, which may read several files."""

    connection: sqlite3.Connection
    rows: int = 0
    _source: str = ""
    _absent: Sequence[str] = ()
    _segments: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        run_script(self.connection, _TABLES)

    def begin_file(self, file: int, source: str) -> None:
        """What is added next comes from input number `file`, read by `source`."""
        self._source = source
        self.connection.execute("BEGIN")
        self.connection.execute("INSERT INTO staged_files VALUES (?, ?, ?, '[]')", (file, self.rows + 1, self.rows))

    def end_file(self, file: int) -> None:
        """The input is read to its end."""
        self.connection.execute(
            "UPDATE staged_files SET last_staged = ?, absent = ? WHERE file = ?",
            (self.rows, json.dumps(self._absent), file),
        )
        self.connection.execute("COMMIT")

    def add(
        self,
        lines: Sequence[int],
        columns: Mapping[str, Sequence[Any] | None],
        further_lines: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Stage rows, given as columns under their canonical names; amounts in minor units.

        `further_lines` are the other physical lines of each row, where it was put together from several.
        """
        present = {name: values for name, values in columns.items() if values is not None}
        self._absent = sorted(columns.keys() - present.keys())
        names = [name for name in _STAGED if name in present]
        first = self.rows + 1
        self.rows += len(lines)
        sql = (
            f"INSERT INTO staged (id, physical_line, segment, {', '.join(_STAGED[name] for name in names)}) "
            f"VALUES (?, ?, ?{', ?' * len(names)})"
        )
        self.connection.executemany(
            sql,
            zip(
                range(first, self.rows + 1),
                lines,
                self._segment_ids(present, len(lines)),
                *(present[name] for name in names),
                strict=True,
            ),
        )
        if further_lines is not None:
            self.connection.executemany(
                "INSERT INTO staged_further VALUES (?, ?)",
                ((first + row, line) for row, further in enumerate(further_lines) for line in further),
            )

    def leave_out(self, filtered_ids: Sequence[tuple[str, str]]) -> None:
        """Note which refund lines (booking_id and refund_id) the file's source leaves out."""
        self.connection.executemany(
            "INSERT INTO filtered_lines VALUES (?, ?, ?)", ((*ids, self._source) for ids in filtered_ids)
        )

    def reject(self, file: int, rejected: Sequence[tuple[int, str, str, str]]) -> None:
        """Note rows that the file alone shows to be wrong: (physical line, field, code, reason)."""
        self.connection.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?, ?)", ((file, *row) for row in rejected))

    def _segment_ids(self, present: Mapping[str, Sequence[Any]], count: int) -> list[int]:
        keys = list(
            zip(
                repeat(self._source, count),
                *(present[name] if name in present else repeat(None, count) for name in SEGMENT_COLUMNS),
                strict=True,
            )
        )
        missing = set(keys) - self._segments.keys()
        if len(self._segments) + len(missing) > SEGMENTS_REMEMBERED:
            self._segments.clear()
            missing = set(keys)
        for key in missing:
            self._segments[key] = self._segment_id(key)
        return [self._segments[key] for key in keys]

    def _segment_id(self, key: tuple[Any, ...]) -> int:
        return staged_segment(self.connection, key)


def staged_segment(connection: sqlite3.Connection, key: tuple[Any, ...]) -> int:
    """The number of a combination of a source and the values of SEGMENT_COLUMNS, in that order."""
    text = json.dumps(key)
    connection.execute(
        f"INSERT OR IGNORE INTO staged_segments (key, source, {', '.join(SEGMENT_COLUMNS)}) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (text, *key),
    )
    found = connection.execute("SELECT id FROM staged_segments WHERE key = ?", (text,)).fetchone()
    return int(found[0])


def find_contradictions(connection: sqlite3.Connection) -> None:
    """Set aside all lines of one call that contradict each other, and mark those that only repeat another one.

    Which row comes first never matters: either all lines of a contradiction go, or the repeats are the same.
    """
    connection.execute(
        "INSERT INTO shared_bookings SELECT booking_id FROM staged GROUP BY booking_id HAVING count(*) > 1"
    )
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM shared_bookings)").fetchone()[0]:
        return
    for column, name, said in (
        ("customer_id", "customer_id", "customer"),
        ("currency", "currency", "currency"),
        ("order_amount_minor", "order_amount", "order amount"),
    ):
        connection.execute(
            f"""
            INSERT OR IGNORE INTO set_aside
            SELECT
                staged.id, '{name}', 'contradiction',
                'the lines of booking ' || booking_id || ' name more than one {said}; keep the right one'
            FROM staged
            WHERE booking_id IN (
                SELECT booking_id FROM staged WHERE booking_id IN (SELECT booking_id FROM shared_bookings)
                GROUP BY booking_id HAVING count(DISTINCT {column}) > 1
            )
            """
        )
    _find_repeats(connection)


def _find_repeats(connection: sqlite3.Connection) -> None:
    compared = (
        "refund_amount_minor",
        "cash_amount_minor",
        "bonus_amount_minor",
        "segment",
        *(f"coalesce({name}, '')" for name in (*PERSON_COLUMNS, *LINE_COLUMNS, "metadata")),
    )
    run_script(
        connection,
        f"""
        DROP TABLE IF EXISTS temp.repeated_lines;
        CREATE TEMP TABLE repeated_lines AS
        SELECT
            booking_id, coalesce(refund_id, '') AS refund_id, min(id) AS first_staged,
            {" + ".join(f"(min({column}) IS NOT max({column}))" for column in compared)} > 0 AS contradicts
        FROM staged
        WHERE booking_id IN (SELECT booking_id FROM shared_bookings)
        GROUP BY 1, 2 HAVING count(*) > 1;
        CREATE INDEX temp.repeated_lines_key ON repeated_lines (booking_id, refund_id);
        INSERT OR IGNORE INTO set_aside
        SELECT
            staged.id, 'refund_id', 'contradiction',
            'this refund line of booking ' || staged.booking_id || ' stands here more than once, with different values; '
                || 'keep the right one, or give each partial refund its own refund_id'
        FROM staged JOIN repeated_lines AS line
            ON line.booking_id = staged.booking_id AND line.refund_id = coalesce(staged.refund_id, '')
        WHERE contradicts;
        INSERT INTO repeats
        SELECT staged.id, first_staged
        FROM staged JOIN repeated_lines AS line
            ON line.booking_id = staged.booking_id AND line.refund_id = coalesce(staged.refund_id, '')
        WHERE NOT contradicts AND staged.id <> first_staged AND staged.id NOT IN (SELECT staged_id FROM set_aside);
        """,
    )


def settle_repeats(connection: sqlite3.Connection) -> None:
    """Rows that are equal share their fate: where the one was set aside, its repeats are too."""
    connection.execute(
        """
        INSERT INTO set_aside
        SELECT repeats.staged_id, field, code, reason
        FROM repeats JOIN set_aside ON set_aside.staged_id = repeats.first_staged
        """
    )
    connection.execute("DELETE FROM repeats WHERE staged_id IN (SELECT staged_id FROM set_aside)")


def count_rejects(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows are rejected so far, by code."""
    rows = connection.execute(
        """
        SELECT code, count(*) FROM (
            SELECT code FROM rejected
            UNION ALL SELECT code FROM set_aside
            UNION ALL SELECT code FROM staged_further CROSS JOIN set_aside ON set_aside.staged_id = staged_further.staged_id
        )
        GROUP BY 1 ORDER BY 1
        """
    )
    return dict(rows.fetchall())


def rejects_of(connection: sqlite3.Connection, file: int) -> Iterator[Reject]:
    """All rejected rows of input number `file` in the order of their lines."""
    rows = connection.execute(
        """
        SELECT physical_line, field, code, reason FROM rejected WHERE file = ?1
        UNION ALL
        SELECT physical_line, field, code, reason
        FROM set_aside JOIN staged ON staged.id = set_aside.staged_id JOIN staged_files ON file = ?1
        WHERE staged.id BETWEEN first_staged AND last_staged
        UNION ALL
        SELECT staged_further.physical_line, field, code, reason
        FROM staged_further
        CROSS JOIN set_aside ON set_aside.staged_id = staged_further.staged_id
        JOIN staged_files ON file = ?1
        WHERE staged_further.staged_id BETWEEN first_staged AND last_staged
        ORDER BY 1
        """,
        (file,),
    )
    return (Reject(*row) for row in rows)
