"""What the stagings of bookings, people and redemptions share: rows that wait before the write transaction begins.

They wait in temporary tables, which belong to the connection, are deleted by SQLite when it closes, and may spill to a
private temporary file, so that memory stays flat whatever the size of the input. A staging makes its tables, and is the
door to them: whoever reads them asks for it. `rejected` is made by all, and read through `rejects`.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, ClassVar

from refundctl.ledger.database.sql import make_temporary

if TYPE_CHECKING:
    from refundctl.domain.bookings.booking_cells import RejectedRow

_REJECTED = """
    -- rows that can't be taken, whether the file or the ledger shows it
    CREATE TEMP TABLE rejected (
        file INTEGER NOT NULL, physical_line INTEGER NOT NULL, field TEXT NOT NULL, code TEXT NOT NULL,
        reason TEXT NOT NULL
    );
"""


@dataclass(slots=True)
class StagedRows:
    """The rows of one call, which may read several files; inputs are numbered from 1."""

    connection: sqlite3.Connection
    tables: ClassVar[str] = ""
    rejects: ClassVar[str] = "SELECT file, physical_line, field, code, reason FROM rejected"

    def __post_init__(self) -> None:
        make_temporary(self.connection, _REJECTED + self.tables)

    def reading(self, file: int, source: str) -> AbstractContextManager[None]:
        """What is added within the block comes from input number `file`, read by `source`."""
        return self._one_transaction()

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        # Where the block raises, Ledger.unlocked() rolls back.
        self.connection.execute("BEGIN")
        yield
        self.connection.execute("COMMIT")

    def reject(self, file: int, rejected: Sequence[tuple[int, str, str, str]]) -> None:
        """Note rows that can't be taken: (physical line, field, code, reason)."""
        self.connection.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?, ?)", ((file, *row) for row in rejected))

    def count_rejects(self) -> dict[str, int]:
        """How many rows are rejected so far, by code."""
        rows = self.connection.execute(f"SELECT code, count(*) FROM ({self.rejects}) GROUP BY 1 ORDER BY 1")
        return dict(rows.fetchall())

    def rejects_of(self, file: int) -> Iterator["RejectedRow"]:
        """All rejected rows of input number `file` in the order of their lines."""
        from refundctl.domain.bookings.booking_cells import RejectedRow  # figures need no cells

        rows = self.connection.execute(
            f"SELECT physical_line, field, code, reason FROM ({self.rejects}) WHERE file = ? ORDER BY 1", (file,)
        )
        return (RejectedRow(*row) for row in rows)


@dataclass(slots=True)
class StagedTexts(StagedRows):
    """Rows that are staged in one table of texts, as they stand in their files."""

    table: ClassVar[str]
    columns: ClassVar[Sequence[str]]

    def add(self, file: int, lines: Sequence[int], columns: Mapping[str, Sequence[str | None]]) -> None:
        """Stage rows of input number `file`, given as columns under their canonical names."""
        names = [name for name in self.columns if name in columns]
        self.connection.executemany(
            f"INSERT INTO {self.table} (file, physical_line, {', '.join(names)}) VALUES (?, ?{', ?' * len(names)})",
            zip(repeat(file, len(lines)), lines, *(columns[name] for name in names), strict=True),
        )
