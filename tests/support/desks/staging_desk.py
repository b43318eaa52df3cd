"""A ledger in memory, into which bookings and people are staged and posted as the loaders do, without any file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from refundctl.ledger.bookings import comparing, posting_bookings, withdrawing
from refundctl.ledger.bookings.contradictions import find_contradictions
from refundctl.ledger.bookings.line_versions import SEGMENT_COLUMNS
from refundctl.ledger.bookings.staged_bookings import LINE_COLUMNS, PERSON_COLUMNS, StagedBookings
from refundctl.ledger.bookings.staged_rows import StagedRows
from refundctl.ledger.database.connection import Clock, in_memory
from refundctl.ledger.journal.run_journal import Journal, Operator
from refundctl.ledger.people import erasing, posting_people
from refundctl.ledger.people.staged_people import StagedPeople, find_people

_AMOUNTS = ("order_amount", "refund_amount", "cash_amount", "bonus_amount")
_OTHERS = ("refund_id", *PERSON_COLUMNS, *LINE_COLUMNS, *SEGMENT_COLUMNS, "metadata")


@dataclass(frozen=True, slots=True)
class Staged:
    """What became of a load: its counts, and the rejects as (line, field, code)."""

    loaded: int
    updated: int
    unchanged: int
    rejects: Sequence[tuple[int, str, str]]
    withdrawn: int = 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Loaded, updated, unchanged."""
        return (self.loaded, self.updated, self.unchanged)


class StagingDesk:
    """Rows are CSV with a header, amounts in minor units, euros where nothing else is said; the first is on line 2."""

    def __init__(self) -> None:
        self.ledger = in_memory(Path("refunds.db"), Clock(datetime(2020, 5, 1, 12, tzinfo=UTC), rehearsal=False))
        self._journal = Journal(self.ledger, Operator("ann", 1, "desk"), "load", {})

    def load(self, text: str, *, source: str = "default", left_out: Sequence[tuple[str, str]] = ()) -> Staged:
        """Load bookings; `left_out` are ids of refund lines that the source leaves out."""
        rows = StagedBookings(self.ledger.connection)
        with rows.reading(1, source):
            columns = _bookings(list(csv.DictReader(io.StringIO(text))))
            rows.add(_lines(columns["booking_id"]), columns)
            rows.leave_out(left_out)
        find_contradictions(rows)
        with self.ledger.writing():
            run_id = self._journal.begin().run_id
            erasing.blank_bookings(rows)
            posted = posting_bookings.post(comparing.compare(rows), run_id)
            withdrawn = withdrawing.post(rows, run_id)
        return Staged(posted.loaded, posted.updated, posted.unchanged, _rejects(rows), withdrawn)

    def load_people(self, text: str) -> Staged:
        """Load people."""
        given = list(csv.DictReader(io.StringIO(text)))
        rows = StagedPeople(self.ledger.connection)
        with rows.reading(1, "default"):
            rows.add(1, range(2, len(given) + 2), {name: [row[name] or None for row in given] for name in given[0]})
        merged = find_people(rows)
        with self.ledger.writing():
            run_id = self._journal.begin().run_id
            erasing.blank_people(rows)
            posted = posting_people.post(rows, run_id)
        return Staged(posted.loaded, posted.updated, posted.unchanged + merged, _rejects(rows))

    def erase(self, customer: int) -> None:
        """Take a person out of the ledger."""
        with self.ledger.writing():
            erasing.erase(self.ledger.connection, customer, self._journal.begin().run_id)

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return self.ledger.connection.execute(sql).fetchall()


def _bookings(given: Sequence[dict[str, str]]) -> dict[str, Any]:
    columns: dict[str, Any] = dict.fromkeys(("cash_amount", "bonus_amount", *_OTHERS))
    columns |= {name: [row[name] or None for row in given] for name in given[0]} if given else {"booking_id": []}
    columns |= {name: [int(text or 0) for text in columns[name]] for name in _AMOUNTS if columns.get(name)}
    columns.setdefault("order_amount", columns.get("refund_amount", []))
    columns.setdefault("refund_amount", columns["order_amount"])
    columns.setdefault("customer_id", ["ana"] * len(given))
    columns.setdefault("currency", ["EUR"] * len(given))
    return columns


def _lines(column: Sequence[str]) -> Sequence[int]:
    return range(2, len(column) + 2)


def _rejects(rows: StagedRows) -> list[tuple[int, str, str]]:
    return [(reject.line, reject.field, reject.code) for reject in rows.rejects_of(1)]
