"""Rows that were read and found well-formed, waiting in temporary tables before the write transaction begins.

The tables belong to the connection, are deleted by SQLite when it closes, and may spill to a private temporary file, so
that memory stays flat whatever the size of the input.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from refundctl.ledger.script import run_script

SEGMENT_COLUMNS = ("status", "channel", "category", "tier", "country", "accepted")
PERSON_COLUMNS = ("email", "name", "phone", "locale", "marketing_consent")
LINE_COLUMNS = ("booked_at", "cancelled_at", "tickets")
# canonical name -> name in the ledger
_STAGED = {
    "booking_id": "booking_id",
    "refund_id": "refund_id",
    "customer_id": "customer_id",
    "order_amount": "order_amount_minor",
    "refund_amount": "refund_amount_minor",
    "currency": "currency",
    **{name: name for name in (*PERSON_COLUMNS, *LINE_COLUMNS)},
    "metadata": "metadata",
}
SEGMENTS_REMEMBERED = 50_000
_POSITIVE = 0x7FFF_FFFF_FFFF_FFFF

_TABLES = """
    DROP TABLE IF EXISTS temp.staged;
    DROP TABLE IF EXISTS temp.staged_files;
    DROP TABLE IF EXISTS temp.staged_segments;
    DROP TABLE IF EXISTS temp.rejected;
    DROP TABLE IF EXISTS temp.set_aside;
    DROP TABLE IF EXISTS temp.repeats;
    DROP TABLE IF EXISTS temp.shared_bookings;
    DROP TABLE IF EXISTS temp.people;
    CREATE TEMP TABLE staged (
        id INTEGER PRIMARY KEY,
        physical_line INTEGER NOT NULL,
        booking_id TEXT NOT NULL,
        refund_id TEXT,
        customer_id TEXT NOT NULL,
        person INTEGER NOT NULL,
        said INTEGER NOT NULL,
        order_amount_minor INTEGER NOT NULL,
        refund_amount_minor INTEGER NOT NULL,
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
    CREATE TEMP TABLE staged_files (file INTEGER PRIMARY KEY, first_staged INTEGER NOT NULL, last_staged INTEGER NOT NULL);
    CREATE TEMP TABLE staged_segments (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
        status TEXT, channel TEXT, category TEXT, tier TEXT, country TEXT, accepted TEXT, segment INTEGER
    );
    -- each customer of the files once; differs where rows say different things of one person
    CREATE TEMP TABLE people (id INTEGER PRIMARY KEY, first_staged INTEGER NOT NULL, differs INTEGER NOT NULL);
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
    person_key: Callable[[str], int] = hash
    rows: int = 0
    _segments: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        run_script(self.connection, _TABLES)

    def begin_file(self, file: int) -> None:
        """What is added next comes from input number `file`."""
        self.connection.execute("BEGIN")
        self.connection.execute("INSERT INTO staged_files VALUES (?, ?, ?)", (file, self.rows + 1, self.rows))

    def end_file(self, file: int) -> None:
        """The input is read to its end."""
        self.connection.execute("UPDATE staged_files SET last_staged = ? WHERE file = ?", (self.rows, file))
        self.connection.execute("COMMIT")

    def add(self, lines: Sequence[int], columns: Mapping[str, Sequence[Any] | None]) -> None:
        """Stage rows, given as columns under their canonical names; amounts in minor units."""
        present = {name: values for name, values in columns.items() if values is not None}
        names = [name for name in _STAGED if name in present]
        people = [name for name in ("customer_id", *PERSON_COLUMNS) if name in present]
        first = self.rows + 1
        self.rows += len(lines)
        sql = (
            f"INSERT INTO staged (id, physical_line, segment, person, said, {', '.join(_STAGED[name] for name in names)}) "
            f"VALUES (?, ?, ?, ?, ?{', ?' * len(names)})"
        )
        self.connection.executemany(
            sql,
            zip(
                range(first, self.rows + 1),
                lines,
                self._segment_ids(present, len(lines)),
                [self.person_key(customer_id) & _POSITIVE for customer_id in present["customer_id"]],
                [hash(said) & _POSITIVE for said in zip(*(present[name] for name in people), strict=True)],
                *(present[name] for name in names),
                strict=True,
            ),
        )

    def reject(self, file: int, rejected: Sequence[tuple[int, str, str, str]]) -> None:
        """Note rows that the file alone shows to be wrong: (physical line, field, code, reason)."""
        self.connection.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?, ?)", ((file, *row) for row in rejected))

    def _segment_ids(self, present: Mapping[str, Sequence[Any]], count: int) -> list[int]:
        keys = list(
            zip(
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
        text = json.dumps(key)
        self.connection.execute(
            f"INSERT OR IGNORE INTO staged_segments (key, {', '.join(SEGMENT_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (text, *key),
        )
        found = self.connection.execute("SELECT id FROM staged_segments WHERE key = ?", (text,)).fetchone()
        return int(found[0])


def find_people(connection: sqlite3.Connection) -> None:
    """Collect each customer of the files once, and note where rows say different things of one person.

    `person` and `said` are hashes, of the customer_id and of all that a row says of the person: numbers are sorted faster
    than texts. Where two customers share one, which next to never happens, they get numbers below zero instead.
    """
    _group_people(connection, "TRUE")
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM people WHERE differs)").fetchone()[0]:
        return
    collided = connection.execute(
        """
        UPDATE staged SET person = -(SELECT min(id) FROM staged AS other WHERE other.customer_id = staged.customer_id)
        WHERE person IN (
            SELECT person FROM staged WHERE person IN (SELECT id FROM people WHERE differs)
            GROUP BY person HAVING min(customer_id) <> max(customer_id)
        )
        """
    ).rowcount
    if collided:
        connection.execute("DELETE FROM people WHERE id NOT IN (SELECT person FROM staged)")
        _group_people(connection, "person < 0")


def _group_people(connection: sqlite3.Connection, condition: str) -> None:
    connection.execute(
        f"""
        INSERT INTO people (id, first_staged, differs)
        SELECT person, min(id), min(said) <> max(said) FROM staged WHERE {condition} GROUP BY person ORDER BY person
        """
    )


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
        ("person", "customer_id", "customer"),
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
        "SELECT code, count(*) FROM (SELECT code FROM rejected UNION ALL SELECT code FROM set_aside) GROUP BY 1 ORDER BY 1"
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
        ORDER BY 1
        """,
        (file,),
    )
    return (Reject(*row) for row in rows)
