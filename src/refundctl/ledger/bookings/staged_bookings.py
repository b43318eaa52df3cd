"""Bookings that were read and found well-formed, waiting in temporary tables; StagedBookings is the door to them.

`contradictions` and `comparing` fill `set_aside`, `repeats` and `shared_bookings`, which who posts and who funds read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, ClassVar

from refundctl.ledger.bookings.line_versions import SEGMENT_COLUMNS
from refundctl.ledger.bookings.staged_rows import StagedRows

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
    -- combinations of a source and its descriptive values; `segment` is the same one in the ledger
    CREATE TEMP TABLE staged_segments (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
        status TEXT, channel TEXT, category TEXT, tier TEXT, country TEXT, accepted TEXT, segment INTEGER
    );
    -- rows that contradict another one or the ledger
    CREATE TEMP TABLE set_aside (
        staged_id INTEGER PRIMARY KEY, field TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL
    );
    -- rows that say the same as another one
    CREATE TEMP TABLE repeats (staged_id INTEGER PRIMARY KEY, first_staged INTEGER NOT NULL);
    -- bookings with more than one row
    CREATE TEMP TABLE shared_bookings (booking_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_SET_ASIDE = """
    SELECT file, {lines}.physical_line, field, code, reason
    FROM set_aside
    CROSS JOIN {lines} ON {lines}.{staged_id} = set_aside.staged_id
    CROSS JOIN staged_files ON set_aside.staged_id BETWEEN first_staged AND last_staged
"""


@dataclass(slots=True)
class StagedBookings(StagedRows):
    """The bookings of one call; one that was put together from several lines is rejected with each of them."""

    tables: ClassVar[str] = _TABLES
    rejects: ClassVar[str] = " UNION ALL ".join(
        (
            StagedRows.rejects,
            _SET_ASIDE.format(lines="staged", staged_id="id"),
            _SET_ASIDE.format(lines="staged_further", staged_id="staged_id"),
        )
    )
    rows: int = 0
    _source: str = ""
    _absent: Sequence[str] = ()
    _segments: dict[tuple[Any, ...], int] = field(default_factory=dict)

    @contextmanager
    def reading(self, file: int, source: str) -> Iterator[None]:
        """What is added within the block comes from input number `file`, read by `source`."""
        self._source = source
        first = self.rows + 1
        with self._one_transaction():
            yield
            self.connection.execute(
                "INSERT INTO staged_files VALUES (?, ?, ?, ?)", (file, first, self.rows, json.dumps(self._absent))
            )

    def files(self) -> list[tuple[range, frozenset[str]]]:
        """Of each file the numbers of its rows, and the columns that it doesn't have, about which it says nothing."""
        rows = self.connection.execute("SELECT first_staged, last_staged, absent FROM staged_files").fetchall()
        return [(range(first, last + 1), frozenset(json.loads(absent))) for first, last, absent in rows]

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
            self._segments[key] = self.segment(key)
        return [self._segments[key] for key in keys]

    def segment(self, key: tuple[Any, ...]) -> int:
        """The number of a combination of a source and the values of SEGMENT_COLUMNS, in that order."""
        text = json.dumps(key)
        self.connection.execute(
            f"INSERT OR IGNORE INTO staged_segments (key, source, {', '.join(SEGMENT_COLUMNS)}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (text, *key),
        )
        found = self.connection.execute("SELECT id FROM staged_segments WHERE key = ?", (text,)).fetchone()
        return int(found[0])
